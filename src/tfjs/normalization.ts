// tf.layers.batchNormalization() and layerNormalization(), with the names and defaults of TensorFlow.js.

import { batchNormalization, layerNormalization, type Layer as CoreLayer, type Regularizer } from "../index.ts";
import { ones, toInitializer, zeros, type Initializer } from "./initializers.ts";
import { Layer, toRegularizer, type LayerOptions, type LayerWeight, type RegularizerOption } from "./layers.ts";
import { unsupported } from "./missing.ts";

export interface LayerNormalizationLayerArgs extends LayerOptions {
  /** −1, or the number of the last axis, the batch being 0: features are normalized. */
  axis?: number | readonly number[];
  epsilon?: number;
  center?: boolean;
  scale?: boolean;
  betaInitializer?: Initializer | string;
  gammaInitializer?: Initializer | string;
  betaRegularizer?: RegularizerOption;
  gammaRegularizer?: RegularizerOption;
}

export interface BatchNormalizationLayerArgs extends LayerNormalizationLayerArgs {
  momentum?: number;
  movingMeanInitializer?: Initializer | string;
  movingVarianceInitializer?: Initializer | string;
}

const KNOWN = ["axis", "epsilon", "center", "scale", "betaInitializer", "gammaInitializer", "betaRegularizer", "gammaRegularizer"];
const KNOWN_OF_BATCH = [...KNOWN, "momentum", "movingMeanInitializer", "movingVarianceInitializer"];

/** Both layers: what a batch normalization has more is its moving statistics. */
export class Normalization extends Layer {
  readonly epsilon: number;
  readonly #options: BatchNormalizationLayerArgs;

  /** @param moves whether it is a batch normalization */
  constructor(
    readonly moves: boolean,
    options: BatchNormalizationLayerArgs | undefined,
  ) {
    super(moves ? "BatchNormalization" : "LayerNormalization", options ?? {}, moves ? KNOWN_OF_BATCH : KNOWN);
    this.#options = options ?? {};
    this.epsilon = this.#options.epsilon ?? 1e-3;
    // Checked now, where the mistake is.
    this.core(undefined);
  }

  get #scale(): boolean {
    return this.#options.scale ?? true;
  }
  get #center(): boolean {
    return this.#options.center ?? true;
  }
  get gamma(): LayerWeight | null {
    return this.#scale ? this.weights[0] : null;
  }
  get beta(): LayerWeight | null {
    return this.#center ? this.weights[Number(this.#scale)] : null;
  }
  override get regularizers(): (Regularizer | null)[] {
    const { gammaRegularizer, betaRegularizer } = this.#options;
    return [
      ...(this.#scale ? [gammaRegularizer] : []),
      ...(this.#center ? [betaRegularizer] : []),
      ...(this.moves ? [null, null] : []),
    ].map(toRegularizer);
  }
  outputOf(input: number[]): number[] {
    const axes = [this.#options.axis ?? -1].flat();
    if (axes.length !== 1 || ![-1, input.length].includes(axes[0])) {
      throw unsupported(`${this.name}: axis ${axes.join(", ")}`, `It must be -1 or ${input.length}, the features: leave it out.`);
    }
    return input;
  }
  protected weightsFor(input: number[]): LayerWeight[] {
    const { gammaInitializer, betaInitializer, movingMeanInitializer, movingVarianceInitializer } = this.#options;
    const make = (name: string, given: Initializer | string | undefined, fallback: () => Initializer, trainable: boolean): LayerWeight =>
      this.weight(name, input.slice(-1), toInitializer(this.name, given, fallback), trainable);
    return [
      ...(this.#scale ? [make("gamma", gammaInitializer, ones, true)] : []),
      ...(this.#center ? [make("beta", betaInitializer, zeros, true)] : []),
      ...(this.moves
        ? [make("moving_mean", movingMeanInitializer, zeros, false), make("moving_variance", movingVarianceInitializer, ones, false)]
        : []),
    ];
  }
  core(inputShape: number[] | undefined): CoreLayer[] {
    const { momentum, gammaRegularizer, betaRegularizer } = this.#options,
      common = {
        inputShape,
        trainable: this.trainable,
        epsilon: this.epsilon,
        center: this.#center,
        scale: this.#scale,
        gammaRegularizer: toRegularizer(gammaRegularizer),
        betaRegularizer: toRegularizer(betaRegularizer),
      };
    return [this.moves ? batchNormalization({ ...common, momentum }) : layerNormalization(common)];
  }
}

/** γ·(x − μ)/√(σ² + ε) + β on the host, with the moving statistics of a batch normalization, those of each row of a layer normalization. */
export function normalizeOnHost({ moves, epsilon, gamma, beta, weights }: Normalization, data: Float64Array, width: number): Float64Array {
  const out = new Float64Array(data.length),
    [mean, variance] = weights.slice(-2).map((weight) => weight.data);
  for (let at = 0; at < data.length; at += width) {
    const row = data.subarray(at, at + width),
      average = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / width;
    const centre = moves ? 0 : average(row),
      spread = moves ? 0 : average(row.map((value) => (value - centre) ** 2));
    for (let j = 0; j < width; j++) {
      const normalized = (row[j] - (moves ? mean[j] : centre)) / Math.sqrt((moves ? variance[j] : spread) + epsilon);
      out[at + j] = normalized * (gamma ? gamma.data[j] : 1) + (beta ? beta.data[j] : 0);
    }
  }
  return out;
}
