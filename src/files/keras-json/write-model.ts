// Our layers as Keras 3 and TensorFlow.js read them. A further type of layer is a row of WRITERS.

import {
  UnsupportedError,
  type ActivationName,
  type BatchNormalizationLayer,
  type Initializer,
  type Layer,
  type GRULayer,
  type LayerNormalizationLayer,
  type LSTMLayer,
  type RecurrentLayer,
  type Regularizer,
} from "../../index.ts";
import type { ModelPart, Parts } from "../parts.ts";
import { snake, type Dialect } from "./options.ts";

/** A layer of the file. */
interface LayerConfig {
  readonly className: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const ACTIVATIONS: Readonly<Record<ActivationName, Readonly<Record<Dialect, string | null>>>> = {
  linear: both("linear"),
  sigmoid: both("sigmoid"),
  tanh: both("tanh"),
  relu: both("relu"),
  elu: both("elu"),
  softplus: both("softplus"),
  gelu: both("gelu"),
  softmax: both("softmax"),
  swish: { "tensorflow.js": "swish", keras: "silu" },
  // A layer of its own stands for it in TensorFlow.js.
  leakyRelu: { "tensorflow.js": null, keras: "leaky_relu" },
  // TensorFlow.js 4.22 writes "gelu_new" and cannot read it.
  geluTanh: { "tensorflow.js": null, keras: null },
};

function both(name: string): Readonly<Record<Dialect, string>> {
  return { "tensorflow.js": name, keras: name };
}

const upper = (name: string): string => name[0].toUpperCase() + name.slice(1);
const INITIALIZER_OPTIONS: Readonly<Record<string, readonly (keyof Initializer)[]>> = {
  randomNormal: ["mean", "stddev"],
  randomUniform: ["minval", "maxval"],
  truncatedNormal: ["mean", "stddev"],
  orthogonal: ["gain"],
  identity: ["gain"],
  constant: ["value"],
  varianceScaling: ["scale", "mode", "distribution"],
};
/** Those that draw nothing, and have no seed. */
const UNDRAWN: readonly string[] = ["zeros", "ones", "constant", "identity"];

/** Writes one model in one dialect. */
class Writer {
  constructor(
    readonly where: string,
    readonly dialect: Dialect,
  ) {}

  refuse(layer: Layer, name: string | null, why: string): never {
    throw new UnsupportedError(`${this.where}: layer ${name ?? layer.type} (${layer.type}): ${why}`);
  }

  /** "linear" and a layer of its own where the program has no such name. */
  activation(layer: Layer, name: string | null, value: ActivationName): { activation: string; behind: LayerConfig[] } {
    const known = ACTIVATIONS[value][this.dialect];
    if (known !== null) return { activation: known, behind: [] };
    if (value === "leakyRelu") return { activation: "linear", behind: [{ className: "LeakyReLU", config: { alpha: 0.2 } }] };
    return this.refuse(
      layer,
      name,
      `activation "${value}": neither Keras nor TensorFlow.js reads the tanh form of gelu from a file. Use ` + `"gelu", its exact form.`,
    );
  }

  /** The straight line of Keras 3's "hard_sigmoid" is another than that of TensorFlow.js. */
  gates(layer: LSTMLayer | GRULayer, name: string | null): string {
    const { recurrentActivation } = layer;
    if (recurrentActivation !== "hardSigmoid" && recurrentActivation !== "hardSigmoidKeras2")
      return this.activation(layer, name, recurrentActivation).activation;
    const own = this.dialect === "keras" ? "hardSigmoid" : "hardSigmoidKeras2";
    if (recurrentActivation === own) return "hard_sigmoid";
    return this.refuse(
      layer,
      name,
      `recurrentActivation "${recurrentActivation}": there "hard_sigmoid" is what is "${own}" here. Declare the layer with that, and train it.`,
    );
  }

  object(module: string, className: string, config: object): object {
    return this.dialect === "keras" ? { module, class_name: className, config, registered_name: null } : { class_name: className, config };
  }

