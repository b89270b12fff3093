// The declared layers as one checked network: widths resolved, weights named. Plain frozen values, no mathematics.

import { InputError } from "../errors.ts";
import { RandomSequence, STREAM } from "../random.ts";
import type { ActivationName, GateActivation, RecurrentActivation } from "./activations.ts";
import { show } from "./checks.ts";
import { initialize, type Draws, type Initializer } from "./initializers.ts";
import type { DenseLayer, Layer } from "./layers.ts";
import { checkLossFits, longName, matchingActivation, toLoss, type Loss } from "./losses.ts";
import type { MetricName } from "./metrics.ts";
import { toOptimizer, type Optimizer } from "./optimizers.ts";
import type { RecurrentLayer, SimpleRNNLayer } from "./recurrent-types.ts";
import type { Regularizer } from "./regularizers.ts";

/** A weight tensor: kernel (fanIn, fanOut), recurrent kernel (units, units) or bias (fanOut); γ, β and moving statistics (features). */
export interface Parameter {
  /** What the user sees: "dense/kernel". */
  readonly name: string;
  /** What the graph calls it: "w1" or "b1"; of a recurrent layer "u1", "w1" and "b1"; of a normalization "g1" (γ), "b1" (β), "moving_mean1". */
  readonly symbol: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  readonly regularizer: Regularizer | null;
  /** It is not trained: it has no gradient, and the optimizer keeps nothing beside it. */
  readonly frozen?: true;
  /** Numbers from the first of these up to the second start at 1, whatever the initializer says. */
  readonly units?: readonly [from: number, to: number];
  /** No number in it may be below this one; undefined: any may be in it. */
  readonly least?: number;
}

/**
 * One stage of the network; `width` is the number of features that leave it, `steps` the time steps in which they do: 1 where
 * they are no sequence. A recurrent layer is several stages: dropout held over time, dense with kernel U and b for all
 * steps at once, recurrent with W, and lastStep unless it returns sequences. A normalization is two: normalize, over the rows of the
 * mini-batch where it has moving statistics, else over the features of each row; and affine with γ and β, if it has one of them.
 */
export type NetworkLayer = { readonly width: number; readonly steps: number } & (
  | {
      readonly type: "dense";
      readonly layer: "dense" | RecurrentLayer["type"];
      readonly fanIn: number;
      readonly kernel: Parameter;
      readonly bias: Parameter | null;
      /** What comes in picks rows of the kernel. */
      readonly picks: boolean;
    }
  | { readonly type: "activation"; readonly activation: Exclude<ActivationName, "linear"> }
  | { readonly type: "dropout"; readonly rate: number; /** Steps that share one mask. */ readonly held: number }
  | {
      readonly type: "recurrent";
      readonly activation: RecurrentActivation;
      readonly kernel: Parameter;
      readonly stateful: boolean;
      /** Of an LSTM or a GRU. */
      readonly gates?: Gates;
      /** Of a GRU: added to the product with `kernel`. */
      readonly recurrentBias?: Parameter | null;
    }
  | ({
      readonly type: "normalize";
      readonly name: string;
      readonly epsilon: number;
      /** Moving statistics stay as they are, and normalize in training too. */
      readonly frozen?: true;
    } & Partial<MovingStatistics>)
  | { readonly type: "affine"; readonly name: ""; readonly gamma: Parameter | null; readonly bias: Parameter | null }
  | { readonly type: "lastStep" }
);

/** What makes a recurrent layer one with gates. */
export interface Gates {
  readonly cell: "lstm" | "gru";
  /** σ of the gates. */
  readonly activation: GateActivation;
}

/** What a batch normalization keeps of all mini-batches: moving ← momentum·moving + (1 − momentum)·statistic of the mini-batch. */
export interface MovingStatistics {
  readonly mean: Parameter;
  readonly variance: Parameter;
  readonly momentum: number;
}

export interface Network {
  /** Features of one example, or of one of its `inputSteps` time steps; 1 where whole numbers below `vocabulary` come in. */
  readonly inputWidth: number;
  readonly inputSteps: number;
  readonly vocabulary: number | null;
  /** What leaves for one example: `outputSteps` times (1 unless every step is answered) `outputWidth` numbers. */
  readonly outputWidth: number;
  readonly outputSteps: number;
  /** Whether examples are sequences, also of a single step. */
  readonly sequences: boolean;
  readonly stateful: boolean;
  readonly lastActivation: ActivationName;
  readonly stages: readonly NetworkLayer[];
  readonly parameters: readonly Parameter[];
  readonly seed: number;
}

