// The options of one layer as Keras and TensorFlow.js write them ("use_bias"), read one by one: what nobody asked for by the end is an
// option that is not known here, and refused by name.

import {
  constantInitializer,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  identity,
  lecunNormal,
  lecunUniform,
  l1l2,
  ones,
  orthogonal,
  randomNormal,
  randomUniform,
  truncatedNormal,
  UnsupportedError,
  varianceScaling,
  zeros,
  type ActivationName,
  type GateActivation,
  type Initializer,
  type Regularizer,
} from "../../index.ts";

/** What JSON has for an object; read by own() alone. */
export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
/** A property of the object itself. */
export const own = (value: unknown, key: string): unknown => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined);
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
export const show = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 120);

/** "SimpleRNN" → "simple_rnn", as Keras does. */
export const snake = (name: string): string =>
  name
    .replace(/\W+/g, "")
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();

/** Whose file it is: TensorFlow.js writes Keras 2's form, with names of its own. */
export type Dialect = "tensorflow.js" | "keras";

/** Names of both programs; a name of TensorFlow.js alone is its own. */
const ACTIVATIONS: Readonly<Record<string, ActivationName>> = {
  linear: "linear",
  sigmoid: "sigmoid",
  tanh: "tanh",
  relu: "relu",
  elu: "elu",
  softplus: "softplus",
  gelu: "gelu",
  gelu_new: "geluTanh",
  swish: "swish",
  silu: "swish",
  leaky_relu: "leakyRelu",
  softmax: "softmax",
};

/** Forms of VarianceScaling with a name of their own. TensorFlow.js' "normal" is cut at two standard deviations, too. */
const SCALED: Readonly<Record<string, (() => Initializer) | undefined>> = {
  "1 fan_avg uniform": glorotUniform,
  "1 fan_avg normal": glorotNormal,
  "2 fan_in uniform": heUniform,
  "2 fan_in normal": heNormal,
  "1 fan_in uniform": lecunUniform,
  "1 fan_in normal": lecunNormal,
};
const MODES: Readonly<Record<string, "fanIn" | "fanOut" | "fanAvg" | undefined>> = {
  fan_in: "fanIn",
  fan_out: "fanOut",
  fan_avg: "fanAvg",
};

/** By class, in any spelling of its capitals: "GlorotUniform", "glorot_uniform". */
const INITIALIZERS: Readonly<Record<string, (config: unknown) => Initializer>> = {
  glorotuniform: () => glorotUniform(),
  glorotnormal: () => glorotNormal(),
  heuniform: () => heUniform(),
  henormal: () => heNormal(),
  lecunnormal: () => lecunNormal(),
  lecununiform: () => lecunUniform(),
  zeros: () => zeros(),
  ones: () => ones(),
  orthogonal: (config) => orthogonal({ gain: own(config, "gain") as number | undefined }),
  orthogonalinitializer: (config) => orthogonal({ gain: own(config, "gain") as number | undefined }),
  randomnormal: (config) =>
    randomNormal({ mean: own(config, "mean") as number | undefined, stddev: own(config, "stddev") as number | undefined }),
  randomuniform: (config) =>
    randomUniform({ minval: own(config, "minval") as number | undefined, maxval: own(config, "maxval") as number | undefined }),
  truncatednormal: (config) =>
    truncatedNormal({ mean: own(config, "mean") as number | undefined, stddev: own(config, "stddev") as number | undefined }),
  constant: (config) => constantInitializer({ value: own(config, "value") as number | undefined }),
  identity: (config) => identity({ gain: own(config, "gain") as number | undefined }),
  identityinitializer: (config) => identity({ gain: own(config, "gain") as number | undefined }),
  variancescaling: (config) => {
    const mode = textOf(own(config, "mode")),
      distribution = textOf(own(config, "distribution")),
      scale = own(config, "scale"),
      isUniform = distribution === "uniform";
    const known = SCALED[`${show(scale)} ${mode} ${isUniform ? "uniform" : "normal"}`];
    if (known && distribution !== "untruncated_normal") return known();
    return varianceScaling({
      scale: scale as number | undefined,
      mode: MODES[mode],
      distribution: isUniform ? "uniform" : distribution === "untruncated_normal" ? "untruncatedNormal" : "truncatedNormal",
    });
  },
};