  initializer(value: Initializer): object {
    const isTensorFlowJs = this.dialect === "tensorflow.js";
    if (isTensorFlowJs && value.distribution === "untruncatedNormal") {
      throw new UnsupportedError(
        `${this.where}: TensorFlow.js has no varianceScaling() with "untruncatedNormal". Use "truncatedNormal", or another format.`,
      );
    }
    const name = upper(isTensorFlowJs ? value.name.replace("lecun", "leCun") : value.name);
    const options = (INITIALIZER_OPTIONS[value.name] ?? []).map((key): [string, unknown] => {
      const given = value[key];
      return [key, typeof given === "string" ? snake(given) : given];
    });
    const config = { ...Object.fromEntries(options), ...(UNDRAWN.includes(value.name) ? {} : { seed: null }) };
    return this.object("keras.initializers", name, config);
  }

  regularizer(value: Regularizer | null): object | null {
    return value && this.object("keras.regularizers", "L1L2", { l1: value.l1, l2: value.l2 });
  }
}

type LayerWriter<L extends Layer> = (to: Writer, layer: L, name: string | null) => readonly LayerConfig[];

const normalization = (to: Writer, layer: BatchNormalizationLayer | LayerNormalizationLayer) => ({
  axis: -1,
  epsilon: layer.epsilon,
  center: layer.center,
  scale: layer.scale,
  beta_initializer: to.initializer(layer.betaInitializer),
  gamma_initializer: to.initializer(layer.gammaInitializer),
  beta_regularizer: to.regularizer(layer.betaRegularizer),
  gamma_regularizer: to.regularizer(layer.gammaRegularizer),
  beta_constraint: null,
  gamma_constraint: null,
});

/** What all recurrent layers have. */
function recurrent(to: Writer, layer: RecurrentLayer, name: string | null) {
  if (layer.inputVocabulary !== null)
    to.refuse(layer, name, "inputVocabulary is deltaprop's own. Declare inputShape: [steps, classes], and give one-hot rows.");
  if (layer.stateful)
    to.refuse(layer, name, "stateful needs a batch size there. Declare the same layers with stateful: false, and give them these weights.");
  return {
    units: layer.units,
    activation: to.activation(layer, name, layer.activation).activation,
    use_bias: layer.useBias,
    kernel_initializer: to.initializer(layer.kernelInitializer),
    recurrent_initializer: to.initializer(layer.recurrentInitializer),
    bias_initializer: to.initializer(layer.biasInitializer),
    kernel_regularizer: to.regularizer(layer.kernelRegularizer),
    recurrent_regularizer: to.regularizer(layer.recurrentRegularizer),
    bias_regularizer: to.regularizer(layer.biasRegularizer),
    kernel_constraint: null,
    recurrent_constraint: null,
    bias_constraint: null,
    dropout: layer.dropout,
    recurrent_dropout: 0,
    return_sequences: layer.returnSequences,
    return_state: false,
    go_backwards: false,
    stateful: false,
    unroll: false,
  };
}

/** What those with gates have more. */
const gated = (to: Writer, layer: LSTMLayer | GRULayer, name: string | null) => ({
  ...recurrent(to, layer, name),
  recurrent_activation: to.gates(layer, name),
});

const WRITERS: { readonly [T in Layer["type"]]: LayerWriter<Extract<Layer, { type: T }>> } = {
  dense(to, layer, name) {
    const { activation, behind } = to.activation(layer, name, layer.activation);
    return [
      {
        className: "Dense",
        config: {
          units: layer.units,
          activation,
          use_bias: layer.useBias,
          kernel_initializer: to.initializer(layer.kernelInitializer),
          bias_initializer: to.initializer(layer.biasInitializer),
          kernel_regularizer: to.regularizer(layer.kernelRegularizer),
          bias_regularizer: to.regularizer(layer.biasRegularizer),
          kernel_constraint: null,
          bias_constraint: null,
        },
      },
      ...behind,
    ];
  },
  simpleRNN: (to, layer, name) => [{ className: "SimpleRNN", config: recurrent(to, layer, name) }],
  lstm: (to, layer, name) => [{ className: "LSTM", config: { ...gated(to, layer, name), unit_forget_bias: layer.unitForgetBias } }],
  // TensorFlow.js, which has no such GRU, says so when it reads the file.
  gru: (to, layer, name) => [{ className: "GRU", config: { ...gated(to, layer, name), reset_after: layer.resetAfter } }],
  batchNormalization: (to, layer) => [
    {
      className: "BatchNormalization",
      config: {
        ...normalization(to, layer),
        momentum: layer.momentum,
        moving_mean_initializer: to.initializer(layer.movingMeanInitializer),
        moving_variance_initializer: to.initializer(layer.movingVarianceInitializer),
      },
    },
  ],
  layerNormalization: (to, layer) => [{ className: "LayerNormalization", config: normalization(to, layer) }],
  dropout: (_, { rate }) => [{ className: "Dropout", config: { rate, seed: null, noise_shape: null } }],
  activation(to, layer, name) {
    const { activation, behind } = to.activation(layer, name, layer.activation);
    return behind.length > 0 ? behind : [{ className: "Activation", config: { activation } }];
  },
};

/** Names of layers without weights count on from "dropout" as Keras' do. */
function named(written: readonly LayerConfig[], { layer, name }: ModelPart, taken: Map<string, number>): LayerConfig[] {
  return written.map(({ className, config }, i) => {
    const trainable = !(i === 0 && "trainable" in layer && layer.trainable === false);
    const prefix = snake(className),
      count = taken.get(prefix) ?? 0;
    if (i === 0 && name !== null) return { className, config: { name, trainable, ...config } };
    taken.set(prefix, count + 1);
    return { className, config: { name: count === 0 ? prefix : `${prefix}_${count}`, trainable, ...config } };
  });
}

/** Layers in their order, with the part each comes from. @throws UnsupportedError naming the layer that the program does not have */
function writtenLayers(where: string, { layers }: Parts, dialect: Dialect): { part: ModelPart; written: LayerConfig[] }[] {
  const to = new Writer(where, dialect),
    taken = new Map<string, number>();
  return layers.map((part) => ({
    part,
    written: named((WRITERS[part.layer.type] as LayerWriter<Layer>)(to, part.layer, part.name), part, taken),
  }));
}

/** `modelTopology` of a model.json. */
export function toTensorFlowJs(where: string, parts: Parts): object {
  const all = writtenLayers(where, parts, "tensorflow.js").flatMap(({ written }) => written);
  return {
    class_name: "Sequential",
    keras_version: "tfjs-layers 4.22.0",
    backend: "tensor_flow.js",
    config: {
      name: "sequential",
      layers: all.map(({ className, config }, i) => ({
        class_name: className,
        config: { ...config, ...(i === 0 && { batch_input_shape: [null, ...parts.inputShape] }), dtype: "float32" },
      })),
    },
  };
}

const DTYPE = { module: "keras", class_name: "DTypePolicy", config: { name: "float32" }, registered_name: null };

/** A layer of a Keras file with its weights. */
export interface PlacedLayer {
  readonly className: string;
  readonly name: string;
  readonly part: ModelPart | null;
}

/** The layers of a Keras file in their order, each with the part that it is; a layer that stands for an activation has none. */
export const placedLayers = (where: string, parts: Parts): PlacedLayer[] =>
  writtenLayers(where, parts, "keras").flatMap(({ part, written }) =>
    written.map(({ className, config }, i) => ({ className, name: String(config.name), part: i === 0 ? part : null })),
  );

/** config.json of a .keras file, as Keras 3 writes it. */
export function toKeras(where: string, parts: Parts): object {
  const layer = (className: string, config: object) => ({ module: "keras.layers", class_name: className, config, registered_name: null });
  const all = writtenLayers(where, parts, "keras").flatMap(({ written }) => written);
  return {
    module: "keras",
    class_name: "Sequential",
    registered_name: "Sequential",
    config: {
      name: "sequential",
      trainable: true,
      dtype: DTYPE,
      layers: [
        layer("InputLayer", { batch_shape: [null, ...parts.inputShape], dtype: "float32", sparse: false, name: "input_layer" }),
        ...all.map(({ className, config }) => layer(className, { ...config, dtype: DTYPE })),
      ],
      build_input_shape: [null, ...parts.inputShape],
    },
    build_config: { input_shape: [null, ...parts.inputShape] },
  };
}