/** What compile() adds to the network, checked. */
export interface Recipe {
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  /** Not checked yet: graph/measures.ts, for all but "accuracy", and the squared and absolute error of rows of targets. */
  readonly metrics: readonly MetricName[];
}

export const elementsOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Of one weight tensor: WebGPU counts the bytes of a binding in 32 bits. */
const MAX_ELEMENTS = 2 ** 30;

const readable = (bytes: number): string => `${Number((bytes / 2 ** 30).toPrecision(3))} GiB`;

/** @throws InputError if it is no whole number from 0 to 2^53−1 */
export function checkSeed(seed: unknown): number {
  if (typeof seed !== "number" || !Number.isSafeInteger(seed) || seed < 0) {
    throw new InputError(`sequential(): seed must be a whole number from 0 to 2^53−1; got ${show(seed)}.`);
  }
  return seed;
}

const appenderOf = (layer: Layer & Carrier): Append | undefined =>
  layer[APPEND] ?? (Object.hasOwn(APPENDERS, layer.type) ? (APPENDERS[layer.type as keyof typeof APPENDERS] as Append) : undefined);

const isLayer = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof appenderOf(value as Layer) === "function";

const isRecurrent = (layer: Layer): layer is RecurrentLayer => "returnSequences" in layer;

/** @throws InputError if something among the layers is none */
function checkLayers(layers: unknown): void {
  if (!Array.isArray(layers)) throw new InputError(`sequential(): layers must be an array; got ${show(layers)}.`);
  const bad = layers.findIndex((layer) => !isLayer(layer));
  if (bad >= 0) {
    throw new InputError(
      `sequential(): layer ${bad} must be the value of a layer function, as dense(); ` +
        `got ${show(layers[bad])}. JSON becomes layers by these functions.`,
    );
  }
}

/** The shape that the first layer declares. @throws InputError if that or a later inputVocabulary cannot be right, whatever layers follow */
function checkInput(layers: readonly Layer[]): readonly number[] {
  const [first] = layers,
    { type, inputShape } = first;
  if (inputShape === null) {
    throw new InputError(
      `sequential(): the first layer (${type}) must say what comes in. ` +
        `Declare inputShape: [${isRecurrent(first) ? "steps, " : ""}features].`,
    );
  }
  const late = layers.findIndex((layer, i) => i > 0 && isRecurrent(layer) && layer.inputVocabulary !== null);
  if (late > 0) {
    throw new InputError(
      `sequential(): layer ${late} (${layers[late].type}) has inputVocabulary, but no whole numbers reach it: only the first ` +
        "layer may. Leave it out.",
    );
  }
  return inputShape;
}

/** @throws InputError unless the layers are a whole network: what is wrong here, further layers could mend */
function checkComplete(layers: readonly Layer[]): void {
  if (!layers.some((layer) => layer.type === "dense" || isRecurrent(layer))) {
    throw new InputError(
      "sequential(): layers must hold a dense or recurrent layer; got " +
        `${layers.length === 0 ? "none" : layers.map((l) => l.type).join(", ")}. Add one.`,
    );
  }
  const [{ type, inputShape }] = layers;
  if (inputShape?.length === 2 && !layers.some(isRecurrent)) {
    throw new InputError(
      `sequential(): layer 0 (${type}) declares a sequence, inputShape [${inputShape.join(", ")}], but there is no ` +
        `recurrent layer. For ${inputShape.join(" × ")} numbers without an order in time, as an image, declare inputShape: ` +
        `[${elementsOf(inputShape)}].`,
    );
  }
  if (layers[layers.length - 1].type === "dropout") {
    throw new InputError("sequential(): dropout must not be the last layer. Add the one that gives the answers.");
  }
}

/** Appends the stages of layer after layer, each to what the ones before let out. */
export class Resolver {
  readonly stages: NetworkLayer[] = [];
  readonly parameters: Parameter[] = [];
  lastActivation: ActivationName = "linear";
  stateful = false;
  readonly #names = new Set<string>();
  readonly #counts: Record<string, number> = {};
  /** Layers with weights so far. */
  numbered = 0;
  /** Of the layer that is being appended. */
  traits: { readonly frozen?: true } = {};