/** Keys that say nothing about what a layer computes. */
const IGNORED = [
  "name",
  "input_shape",
  "batch_input_shape",
  "batch_shape",
  "input_dtype",
  "build_config",
  "seed",
  "sparse",
  "ragged",
  "input_dim",
  "input_length",
  "batch_size",
];

export class Options {
  readonly #known = new Set(IGNORED);
  /** Whether the layer's weights are trained. */
  readonly trainable: boolean;

  /**
   * @param where the file, and the layer in it
   * @param dialect whose names they are
   */
  constructor(
    readonly where: string,
    readonly config: Json,
    readonly dialect: Dialect,
  ) {
    this.only("trainable", true, false);
    this.trainable = this.get("trainable") !== false;
    this.#checkDtype();
  }

  refuse(key: string, why: string): never {
    throw new UnsupportedError(`${this.where}: option ${key} is ${show(own(this.config, key))}, ${why}`);
  }

  /** Null is as good as nothing. */
  get(key: string): unknown {
    this.#known.add(key);
    return own(this.config, key) ?? undefined;
  }

  /** Whatever these say, the layer computes the same. */
  ignore(...keys: string[]): void {
    for (const key of keys) this.#known.add(key);
  }

  /** One of these, or left out. */
  only(key: string, ...allowed: readonly unknown[]): void {
    const value = this.get(key);
    if (value === undefined || allowed.includes(value)) return;
    this.refuse(key, `which deltaprop has only as ${[...allowed, null].map(show).join(" or ")}. Change it, save again and load that.`);
  }

  number(key: string): number | undefined {
    const value = this.get(key);
    return value === undefined || typeof value === "number" ? value : this.refuse(key, "which must be a number. The file is damaged.");
  }

  flag(key: string): boolean | undefined {
    const value = this.get(key);
    return value === undefined || typeof value === "boolean"
      ? value
      : this.refuse(key, "which must be true or false. The file is damaged.");
  }

  activation(key = "activation"): ActivationName | undefined {
    const value = this.get(key),
      name = own(value, "class_name") === "function" || own(value, "registered_name") === "function" ? own(value, "config") : value;
    if (value === undefined) return undefined;
    if (typeof name === "string" && Object.hasOwn(ACTIVATIONS, name)) return ACTIVATIONS[name];
    return this.refuse(key, `which is not known. Known: ${Object.keys(ACTIVATIONS).join(", ")}; code of a file is never run.`);
  }

  /** Of the gates of a recurrent layer: the straight line of "hard_sigmoid" is another in Keras 3. */
  gates(key = "recurrent_activation"): GateActivation | undefined {
    if (!["hard_sigmoid", "hardSigmoid"].includes(textOf(this.get(key)))) return this.activation(key) as GateActivation | undefined;
    return this.dialect === "keras" ? "hardSigmoid" : "hardSigmoidKeras2";
  }

  /** Weights come from the file, so that one that is not known stands for the default. */
  initializer(key: string): Initializer | undefined {
    const value = this.get(key),
      name = textOf(own(value, "class_name") ?? value)
        .replaceAll("_", "")
        .toLowerCase();
    return Object.hasOwn(INITIALIZERS, name) ? INITIALIZERS[name](own(value, "config")) : undefined;
  }

  regularizer(key: string): Regularizer | null {
    const value = this.get(key);
    if (value === undefined) return null;
    const name = textOf(own(value, "class_name") ?? value).toLowerCase(),
      config = own(value, "config");
    if (!["l1", "l2", "l1l2", "l1_l2"].includes(name)) this.refuse(key, "which is not known. Known: L1, L2, L1L2.");
    const of = (part: "l1" | "l2", fallback: number): number => Number(own(config, part) ?? fallback);
    return l1l2({ l1: name === "l2" ? 0 : of("l1", 0.01), l2: name === "l1" ? 0 : of("l2", 0.01) });
  }

  /** @throws UnsupportedError naming the first option that nobody asked for and that is set */
  finish(): void {
    const strange = Object.entries(this.config).find(([key, value]) => !this.#known.has(key) && value !== null && value !== false);
    if (strange) this.refuse(strange[0], "an option that is not known here.");
  }

  #checkDtype(): void {
    const value = this.get("dtype"),
      name = typeof value === "object" ? own(own(value, "config"), "name") : value;
    if (name !== undefined && name !== "float32") this.refuse("dtype", 'which deltaprop has only as "float32".');
  }
}
