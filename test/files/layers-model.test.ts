// TensorFlow.js' model.json, read and written: TensorFlow.js itself answers as our model does, and ours as its.

import "@tensorflow/tfjs-backend-cpu";
import * as tfc from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import * as tfl from "@tensorflow/tfjs-layers";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { loadLayersModel, saveLayersModel, type ModelArtifacts } from "../../src/files/index.ts";
import {
  activation,
  batchNormalization,
  dense,
  DeltapropError,
  FormatError,
  initializers,
  layerNormalization,
  lstm,
  sequential,
  simpleRNN,
  UnsupportedError,
  type Initializer,
} from "../../src/index.ts";
import { answers, difference, MODELS, modelOf, numbers, sizeOf } from "./support.ts";

let folder: string;
beforeAll(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  await tfc.setBackend("cpu");
  folder = await mkdtemp(join(tmpdir(), "deltaprop-layers-model-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Rounding of float32 on their side, of weights below 1 and sums of some terms. */
const ROUNDING = 2e-6;

const predict = (model: tfl.LayersModel, features: readonly number[]): Float32Array =>
  (model.predict(tfc.tensor(numbers(4 * sizeOf(features), 500), [4, ...features])) as tfc.Tensor).dataSync() as Float32Array;

/** What TensorFlow.js saves of a model. */
async function artifactsOf(model: tfl.LayersModel): Promise<ModelArtifacts> {
  let found: tfc.io.ModelArtifacts = {};
  await model.save(
    tfc.io.withSaveHandler(async (artifacts) => {
      found = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
    }),
  );
  // As it would come from a file.
  return JSON.parse(JSON.stringify(found), (key, value: unknown) => (key === "weightData" ? found.weightData : value)) as ModelArtifacts;
}

/** The files as TensorFlow.js takes them. */
function artifactsIn(files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): tfc.io.ModelArtifacts {
  const json = JSON.parse(new TextDecoder().decode(files["model.json"])) as tfc.io.ModelJSON,
    [{ paths, weights }] = json.weightsManifest;
  return { ...json, weightSpecs: weights, weightData: paths.map((path) => files[path].buffer) };
}

function randomized<M extends tfl.LayersModel>(model: M): M {
  model.setWeights(
    model.getWeights().map((weight, i) =>
      tfc.tensor(
        numbers(weight.size, 31 * i).map((value) => (model.weights[i].name.includes("variance") ? value * value + 0.1 : value)),
        weight.shape,
      ),
    ),
  );
  return model;
}

const THEIRS: Record<string, { model: () => tfl.LayersModel; features: number[] }> = {
  "a classifier": {
    features: [4],
    model: () =>
      tfl.sequential({
        layers: [
          tfl.layers.dense({ units: 5, activation: "relu", inputShape: [4], kernelRegularizer: tfl.regularizers.l2({ l2: 0.1 }) }),
          tfl.layers.dropout({ rate: 0.3 }),
          tfl.layers.dense({ units: 3, activation: "softmax", useBias: false }),
        ],
      }),
  },
  "layers that are activations": {
    features: [3],
    model: () =>
      tfl.sequential({
        layers: [
          tfl.layers.dense({ units: 6, inputDim: 3 }),
          tfl.layers.leakyReLU({ alpha: 0.2 }),
          tfl.layers.dense({ units: 6, activation: "gelu_new" }),
          tfl.layers.elu(),
          tfl.layers.reLU(),
          tfl.layers.dense({ units: 4, activation: "swish" }),
          tfl.layers.activation({ activation: "softplus" }),
          tfl.layers.dense({ units: 3 }),
          tfl.layers.softmax(),
        ],
      }),
  },
  "an image, flattened": {
    features: [2, 3, 2],
    model: () =>
      tfl.sequential({ layers: [tfl.layers.flatten({ inputShape: [2, 3, 2] }), tfl.layers.dense({ units: 3, activation: "tanh" })] }),
  },
  "batch and layer normalization": {
    features: [4],
    model: () =>
      tfl.sequential({
        layers: [
          tfl.layers.batchNormalization({ inputShape: [4], epsilon: 0.01 }),
          tfl.layers.dense({ units: 5 }),
          tfl.layers.batchNormalization({ scale: false }),
          tfl.layers.layerNormalization({ epsilon: 0.1 }),
          tfl.layers.dense({ units: 3 }),
          tfl.layers.batchNormalization({ center: false, momentum: 0.9 }),
        ],
      }),
  },
  "recurrent layers": {
    features: [5, 3],
    model: () =>
      tfl.sequential({
        layers: [
          tfl.layers.simpleRNN({ units: 4, returnSequences: true, inputShape: [5, 3] }),
          tfl.layers.simpleRNN({ units: 3, activation: "relu" }),
          tfl.layers.dense({ units: 2, activation: "sigmoid" }),
        ],
      }),
  },
  "long short-term memories": {
    features: [5, 3],
    model: () =>
      tfl.sequential({
        layers: [
          tfl.layers.lstm({ units: 4, recurrentActivation: "sigmoid", returnSequences: true, inputShape: [5, 3], dropout: 0.5 }),
          tfl.layers.lstm({ units: 3, recurrentActivation: "tanh", activation: "relu", unitForgetBias: true, useBias: false }),
          tfl.layers.dense({ units: 2, activation: "sigmoid" }),
        ],
      }),
  },
  "a chain of tf.model()": {
    features: [4],
    model: () => {
      const input = tfl.input({ shape: [4] }),
        hidden = tfl.layers.dense({ units: 5, activation: "tanh" }).apply(input) as tfl.SymbolicTensor;
      return tfl.model({ inputs: input, outputs: tfl.layers.dense({ units: 2 }).apply(hidden) as tfl.SymbolicTensor });
    },
  },
  "a stack in a stack": {
    features: [4],
    model: () =>
      tfl.sequential({
        layers: [tfl.sequential({ layers: [tfl.layers.dense({ units: 3, inputShape: [4] })] }), tfl.layers.dense({ units: 2 })],
      }),
  },
};

describe("models of TensorFlow.js", () => {
  it.each(Object.entries(THEIRS))("%s answers here as there", async (_, { model: make, features }) => {
    const model = randomized(make()),
      ours = await loadLayersModel(await artifactsOf(model));
    expect(difference(await answers(ours, features), predict(model, features))).toBeLessThan(ROUNDING);
    // Control: weights count.
    const other = await loadLayersModel(await artifactsOf(make()));
    expect(difference(await answers(other, features), predict(model, features))).toBeGreaterThan(ROUNDING);
  });

  it("come with their options", async () => {
    const { layers } = (await loadLayersModel(await artifactsOf(THEIRS["a classifier"].model()))).inside.stack;
    expect(layers[0]).toMatchObject({
      type: "dense",
      kernelRegularizer: { l1: 0, l2: 0.1 },
      kernelInitializer: { name: "glorotNormal" },
      name: expect.stringMatching(/^dense_Dense\d+$/) as string,
    });
    expect(layers[1]).toMatchObject({ type: "dropout", rate: 0.3 });
  });
});

it("TensorFlow.js' default gates are its line, and those of Keras theirs", async () => {
  const saved = await artifactsOf(tfl.sequential({ layers: [tfl.layers.lstm({ units: 2, inputShape: [3, 2] })] }));
  const [layer] = (await loadLayersModel(saved)).inside.stack.layers;
  expect(layer).toMatchObject({ type: "lstm", recurrentActivation: "hardSigmoidKeras2" });
  const again = sequential({ layers: [layer] });
  expect(new TextDecoder().decode((await saveLayersModel(again, null))["model.json"])).toContain('"recurrent_activation":"hard_sigmoid"');
  const other = sequential({ layers: [lstm({ units: 2, recurrentActivation: "hardSigmoid", inputShape: [3, 2] })] });
  await expect(saveLayersModel(other, null)).rejects.toThrow('there "hard_sigmoid" is what is "hardSigmoidKeras2" here');
});

it.each<[string, () => tfl.layers.Layer, string]>([
  [
    "its GRU",
    () => tfl.layers.gru({ units: 2, recurrentActivation: "sigmoid", inputShape: [3, 2] }),
    "(GRU): option reset_after is false, a form of the GRU that deltaprop does not have. Declare the layer with reset_after=True",
  ],
])("TensorFlow.js' models with %s are refused by name", async (_, layer, message) => {
  const saved = await artifactsOf(tfl.sequential({ layers: [layer()] }));
  await expect(loadLayersModel(saved)).rejects.toThrow(UnsupportedError);
  await expect(loadLayersModel(saved)).rejects.toThrow(message);
});

describe("models of ours", () => {
  it.each<Initializer>([
    initializers.glorotUniform(),
    initializers.heNormal(),
    initializers.lecunNormal(),
    initializers.lecunUniform(),
    initializers.varianceScaling({ scale: 0.5, mode: "fanOut", distribution: "uniform" }),
    initializers.varianceScaling({ scale: 3, mode: "fanAvg" }),
    initializers.truncatedNormal({ mean: 1, stddev: 0.5 }),
    initializers.constant({ value: 0.25 }),
    initializers.identity({ gain: 2 }),
    initializers.orthogonal({ gain: 2 }),
  ])("start as they did when TensorFlow.js has had them: $name", async (kernelInitializer) => {
    const model = await modelOf(dense({ units: 3, inputShape: [3], kernelInitializer }));
    const theirs = await tfl.loadLayersModel(tfc.io.fromMemory(artifactsIn(await saveLayersModel(model, null))));
    const [layer] = (await loadLayersModel(await artifactsOf(theirs))).inside.stack.layers;
    expect(layer).toMatchObject({ type: "dense", kernelInitializer });
    expect(layer).not.toMatchObject({ kernelInitializer: initializers.zeros() });
  });

  it("have layers that are not trained in TensorFlow.js too, and back", async () => {
    const layers = [
      dense({ units: 3, inputShape: [3, 2], trainable: false }),
      simpleRNN({ units: 3, trainable: false }),
      batchNormalization({ trainable: false }),
      layerNormalization(),
    ];
    const theirs = await tfl.loadLayersModel(
      tfc.io.fromMemory(artifactsIn(await saveLayersModel(await modelOf(...layers, dense({ units: 1 })), null))),
    );
    expect(theirs.layers.map(({ trainable }) => trainable)).toEqual([false, false, false, true, true]);
    const back = (await loadLayersModel(await artifactsOf(theirs))).inside.stack.layers;
    expect(back.map((layer) => !("trainable" in layer))).toEqual([false, false, false, true, true]);
  });

  it("a normal that is not cut is not for TensorFlow.js", async () => {
    const layer = dense({
      units: 3,
      inputShape: [3],
      kernelInitializer: initializers.varianceScaling({ distribution: "untruncatedNormal" }),
    });
    await expect(saveLayersModel(await modelOf(layer), null)).rejects.toThrow(/no varianceScaling\(\) with "untruncatedNormal"\. Use /);
  });

  const LEAKY: typeof MODELS = {
    "layers of one slope": {
      features: [3],
      layers: () => [dense({ units: 4, activation: "leakyRelu", inputShape: [3] }), dense({ units: 2 }), activation("leakyRelu")],
    },
  };
  it.each(Object.entries({ ...MODELS, ...LEAKY }))(
    "%s answers in TensorFlow.js as here, and comes back",
    async (_, { layers, features }) => {
      const model = await modelOf(...layers()),
        files = await saveLayersModel(model, null, { shardBytes: 100 });
      expect(Object.keys(files).length).toBeGreaterThan(2);
      const theirs = tfl.loadLayersModel(tfc.io.fromMemory(artifactsIn(files)));
      // TensorFlow.js has the GRU in its other form alone, and says so; Keras and deltaprop read the file.
      if (layers().some(({ type }) => type === "gru")) await expect(theirs).rejects.toThrow("does not support reset_after");
      else expect(difference(predict(await theirs, features), await answers(model, features))).toBeLessThan(ROUNDING);
      const back = await loadLayersModel(files);
      expect(await back.getWeights()).toEqual(await model.getWeights());
      expect(await answers(back, features)).toEqual(await answers(model, features));
    },
  );

  it.each<[string, Parameters<typeof sequential>[0], string]>([
    [
      "a vocabulary",
      { layers: [simpleRNN({ units: 2, inputShape: [3], inputVocabulary: 4 })] },
      "layer simple_rnn (simpleRNN): inputVocabulary",
    ],
    [
      "the tanh form of gelu, which TensorFlow.js cannot read",
      { layers: [dense({ units: 2, inputShape: [3], activation: "geluTanh" })] },
      'layer dense (dense): activation "geluTanh"',
    ],
    [
      "states that are carried on",
      { layers: [simpleRNN({ units: 2, inputShape: [3, 1], stateful: true, name: "memory" })] },
      "layer memory (simpleRNN): stateful",
    ],
  ])("with %s are refused by name", async (_, options, message) => {
    await expect(saveLayersModel(sequential(options), null)).rejects.toThrow(UnsupportedError);
    await expect(saveLayersModel(sequential(options), null)).rejects.toThrow(message);
  });
});

describe("files", () => {
  it("lie beside one another, and are fetched from there", async () => {
    const model = await modelOf(...MODELS["a classifier"].layers()),
      path = join(folder, "a", "model.json");
    await mkdir(join(folder, "a"));
    const files = await saveLayersModel(model, path, { shardBytes: 64 });
    expect((await readdir(join(folder, "a"))).sort()).toEqual(Object.keys(files).sort());
    expect(await (await loadLayersModel(path)).getWeights()).toEqual(await model.getWeights());
    const seen: string[] = [],
      server = createServer((request, response) => {
        seen.push(request.url!);
        const file = files[request.url!.replace(/^.*\/|\?.*$/g, "")] as Uint8Array | undefined;
        response.writeHead(file ? 200 : 404).end(file);
      });
    await new Promise<void>((done) => {
      server.listen(0, "127.0.0.1", done);
    });
    onTestFinished(() => {
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/deep/model.json?key=1`;
    expect(await (await loadLayersModel(url)).getWeights()).toEqual(await model.getWeights());
    expect(seen).toContain("/deep/model.weights.shard2of5.bin?key=1");
    expect(await (await loadLayersModel({ load: async () => artifactsIn(files) as ModelArtifacts })).getWeights()).toEqual(
      await model.getWeights(),
    );
    await expect(loadLayersModel(files["model.json"])).rejects.toThrow("Give all files by name");
    await expect(loadLayersModel(path, { maxBytes: 100 })).rejects.toThrow("must have at most 100 bytes");
    await expect(loadLayersModel({})).rejects.toThrow("there must be a model.json");
  });

  it("may not lead out of their folder", async () => {
    const model = await modelOf(...MODELS["a classifier"].layers()),
      files = await saveLayersModel(model, null),
      name = "model.weights.bin";
    const json = new TextDecoder().decode(files["model.json"]),
      inner = join(folder, "b", "inner");
    await mkdir(inner, { recursive: true });
    await writeFile(join(folder, "b", name), files[name]);
    for (const path of [
      `../${name}`,
      join(folder, "b", name),
      `./../${name}`,
      `x/../../${name}`,
      "file:///etc/passwd",
      "https://example.org/x",
      `..\\${name}`,
      "//host/x",
      "",
      "a//b",
    ]) {
      await writeFile(join(inner, "model.json"), json.replace(JSON.stringify(name), JSON.stringify(path)));
      await expect(loadLayersModel(join(inner, "model.json")), path).rejects.toThrow(FormatError);
      await expect(loadLayersModel(join(inner, "model.json")), path).rejects.toThrow("must lead to a file below the folder");
    }
    await writeFile(join(inner, "model.json"), json);
    await symlink(join(folder, "b", name), join(inner, name));
    await expect(loadLayersModel(join(inner, "model.json"))).rejects.toThrow("is a link that leads out");
    // Control: the same file in its place.
    await rm(join(inner, name));
    await writeFile(join(inner, name), files[name]);
    expect(await (await loadLayersModel(join(inner, "model.json"))).getWeights()).toEqual(await model.getWeights());
  });
});

const KERNEL = [
  { name: "sequential/d/kernel", shape: [2, 1], dtype: "float32" },
  { name: "sequential/d/bias", shape: [1], dtype: "float32" },
];
const WEIGHTS = { weightSpecs: KERNEL, weightData: Float32Array.of(1, 2, 3).buffer };
const of3 = (module: string, name: string, config: object) => ({ module, class_name: name, config, registered_name: null });
const keras3 = (
  layer: object,
  first: object = of3("keras.layers", "InputLayer", { batch_shape: [null, 2], dtype: "float32", sparse: false, name: "input" }),
) => ({
  ...WEIGHTS,
  modelTopology: {
    keras_version: "3.9.0",
    backend: "tensorflow",
    model_config: of3("keras", "Sequential", {
      name: "sequential",
      trainable: true,
      dtype: of3("keras", "DTypePolicy", { name: "float32" }),
      layers: [first, layer],
      build_input_shape: [null, 2],
    }),
  },
});
const DENSE = {
  name: "d",
  trainable: true,
  dtype: of3("keras", "DTypePolicy", { name: "float32" }),
  units: 1,
  activation: "silu",
  use_bias: true,
  kernel_initializer: of3("keras.initializers", "OrthogonalInitializer", { seed: null, gain: 2 }),
  bias_initializer: of3("keras.initializers", "Mine", {}),
  kernel_regularizer: of3("keras.regularizers", "L2", { l2: 0.5 }),
  bias_regularizer: null,
  kernel_constraint: null,
  bias_constraint: null,
};
const dense3 = (change: object = {}) => of3("keras.layers", "Dense", { ...DENSE, ...change });

describe("files of Keras 3 by TensorFlow.js' converter", () => {
  it("are read", async () => {
    const model = await loadLayersModel(keras3(dense3()));
    expect(model.inside.stack.layers[0]).toMatchObject({
      activation: "swish",
      kernelInitializer: { name: "orthogonal", gain: 2 },
      kernelRegularizer: { l1: 0, l2: 0.5 },
      name: "d",
    });
    expect((await model.getWeights()).map(({ data }) => [...data])).toEqual([[1, 2], [3]]);
  });

  it("quantized, too", async () => {
    const weightSpecs = [
      { ...KERNEL[0], quantization: { dtype: "uint8", scale: 0.5, min: -1 } },
      { ...KERNEL[1], quantization: { dtype: "float16" } },
    ];
    const model = await loadLayersModel({ ...keras3(dense3()), weightSpecs, weightData: Uint8Array.of(4, 255, 0x00, 0xc0) });
    expect((await model.getWeights()).map(({ data }) => [...data])).toEqual([[1, 126.5], [-2]]);
  });

  it("a GRU, whose two biases are one there, answers by Keras' formula", async () => {
    const [z, r, g] = [0, 1, 2],
      kernel = [0.5, -0.4, 0.3],
      recurrent = [0.2, 0.7, -0.6],
      bias = [0.1, -0.2, 0.3],
      recurrentBias = [0.4, 0.8, -0.5];
    const input = of3("keras.layers", "InputLayer", { batch_shape: [null, 2, 1], name: "input" }),
      gru = of3("keras.layers", "GRU", {
        ...DENSE,
        activation: "tanh",
        recurrent_activation: "sigmoid",
        reset_after: true,
        use_cudnn: "auto",
      });
    const load = (b: number[]) =>
      loadLayersModel({
        ...keras3(gru, input),
        weightSpecs: ["kernel", "recurrent_kernel", "bias"].map((name, i) => ({
          name: `d/gru_cell/${name}`,
          shape: [i < 2 ? 1 : 2, 3],
          dtype: "float32",
        })),
        weightData: Float32Array.of(...kernel, ...recurrent, ...b).buffer,
      });
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x)),
      x = numbers(8, 500);
    const expected = [0, 1, 2, 3].map((row) =>
      [0, 1].reduce((h, t) => {
        const a = kernel.map((u, j) => x[2 * row + t] * u + bias[j]),
          q = recurrent.map((w, j) => h * w + recurrentBias[j]);
        const update = sigmoid(a[z] + q[z]);
        return update * h + (1 - update) * Math.tanh(a[g] + sigmoid(a[r] + q[r]) * q[g]);
      }, 0),
    );
    expect(difference(await answers(await load([...bias, ...recurrentBias]), [2, 1]), expected)).toBeLessThan(ROUNDING);
    expect(difference(await answers(await load([...recurrentBias, ...bias]), [2, 1]), expected)).toBeGreaterThan(1e-2);
  });

  it("a GRU with one bias, of the other form, does not fit", async () => {
    const input = of3("keras.layers", "InputLayer", { batch_shape: [null, 2, 1], name: "input" });
    const file = {
      ...keras3(of3("keras.layers", "GRU", { ...DENSE, activation: "tanh" }), input),
      weightSpecs: ["kernel", "recurrent_kernel", "bias"].map((name, i) => ({
        name: `d/${name}`,
        shape: i < 2 ? [1, 3] : [3],
        dtype: "float32",
      })),
      weightData: new Float32Array(9).buffer,
    };
    await expect(loadLayersModel(file)).rejects.toThrow("d/recurrent_bias must hold finite numbers of shape (3); got no such tensor");
  });

  it("whose steps are open, with inputShape", async () => {
    const open = of3("keras.layers", "InputLayer", { batch_shape: [null, null, 2], name: "input" }),
      rnn = of3("keras.layers", "SimpleRNN", { ...DENSE, name: "d", activation: "tanh", use_bias: false });
    const file = {
      ...keras3(rnn, open),
      weightSpecs: [KERNEL[0], { ...KERNEL[1], name: "d/simple_rnn_cell/recurrent_kernel:0", shape: [1, 1] }],
    };
    await expect(loadLayersModel(file)).rejects.toThrow("leaves a size open");
    expect((await loadLayersModel(file, { inputShape: [7, 2] })).inside.stack.layers[0]).toMatchObject({
      type: "simpleRNN",
      inputShape: [7, 2],
    });
  });
});

describe("what is not known is refused by layer and option", () => {
  it.each<[string, object, string]>([
    ["a layer", of3("keras.layers", "Conv2D", { name: "c", filters: 3 }), 'layer "c" (Conv2D): deltaprop has no layer "Conv2D"'],
    [
      "code",
      of3("keras.layers", "Lambda", { name: "l", function: ["4wEA", null, null] }),
      'layer "l" (Lambda): Lambda holds code, which is never run',
    ],
    ["code of one's own", of3("my.package", "Dense", DENSE), 'is of the module "my.package"'],
    ["a layer of a prototype", of3("keras.layers", "toString", { name: "x" }), 'no layer "toString"'],
    ["an activation", dense3({ activation: "mish" }), 'layer "d" (Dense): option activation is "mish"'],
    ["an activation that is code", dense3({ activation: { class_name: "function", config: "evil" } }), "option activation is"],
    [
      "a constraint",
      dense3({ kernel_constraint: of3("keras.constraints", "MaxNorm", {}) }),
      'layer "d" (Dense): option kernel_constraint is',
    ],
    [
      "a layer that is trained in a way of its own",
      dense3({ trainable: "sometimes" }),
      'layer "d" (Dense): option trainable is "sometimes"',
    ],
    ["another precision", dense3({ dtype: "mixed_float16" }), "option dtype is"],
    ["an option that did not exist", dense3({ mystery: 3 }), "option mystery is 3"],
    ["recurrent dropout", of3("keras.layers", "SimpleRNN", { ...DENSE, recurrent_dropout: 0.5 }), "option recurrent_dropout is 0.5"],
    ["recurrent dropout of an LSTM", of3("keras.layers", "LSTM", { ...DENSE, recurrent_dropout: 0.5 }), "option recurrent_dropout is 0.5"],
    ["a GRU backwards", of3("keras.layers", "GRU", { ...DENSE, go_backwards: true }), "option go_backwards is true"],
    ["a GRU's other form", of3("keras.layers", "GRU", { ...DENSE, reset_after: false }), "option reset_after is false"],
    [
      "gates by an activation that recurrent layers do not have",
      of3("keras.layers", "LSTM", { ...DENSE, activation: "tanh", recurrent_activation: "gelu" }),
      "recurrentActivation must be one of tanh, relu, sigmoid, linear",
    ],
    [
      "another slope",
      of3("keras.layers", "LeakyReLU", { name: "r", negative_slope: 0.3 }),
      'layer "r" (LeakyReLU): option negative_slope is 0.3',
    ],
    ["a flattened sequence", of3("keras.layers", "Flatten", { name: "f" }), "no dense layer"],
    ["no units", dense3({ units: null }), "units must be a whole number"],
  ])("%s", async (_, layer, message) => {
    const loading = loadLayersModel(keras3(layer));
    await expect(loading).rejects.toThrow(DeltapropError);
    if (!message.startsWith("no dense")) await expect(loading).rejects.toThrow(message);
  });

  it.each<[string, object, string]>([
    ["fewer bytes", { weightData: new ArrayBuffer(8) }, "its weights take 12 bytes; there are 8"],
    ["more bytes", { weightData: new ArrayBuffer(16) }, "its weights take 12 bytes; there are 16"],
    ["a size that lies", { weightSpecs: [{ ...KERNEL[0], shape: [2 ** 30, 2 ** 20] }, KERNEL[1]] }, "its weights take"],
    [
      "a weight too many",
      { weightSpecs: [...KERNEL, { name: "e/kernel", shape: [1], dtype: "float32" }], weightData: new ArrayBuffer(16) },
      'no layer has the weight "e/kernel"',
    ],
    ["integers", { weightSpecs: [{ ...KERNEL[0], dtype: "int32" }, KERNEL[1]] }, 'dtype "int32" is not known'],
    [
      "another shape",
      { weightSpecs: [{ ...KERNEL[0], shape: [1, 2] }, KERNEL[1]] },
      "must hold finite numbers of shape (2, 1); got shape (1, 2)",
    ],
    ["a graph", { format: "graph-model" }, "this is a graph model"],
    [
      "a model of several ways",
      {
        modelTopology: {
          class_name: "Functional",
          config: {
            layers: [
              { class_name: "InputLayer", name: "a", config: { name: "a", batch_input_shape: [null, 2] }, inbound_nodes: [] },
              {
                class_name: "Dense",
                name: "b",
                config: DENSE,
                inbound_nodes: [
                  [
                    ["a", 0, 0, {}],
                    ["z", 0, 0, {}],
                  ],
                ],
              },
            ],
          },
        },
      },
      "models here are chains",
    ],
  ])("%s", async (_, change, message) => {
    await expect(loadLayersModel({ ...keras3(dense3()), ...change })).rejects.toThrow(message);
  });

  it("any model.json with parts exchanged: a typed error, or a model", async () => {
    const files = await saveLayersModel(await modelOf(...MODELS["gated recurrent units"].layers()), null),
      json = new TextDecoder().decode(files["model.json"]);
    const words = json.match(/"[^"]*"|-?\d+(?:\.\d+)?|true|false|null/g)!,
      other = fc.constantFrom("null", "-1", "1e9", "0.5", '"x"', "[]", "{}", "true", '"__proto__"', '"../a"');
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(words.length - 1), fc.oneof(other, fc.constantFrom(...words))), { minLength: 1, maxLength: 3 }),
        async (changes) => {
          const chosen = new Map(changes);
          let at = 0;
          const changed = json.replace(/"[^"]*"|-?\d+(?:\.\d+)?|true|false|null/g, (word) => chosen.get(at++) ?? word);
          await loadLayersModel({ ...files, "model.json": new TextEncoder().encode(changed) }).catch((error: unknown) => {
            refused++;
            expect(error).toBeInstanceOf(DeltapropError);
          });
        },
      ),
      { numRuns: 300, seed: 1 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