  /** @param steps null where no sequence reaches the next layer */
  constructor(
    public width: number,
    public steps: number | null,
  ) {}

  append(layer: Layer, index: number): void {
    const where = `sequential(): layer ${index} (${layer.type})`;
    const reaching = this.steps === null ? [this.width] : [this.steps, this.width];
    if (index > 0 && layer.inputShape !== null && layer.inputShape.join() !== reaching.join()) {
      throw new InputError(
        `${where} declares inputShape [${layer.inputShape.join(", ")}] but ` +
          `${this.steps === null ? "" : `${this.steps} steps of `}${this.width} features reach it. ` +
          "Leave inputShape out of all layers but the first.",
      );
    }
    if (this.lastActivation === "softmax") {
      throw new InputError(`${where} comes after a softmax. Move that to the end.`);
    }
    this.traits = "trainable" in layer && layer.trainable === false ? { frozen: true } : {};
    appenderOf(layer)!(this, layer, where);
  }

  push(stage: DistributiveOmit<NetworkLayer, "width" | "steps">): void {
    this.stages.push({ width: this.width, steps: this.steps ?? 1, ...stage });
  }

  activate(name: ActivationName): void {
    if (name === "linear") return;
    this.push({ type: "activation", activation: name });
    this.lastActivation = name;
  }

