// Layers that a model is made of: what a program declares by tf.layers.*, with weights on the host. A layer is built, its weights
// drawn, when it is added to a model.

import { dense, dropout, activation, InputError, type Layer as CoreLayer, type Regularizer } from "../index.ts";
import { toActivation, type Activation } from "./activations.ts";
import { glorotNormal, toInitializer, zeros, type Initializer } from "./initializers.ts";
import { missing, unsupported } from "./missing.ts";
import { read, Tensor } from "./tensor.ts";
import { sizeOf } from "./nd-array.ts";

/** One weight tensor; its numbers are those of the last fit(), or of setWeights(). */
export class LayerWeight {
  constructor(
    readonly name: string,
    readonly shape: number[],
    public data: Float32Array<ArrayBuffer>,
    readonly trainable = true,
  ) {}
  get dtype(): "float32" {
    return "float32";
  }
  read(): Tensor {
    return new Tensor({ dtype: "float32", shape: this.shape, data: this.data });
  }
}

export interface LayerOptions {
  inputShape?: readonly (number | null)[];
  inputDim?: number;
  batchInputShape?: readonly (number | null)[];
  name?: string;
  trainable?: boolean;
  dtype?: string;
  batchSize?: number;
  inputDType?: string;
}

export type RegularizerOption = Regularizer | "l1" | "l2" | "l1l2" | "L1" | "L2" | "L1L2" | null;

/** Names stand for TensorFlow.js' defaults, λ = 0.01. */
export function toRegularizer(value: RegularizerOption | undefined): Regularizer | null {
  if (typeof value !== "string") return value ?? null;
  return { l1: { l1: 0.01, l2: 0 }, l2: { l1: 0, l2: 0.01 }, l1l2: { l1: 0.01, l2: 0.01 } }[value.toLowerCase() as "l1" | "l2" | "l1l2"];
}

const BASE = ["inputShape", "inputDim", "batchInputShape", "name", "trainable", "dtype", "batchSize", "inputDType", "inputLength"];

function declaredShape({ inputShape, inputDim, batchInputShape }: LayerOptions): number[] | null {
  const shape = batchInputShape?.slice(1) ?? inputShape ?? (inputDim === undefined ? null : [inputDim]);
  if (shape === null) return null;
  const bad = shape.some((n) => typeof n !== "number");
  if (bad)
    throw unsupported(`a layer with inputShape [${shape.join(", ")}]`, "Say how many steps there are: deltaprop plans memory ahead.");
  return shape as number[];
}

/** What all layers have. */
export abstract class Layer {
  weights: LayerWeight[] = [];
  name: string;
  /** Without the batch; null until it is in a model. */
  #output: number[] | null = null;
  #input: number[] | null = null;
  #trainable = true;
  readonly declared: number[] | null;

  constructor(
    readonly className: string,
    options: LayerOptions,
    known: readonly string[],
  ) {
    const unknown = Object.entries(options ?? {}).find(
      ([key, value]) => value !== undefined && value !== null && ![...BASE, ...known].includes(key),
    );
    if (unknown) throw unsupported(`tf.layers.${className}: option ${unknown[0]}`, `Known: ${[...known, ...BASE].join(", ")}.`);
    if (options?.trainable === false) this.trainable = false;
    this.name = options?.name ?? "";
    this.declared = declaredShape(options ?? {});
  }

