// tf.layers.simpleRNN(), lstm() and gru(), with the names and defaults of TensorFlow.js, but for what deltaprop does not have: its one form of the
// GRU, resetAfter: false.

import {
  gru,
  type GateActivation,
  InputError,
  lstm,
  simpleRNN,
  type Layer as CoreLayer,
  type RecurrentActivation,
  type RecurrentLayer,
  type Regularizer,
} from "../index.ts";
import { toActivation, type Activation } from "./activations.ts";
import { glorotNormal, Initializer, orthogonal, toInitializer, zeros } from "./initializers.ts";
import { Layer, toRegularizer, type DenseLayerArgs, type LayerWeight, type RegularizerOption } from "./layers.ts";
import { unsupported } from "./missing.ts";

/** What tf.layers.simpleRNN() takes. */
export interface SimpleRNNLayerArgs extends DenseLayerArgs {
  recurrentInitializer?: Initializer | string;
  recurrentRegularizer?: RegularizerOption;
  returnSequences?: boolean;
  dropout?: number;
  /** Only false. */
  stateful?: boolean;
  /** Only 0. */
  recurrentDropout?: number;
  /** Only false. */
  returnState?: boolean;
  /** Only false. */
  goBackwards?: boolean;
  /** Changes nothing, nor does `implementation`. */
  unroll?: boolean;
  implementation?: number;
}

/** What tf.layers.lstm() takes. */
export interface LSTMLayerArgs extends SimpleRNNLayerArgs {
  /** Of the gates; default "hardSigmoid", 0.2z + ½ between 0 and 1. */
  recurrentActivation?: string;
  /** Whether the bias of the forget gate starts at 1; default false, as in TensorFlow.js. */
  unitForgetBias?: boolean;
}

/** What tf.layers.gru() takes. */
export interface GRULayerArgs extends SimpleRNNLayerArgs {
  /** As of tf.layers.lstm(). */
  recurrentActivation?: string;
  /** Must be true, Keras' default: TensorFlow.js' only form, false, is not here. */
  resetAfter?: boolean;
}

const OPTIONS = [
  "units",
  "activation",
  "useBias",
  "kernelInitializer",
  "recurrentInitializer",
  "biasInitializer",
  "kernelRegularizer",
  "recurrentRegularizer",
  "biasRegularizer",
  "returnSequences",
  "dropout",
];
const MORE = { simpleRNN: [], lstm: ["recurrentActivation", "unitForgetBias"], gru: ["recurrentActivation", "resetAfter"] };
const CLASSES = { simpleRNN: "SimpleRNN", lstm: "LSTM", gru: "GRU" };

/** Options that change nothing at this value; at any where it is null. */
const SAME: Readonly<Record<string, unknown>> = {
  recurrentDropout: 0,
  returnState: false,
  goBackwards: false,
  stateful: false,
  unroll: null,
  implementation: null,
};
const saying = (options: object): object =>
  Object.fromEntries(
    Object.entries(options).filter(([key, value]) => !Object.hasOwn(SAME, key) || (SAME[key] !== null && SAME[key] !== value)),
  );

type RecurrentType = RecurrentLayer["type"];

/** σ of gates; deltaprop's name of TensorFlow.js' "hardSigmoid" is another. */
type Gate = Activation<GateActivation>;
const HARD: Gate = { given: "hardSigmoid", name: "hardSigmoidKeras2", of: (z) => Math.min(Math.max(0.2 * z + 0.5, 0), 1) };
const gateOf = (where: string, given = HARD.given): Gate =>
  given === HARD.given ? HARD : (toActivation(`${where}: recurrentActivation`, given) as Gate);

/** tf.layers.simpleRNN(), tf.layers.lstm() and tf.layers.gru(). */
export class Recurrent extends Layer {
  readonly activation: Activation;
  /** Of the gates, where there are any. */
  readonly recurrentActivation: Gate | null;
  readonly #options: SimpleRNNLayerArgs & LSTMLayerArgs & GRULayerArgs;