  /** Numbers the layer. The prefix of its weights' names is given, or that of Keras, `prefix`, with a number from the second on. */
  nextName(prefix: string, given: string | null, where: string): string {
    const number = this.#counts[prefix] ?? 0;
    this.#counts[prefix] = number + 1;
    const name = given ?? (number === 0 ? prefix : `${prefix}_${number}`);
    if (this.#names.has(name)) throw new InputError(`${where}: the name "${name}" is taken. Give each layer its own name.`);
    this.#names.add(name);
    this.numbered++;
    return name;
  }

  /** @throws InputError if it has more numbers than any backend can hold in one tensor */
  parameter(
    name: string,
    symbol: string,
    shape: number[],
    initializer: Initializer,
    regularizer: Regularizer | null,
    more?: Pick<Parameter, "units">,
  ): Parameter {
    const elements = elementsOf(shape);
    if (elements > MAX_ELEMENTS) {
      throw new InputError(
        `sequential(): ${name} of shape [${shape.join(", ")}] would have ${elements} numbers, ${readable(4 * elements)}; one ` +
          `weight tensor may have at most 2^30 (4 GiB). Use fewer units or features.`,
      );
    }
    const { traits } = this,
      parameter: Parameter = { name, symbol, shape, initializer, regularizer: traits.frozen ? null : regularizer, ...traits, ...more };
    this.parameters.push(parameter);
    return parameter;
  }

  bias(layer: DenseLayer | SimpleRNNLayer, name: string): Parameter | null {
    return layer.useBias
      ? this.parameter(`${name}/bias`, `b${this.numbered}`, [layer.units], layer.biasInitializer, layer.biasRegularizer)
      : null;
  }
}

export type Append<L extends Layer = Layer> = (to: Resolver, layer: L, where: string) => void;

/**
 * Under this key the layers of some functions, as simpleRNN(), carry how they are appended: pages that do not call these need not load
 * it, and whether a layer is known does not depend on what was called before. JSON and clones lose it. Copies of this library share it.
 */
export const APPEND = Symbol.for("deltaprop.append");

interface Carrier {
  readonly [APPEND]?: Append;
}

/** How layers that carry nothing are appended, by type. */
const APPENDERS: { readonly [T in "dense" | "dropout" | "activation"]: Append<Extract<Layer, { type: T }>> } = {
  dropout: (to, { rate }) => to.push({ type: "dropout", rate, held: 1 }),
  activation: (to, { activation }) => to.activate(activation),
  dense(to, layer, where) {
    const name = to.nextName("dense", layer.name, where),
      fanIn = to.width;
    to.width = layer.units;
    const kernel = to.parameter(
      `${name}/kernel`,
      `w${to.numbered}`,
      [fanIn, layer.units],
      layer.kernelInitializer,
      layer.kernelRegularizer,
    );
    to.push({ type: "dense", layer: "dense", fanIn, kernel, bias: to.bias(layer, name), picks: false });
    to.lastActivation = "linear";
    to.activate(layer.activation);
  },
};

/** Omit of each member of a union by itself. */
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Appends all layers, which need not be a whole network yet. @throws InputError where they do not fit, whatever layers follow */
function resolve(layers: readonly Layer[]): {
  resolver: Resolver;
  inputWidth: number;
  inputSteps: number | null;
  vocabulary: number | null;
} {
  const inputShape = checkInput(layers),
    [first] = layers;
  const vocabulary = isRecurrent(first) ? first.inputVocabulary : null;
  const [inputSteps, inputWidth] = vocabulary !== null ? [inputShape[0], 1] : inputShape.length === 2 ? inputShape : [null, inputShape[0]];
  const resolver = new Resolver(inputWidth, inputSteps);
  layers.forEach((layer, index) => resolver.append(layer, index));
  return { resolver, inputWidth, inputSteps, vocabulary };
}

/** @throws InputError if the layers cannot begin a network: something is no layer, or does not fit what comes before it */
export function checkBeginning(layers: readonly Layer[]): void {
  checkLayers(layers);
  if (layers.length > 0) resolve(layers);
}

/** Resolves widths from layer to layer and names the weights. @throws InputError where layers do not fit or are no whole network */
export function resolveNetwork(layers: readonly Layer[], seed: number): Network {
  checkLayers(layers);
  checkComplete(layers);
  const { resolver, inputWidth, inputSteps, vocabulary } = resolve(layers),
    { stages, parameters, width, lastActivation, stateful } = resolver;
  return Object.freeze({
    inputWidth,
    inputSteps: inputSteps ?? 1,
    vocabulary,
    outputWidth: width,
    outputSteps: resolver.steps ?? 1,
    sequences: inputSteps !== null,
    stateful,
    lastActivation,
    stages,
    parameters,
    seed: checkSeed(seed),
  });
}

/** Checks what compile() was given against the network. */
export function resolveRecipe(network: Network, given: { optimizer: unknown; loss: unknown; metrics?: readonly unknown[] }): Recipe {
  const loss = toLoss(given.loss);
  if (network.parameters.every(({ frozen }) => frozen)) {
    throw new InputError("compile(): every layer has trainable: false. Leave it out of one.");
  }
  checkLossFits(loss, network.lastActivation, network.outputWidth);
  const last = network.stages.at(-1)?.type;
  if (matchingActivation(loss) === "sigmoid" && !loss.fromLogits && last !== "activation") {
    throw new InputError(
      `compile(): ${loss.name} needs what goes into the last sigmoid, which a recurrent layer does not keep. Let ` +
        'dense({ units, activation: "sigmoid" }) follow it.',
    );
  }
  if (given.metrics !== undefined && !Array.isArray(given.metrics)) {
    throw new InputError(`compile(): metrics must be an array; got ${show(given.metrics)}.`);
  }
  const metrics = (given.metrics ?? []).map(longName) as MetricName[];
  if (new Set(metrics).size !== metrics.length) {
    throw new InputError(`compile(): metrics holds one entry twice: ${show(metrics)}.`);
  }
  return Object.freeze({ optimizer: toOptimizer(given.optimizer), loss, metrics });
}

/** What a network is predicted with that no compile() gave a recipe: the answers depend on neither loss nor optimizer. */
export const recipeForAnswers = (): Recipe =>
  Object.freeze({ optimizer: toOptimizer("sgd"), loss: toLoss("meanSquaredError"), metrics: [] });

/** The initial weights, decided by the seed alone: one random stream for each tensor. */
export function initialParameters(network: Network, draws: Draws): Map<string, Float32Array<ArrayBuffer>> {
  return new Map(
    network.parameters.map((parameter, index) => {
      const { shape, initializer, symbol, units } = parameter;
      // A bias has the fans of Keras: both its length.
      const [fanIn, fanOut] = shape.length === 2 ? shape : [shape[0], shape[0]];
      const random = new RandomSequence(network.seed, STREAM.initialization, index);
      const numbers = initialize(initializer, elementsOf(shape), fanIn, fanOut, random, draws);
      return [symbol, units ? numbers.fill(1, ...units) : numbers];
    }),
  );
}