  /** The batch is null. */
  get outputShape(): (number | null)[] {
    return [null, ...(this.#output ?? [])];
  }
  get inputShape(): (number | null)[] {
    return [null, ...(this.#input ?? [])];
  }
  get batchInputShape(): (number | null)[] {
    return this.inputShape;
  }
  get built(): boolean {
    return this.#output !== null;
  }
  /** Whether fit() changes the weights; what it is at compile() counts. */
  get trainable(): boolean {
    return this.#trainable;
  }
  /** @throws UnsupportedError for batch normalization, whose moving statistics TensorFlow.js would go on changing */
  set trainable(value: boolean) {
    if (!value && this.className === "BatchNormalization")
      throw unsupported("batchNormalization with trainable: false", "Use deltaprop's own batchNormalization({ trainable: false }).");
    this.#trainable = value;
  }
  get trainableWeights(): LayerWeight[] {
    return this.weights.filter(({ trainable }) => trainable && this.trainable);
  }
  get nonTrainableWeights(): LayerWeight[] {
    return this.weights.filter(({ trainable }) => !(trainable && this.trainable));
  }
  getClassName(): string {
    return this.className;
  }
  getConfig(): { name: string } {
    return { name: this.name };
  }
  countParams(): number {
    return this.weights.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  }
  getWeights(): Tensor[] {
    return this.weights.map((weight) => weight.read());
  }

  /** @throws InputError, with nothing changed, if number or shapes differ */
  setWeights(tensors: readonly Tensor[]): void {
    const given = tensors.map((tensor) => read("setWeights()", tensor, "float32"));
    const fits = given.length === this.weights.length && given.every(({ shape }, i) => shape.join() === this.weights[i].shape.join());
    if (!fits) {
      const shapes = (all: readonly { shape: readonly number[] }[]) => all.map(({ shape }) => `[${shape.join(", ")}]`).join(", ") || "none";
      throw new InputError(`${this.name}.setWeights(): weights must be of shapes ${shapes(this.weights)}; got ${shapes(given)}.`);
    }
    given.forEach(({ data }, i) => {
      this.weights[i].data = Float32Array.from(data);
    });
  }

  apply: (...given: never[]) => never = missing("layer.apply()", "Add the layer to a tf.sequential() model.");

  /** Draws the weights. @param input without the batch */
  build(input: number[]): void {
    if (this.built)
      throw unsupported("a layer that is part of two models", "Make one layer for each model, and copy the weights by setWeights().");
    if (this.declared && this.declared.join() !== input.join()) {
      throw new InputError(`${this.name}: inputShape [${this.declared.join(", ")}] is declared but [${input.join(", ")}] reaches it.`);
    }
    this.#output = this.outputOf(input);
    this.#input = input;
    this.weights = this.weightsFor(input);
  }

  protected weight(name: string, shape: number[], initializer: Initializer, trainable = true): LayerWeight {
    return new LayerWeight(`${this.name}/${name}`, shape, initializer.draw(shape), trainable);
  }

  /** One for each weight. */
  get regularizers(): (Regularizer | null)[] {
    return [];
  }
  abstract outputOf(input: number[]): number[];
  protected abstract weightsFor(input: number[]): LayerWeight[];
  /** deltaprop's layers for it; the weights replace what they start from. @param inputShape where it is the first */
  abstract core(inputShape: number[] | undefined): CoreLayer[];
}

export interface DenseLayerArgs extends LayerOptions {
  units: number;
  activation?: string | null;
  useBias?: boolean;
  kernelInitializer?: Initializer | string;
  biasInitializer?: Initializer | string;
  kernelRegularizer?: RegularizerOption;
  biasRegularizer?: RegularizerOption;
}

/** tf.layers.dense(). */
export class Dense extends Layer {
  readonly activation: Activation;
  readonly units: number;
  readonly useBias: boolean;
  readonly #options: DenseLayerArgs;

  constructor(options: DenseLayerArgs) {
    super("Dense", options, [
      "units",
      "activation",
      "useBias",
      "kernelInitializer",
      "biasInitializer",
      "kernelRegularizer",
      "biasRegularizer",
    ]);
    this.units = options.units;
    this.useBias = options.useBias ?? true;
    this.activation = toActivation("tf.layers.dense", options.activation);
    this.#options = options;
    // Checked now, where the mistake is.
    this.core(undefined);
  }

  override get regularizers(): (Regularizer | null)[] {
    const { kernelRegularizer, biasRegularizer } = this.#options;
    return [toRegularizer(kernelRegularizer), ...(this.useBias ? [toRegularizer(biasRegularizer)] : [])];
  }
  outputOf(input: number[]): number[] {
    return [...input.slice(0, -1), this.units];
  }
  protected weightsFor(input: number[]): LayerWeight[] {
    const { kernelInitializer, biasInitializer } = this.#options;
    const kernel = this.weight("kernel", [input.at(-1)!, this.units], toInitializer(this.name, kernelInitializer, glorotNormal));
    return this.useBias ? [kernel, this.weight("bias", [this.units], toInitializer(this.name, biasInitializer, zeros))] : [kernel];
  }
  core(inputShape: number[] | undefined): CoreLayer[] {
    const [kernelRegularizer, biasRegularizer] = this.regularizers;
    return [
      dense({
        units: this.units,
        trainable: this.trainable,
        activation: this.activation.name,
        useBias: this.useBias,
        inputShape,
        kernelInitializer: "zeros",
        kernelRegularizer,
        biasRegularizer: biasRegularizer ?? null,
      }),
    ];
  }
}

/** tf.layers.dropout(): nothing but while training. */
export class Dropout extends Layer {
  readonly #rate: number;
  constructor(options: LayerOptions & { rate: number; seed?: number }) {
    super("Dropout", options, ["rate", "seed"]);
    this.#rate = options.rate;
    this.core(undefined);
  }
  outputOf(input: number[]): number[] {
    return input;
  }
  protected weightsFor(): LayerWeight[] {
    return [];
  }
  core(inputShape: number[] | undefined): CoreLayer[] {
    return [dropout({ rate: this.#rate, inputShape })];
  }
}

/** tf.layers.activation(), and layers that are one: tf.layers.reLU(), softmax(), elu(), leakyReLU(). */
export class ActivationLayer extends Layer {
  readonly activation: Activation;
  constructor(options: LayerOptions & { activation: string }, className = "Activation") {
    super(className, options, ["activation"]);
    this.activation = toActivation(`tf.layers.${className}`, options.activation);
  }
  outputOf(input: number[]): number[] {
    return input;
  }
  protected weightsFor(): LayerWeight[] {
    return [];
  }
  core(inputShape: number[] | undefined): CoreLayer[] {
    return [activation({ activation: this.activation.name, inputShape })];
  }
}

/** tf.layers.flatten(): rows are the same numbers in the same order, so that deltaprop has no layer for it. */
export class Flatten extends Layer {
  constructor(options: LayerOptions = {}) {
    super("Flatten", options, []);
  }
  outputOf(input: number[]): number[] {
    return [sizeOf(input)];
  }
  protected weightsFor(): LayerWeight[] {
    return [];
  }
  core(): CoreLayer[] {
    return [];
  }
}

/** tf.layers.inputLayer(): says what comes in. */
export class InputLayer extends Layer {
  constructor(options: LayerOptions) {
    super("InputLayer", options, []);
  }
  outputOf(input: number[]): number[] {
    return input;
  }
  protected weightsFor(): LayerWeight[] {
    return [];
  }
  core(): CoreLayer[] {
    return [];
  }
}