  constructor(
    readonly type: RecurrentType,
    options: SimpleRNNLayerArgs | LSTMLayerArgs | GRULayerArgs,
  ) {
    super(CLASSES[type], saying(options), [...OPTIONS, ...MORE[type]]);
    const where = `tf.layers.${type}`;
    this.#options = options;
    this.activation = toActivation(where, options.activation ?? "tanh");
    this.recurrentActivation = type === "simpleRNN" ? null : gateOf(where, this.#options.recurrentActivation);
    if (type === "gru" && this.#options.resetAfter !== true)
      throw unsupported(
        `${where}: resetAfter: false, TensorFlow.js' only form,`,
        "Set resetAfter: true, Keras' default; weights of TensorFlow.js do not fit it.",
      );
    // Checked now, where the mistake is.
    this.core(undefined);
  }

  /** Matrices side by side in the kernels. */
  get #blocks(): number {
    return { simpleRNN: 1, lstm: 4, gru: 3 }[this.type];
  }
  get units(): number {
    return this.#options.units;
  }
  get useBias(): boolean {
    return this.#options.useBias ?? true;
  }
  override get regularizers(): (Regularizer | null)[] {
    const { kernelRegularizer, recurrentRegularizer, biasRegularizer } = this.#options,
      biases = !this.useBias ? [] : this.type === "gru" ? [biasRegularizer, biasRegularizer] : [biasRegularizer];
    return [kernelRegularizer, recurrentRegularizer, ...biases].map(toRegularizer);
  }
  get returnSequences(): boolean {
    return this.#options.returnSequences ?? false;
  }
  outputOf(input: number[]): number[] {
    if (input.length !== 2)
      throw new InputError(`${this.name}: a recurrent layer takes [steps, features]; [${input.join(", ")}] reaches ` + `it.`);
    return this.returnSequences ? [input[0], this.units] : [this.units];
  }
  protected weightsFor([, features]: number[]): LayerWeight[] {
    const { units, kernelInitializer, recurrentInitializer, biasInitializer, unitForgetBias } = this.#options,
      columns = this.#blocks * units,
      bias = toInitializer(this.name, biasInitializer, zeros),
      // i, f, g, o.
      forgetting = new Initializer("UnitForgetBias", (shape) => bias.draw(shape).fill(1, units, 2 * units));
    return [
      this.weight("kernel", [features, columns], toInitializer(this.name, kernelInitializer, glorotNormal)),
      this.weight("recurrent_kernel", [units, columns], toInitializer(this.name, recurrentInitializer, orthogonal)),
      ...(this.useBias ? [this.weight("bias", [columns], unitForgetBias ? forgetting : bias)] : []),
      ...(this.useBias && this.type === "gru" ? [this.weight("recurrent_bias", [columns], bias)] : []),
    ];
  }
  core(inputShape: number[] | undefined): CoreLayer[] {
    const { units, dropout, recurrentRegularizer, kernelRegularizer, biasRegularizer } = this.#options,
      recurrentActivation = this.recurrentActivation?.name;
    const common = {
      units,
      trainable: this.trainable,
      activation: this.activation.name as RecurrentActivation,
      returnSequences: this.returnSequences,
      useBias: this.useBias,
      inputShape,
      kernelInitializer: "zeros",
      recurrentInitializer: "zeros",
      dropout,
      kernelRegularizer: toRegularizer(kernelRegularizer),
      recurrentRegularizer: toRegularizer(recurrentRegularizer),
      biasRegularizer: toRegularizer(biasRegularizer),
    } as const;
    if (this.type === "lstm") return [lstm({ ...common, recurrentActivation, unitForgetBias: this.#options.unitForgetBias ?? false })];
    return [this.type === "gru" ? gru({ ...common, recurrentActivation }) : simpleRNN(common)];
  }
}
