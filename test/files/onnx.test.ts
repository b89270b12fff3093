// ONNX files, written and read: onnxruntime answers as our model does, and what it is not known to read is refused by name.

import fc from "fast-check";
import * as ort from "onnxruntime-web";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeModel, FLOAT, type NodeProto, type ValueInfoProto, type TensorProto } from "../../src/files/onnx/proto.ts";
import { encode } from "../../src/files/onnx/messages.ts";
import { loadOnnx, saveOnnx } from "../../src/files/onnx/index.ts";
import {
  ACTIVATIONS,
  batchNormalization,
  DeltapropError,
  dense,
  gru,
  layerNormalization,
  lstm,
  sequential,
  simpleRNN,
  UnsupportedError,
  type Layer,
} from "../../src/index.ts";
import { fields } from "../conformance/protobuf.ts";
import { answers, difference, MODELS, modelOf, numbers, sizeOf } from "./support.ts";

beforeAll(() => {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
});

/** What the issue of such files is: equal within 1e-5. */
const BOUND = 1e-5;

async function run(bytes: Uint8Array, input: ort.Tensor): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  try {
    return (await session.run({ [session.inputNames[0]]: input }))[session.outputNames[0]].data as Float32Array;
  } finally {
    await session.release();
  }
}

const input = (features: readonly number[]): ort.Tensor => new ort.Tensor("float32", numbers(4 * sizeOf(features), 500), [4, ...features]);

const MORE: typeof MODELS = {
  ...Object.fromEntries(
    ACTIVATIONS.map((activation) => [
      `activation ${activation}`,
      { features: [3], layers: (): Layer[] => [dense({ units: 4, activation, inputShape: [3] })] },
    ]),
  ),
  "a recurrent network without a σ": {
    features: [5, 2],
    layers: () => [simpleRNN({ units: 3, activation: "linear", inputShape: [5, 2] })],
  },
  ...Object.fromEntries(
    (
      [
        ["linear", "sigmoid"],
        ["linear", "linear"],
        ["tanh", "linear"],
        ["tanh", "hardSigmoid"],
        ["linear", "hardSigmoidKeras2"],
        ["relu", "relu"],
      ] as const
    ).flatMap(([activation, recurrentActivation]) =>
      [lstm, gru].map((make): [string, (typeof MODELS)[string]] => [
        `${make.name} with ${activation} and gates by ${recurrentActivation}`,
        // Two steps: without a bound on its gates a state soon outgrows what float32 has to 1e-5.
        { features: [2, 2], layers: () => [make({ units: 3, activation, recurrentActivation, inputShape: [2, 2] })] },
      ]),
    ),
  ),
};

describe("models of ours", () => {
  it.each(Object.entries({ ...MODELS, ...MORE }))("%s answers in onnxruntime as here, and comes back", async (_, { layers, features }) => {
    const model = await modelOf(...layers()),
      bytes = await saveOnnx(model, null),
      expected = await answers(model, features);
    expect(difference(await run(bytes, input(features)), expected)).toBeLessThan(BOUND);
    const back = await loadOnnx(bytes);
    expect((await back.getWeights()).map(({ data }) => data)).toEqual((await model.getWeights()).map(({ data }) => data));
    expect(difference(await answers(back, features), expected)).toBeLessThan(1e-9);
    // Control: weights count.
    expect(difference(await run(await saveOnnx(sequential({ layers: layers() }), null), input(features)), expected)).toBeGreaterThan(BOUND);
  });

  it("normalize with ones and zeros where there is no γ or β", async () => {
    const layers = [
      batchNormalization({ inputShape: [3], scale: false }),
      dense({ units: 4 }),
      batchNormalization({ center: false }),
      layerNormalization({ scale: false, center: false }),
      dense({ units: 2 }),
    ];
    const model = await modelOf(...layers),
      bytes = await saveOnnx(model, null),
      expected = await answers(model, [3]);
    expect(difference(await run(bytes, input([3])), expected)).toBeLessThan(BOUND);
    expect(difference(await answers(await loadOnnx(bytes), [3]), expected)).toBeLessThan(1e-9);
  });

  it("with a vocabulary takes whole numbers", async () => {
    const model = await modelOf(simpleRNN({ units: 4, returnSequences: true, inputShape: [3], inputVocabulary: 5 }), dense({ units: 2 }));
    const x = Uint32Array.of(0, 1, 4, 2, 2, 3),
      bytes = await saveOnnx(model, null);
    await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
    expect(
      difference(await run(bytes, new ort.Tensor("int64", BigInt64Array.from(x, BigInt), [2, 3])), await model.predict(x)),
    ).toBeLessThan(BOUND);
    const back = await loadOnnx(bytes);
    expect(back.inside.stack.layers).toEqual([
      expect.objectContaining({ inputVocabulary: 5, name: "simple_rnn" }),
      expect.objectContaining({ units: 2 }),
    ]);
  });

  it("keep names, dropout and shapes", async () => {
    const back = await loadOnnx(await saveOnnx(await modelOf(...MODELS["a classifier"].layers()), null));
    expect(back.inside.stack.layers).toMatchObject([
      { type: "dense", name: "dense", activation: "relu", inputShape: [5] },
      { type: "dropout", rate: 0.25 },
      { type: "dense", useBias: false, activation: "tanh" },
      { type: "dense", activation: "softmax" },
    ]);
  });

  it("are refused by name where ONNX has no such layer", async () => {
    const stateful = sequential({ layers: [simpleRNN({ units: 2, inputShape: [3, 1], stateful: true, name: "memory" })] });
    await expect(saveOnnx(stateful, null)).rejects.toThrow(UnsupportedError);
    await expect(saveOnnx(stateful, null)).rejects.toThrow("layer memory (simpleRNN): stateful");
  });
});

const floats = (name: string, ...shape: number[]): TensorProto => ({ name, shape, data: numbers(sizeOf(shape)) });
const INPUT: ValueInfoProto = { name: "x", shape: [null, 3], type: FLOAT },
  OUTPUT: ValueInfoProto = { name: "y", shape: [null, 2], type: FLOAT };
const file = (nodes: NodeProto[], tensors: TensorProto[], from = INPUT, to = OUTPUT) => encodeModel(nodes, tensors, from, to);

describe("models of others", () => {
  it("as PyTorch exports them: weights transposed, an RNN with two biases", async () => {
    const mlp = file(
      [
        { op: "Gemm", inputs: ["x", "fc.weight", "fc.bias"], outputs: ["a"], attributes: { alpha: { float: 1 }, transB: 1 } },
        { op: "Relu", inputs: ["a"], outputs: ["y"] },
      ],
      [floats("fc.weight", 2, 3), floats("fc.bias", 2)],
    );
    expect(difference(await answers(await loadOnnx(mlp), [3]), await run(mlp, input([3])))).toBeLessThan(BOUND);
    const rnn = file(
      [
        { op: "Transpose", inputs: ["x"], outputs: ["t"], attributes: { perm: [1, 0, 2] } },
        { op: "RNN", inputs: ["t", "w", "r", "b", ""], outputs: ["all", "last"], attributes: { hidden_size: 2, activations: ["Tanh"] } },
        { op: "Squeeze", inputs: ["last", "axis"], outputs: ["y"] },
      ],
      [floats("w", 1, 2, 3), floats("r", 1, 2, 2), floats("b", 1, 4), { name: "axis", shape: [1], data: [0] }],
      { ...INPUT, shape: [null, 5, 3] },
    );
    expect(difference(await answers(await loadOnnx(rnn), [5, 3]), await run(rnn, input([5, 3])))).toBeLessThan(BOUND);
  });

  it.each([
    ["LSTM", 4, {}],
    ["GRU", 3, { linear_before_reset: 1 }],
  ] as const)("an %s as PyTorch exports it, with two biases, of the last state or of all, with W of any name", async (op, gates, more) => {
    for (const isAll of [true, false]) {
      const bytes = file(
        [
          { op: "Transpose", inputs: ["x"], outputs: ["t"], attributes: { perm: [1, 0, 2] } },
          { op, inputs: ["t", "w", "r", "b"], outputs: ["all", "last"], attributes: { hidden_size: 2, ...more } },
          { op: "Squeeze", inputs: [isAll ? "all" : "last", "axis"], outputs: [isAll ? "s" : "y"] },
          ...(isAll ? [{ op: "Transpose", inputs: ["s"], outputs: ["y"], attributes: { perm: [1, 0, 2] } }] : []),
        ],
        [
          floats("w", 1, 2 * gates, 3),
          floats("r", 1, 2 * gates, 2),
          floats("b", 1, 4 * gates),
          { name: "axis", shape: [1], data: [isAll ? 1 : 0] },
        ],
        { ...INPUT, shape: [null, 5, 3] },
        isAll ? { ...OUTPUT, shape: [null, 5, 2] } : OUTPUT,
      );
      const expected = await run(bytes, input([5, 3]));
      expect(expected).toHaveLength(isAll ? 40 : 8);
      expect(difference(await answers(await loadOnnx(bytes), [5, 3]), expected)).toBeLessThan(BOUND);
    }
  });

  it("whose sizes are open, with inputShape", async () => {
    const open = file([{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }], [floats("w", 3, 2)], { ...INPUT, shape: [null, null] });
    await expect(loadOnnx(open)).rejects.toThrow("leaves a size open");
    expect((await loadOnnx(open, { inputShape: [3] })).inside.stack.layers).toMatchObject([{ units: 2, useBias: false, inputShape: [3] }]);
  });
});

const GEMM: NodeProto = { op: "Gemm", inputs: ["x", "w"], outputs: ["y"] },
  W = floats("w", 3, 2);
/** Behind a Transpose, with what it gives squeezed. */
const recurrent = (op: "RNN" | "LSTM" | "GRU", change: Partial<NodeProto>, gates = { RNN: 1, LSTM: 4, GRU: 3 }[op]) =>
  file(
    [
      { op: "Transpose", inputs: ["x"], outputs: ["t"], attributes: { perm: [1, 0, 2] } },
      {
        op,
        inputs: ["t", "w", "r"],
        outputs: ["", "last"],
        ...change,
        attributes: { hidden_size: 2, ...(op === "GRU" && { linear_before_reset: 1 }), ...change.attributes },
      },
      { op: "Squeeze", inputs: ["last", "axis"], outputs: ["y"] },
    ],
    [floats("w", 1, 2 * gates, 3), floats("r", 1, 2 * gates, 2), floats("p", 1, 6), { name: "axis", shape: [1], data: [0] }],
    { ...INPUT, shape: [null, 5, 3] },
  );
const RNN: NodeProto = { op: "RNN", inputs: ["x", "w", "r"], outputs: ["", "y"], attributes: { hidden_size: 2 } };

describe("what is refused", () => {
  it.each<[string, Uint8Array, string]>([
    ["an operator", file([{ op: "Conv", inputs: ["x", "w"], outputs: ["y"] }], [W]), 'node "Conv/y" (Conv): the operator is not known'],
    ["an operator of a prototype", file([{ op: "toString", inputs: ["x"], outputs: ["y"] }], []), "(toString): the operator is not known"],
    ["a factor", file([{ ...GEMM, attributes: { alpha: { float: 2 } } }], [W]), 'node "Gemm/y" (Gemm): attribute alpha is 2'],
    [
      "a graph that is no chain",
      file([GEMM, { op: "Relu", inputs: ["x"], outputs: ["z"] }], [W]),
      'node "Relu/z" (Relu): it does not take',
    ],
    [
      "two ways that meet",
      file(
        [
          { op: "Relu", inputs: ["x"], outputs: ["a"] },
          { op: "Mul", inputs: ["a", "x"], outputs: ["y"] },
        ],
        [],
      ),
      "x · Sigmoid(x)",
    ],
    [
      "a sum of anything",
      file(
        [
          { op: "Relu", inputs: ["x"], outputs: ["a"] },
          { op: "Add", inputs: ["a", "w"], outputs: ["y"] },
        ],
        [floats("w", 3)],
      ),
      "only as the bias behind a MatMul",
    ],
    ["weights that are computed", file([GEMM], []), "input 1 must be a constant"],
    ["a recurrence backwards", file([{ ...RNN, attributes: { direction: "reverse" } }], [W]), "direction reverse"],
    ["an LSTM backwards", recurrent("LSTM", { attributes: { direction: "reverse" } }), "(LSTM): direction reverse"],
    [
      "an LSTM with peepholes",
      recurrent("LSTM", { inputs: ["t", "w", "r", "", "", "", "", "p"] }),
      "initial_h, initial_c and P are not known",
    ],
    ["an LSTM whose gates i and f are one", recurrent("LSTM", { attributes: { input_forget: 1 } }), "attribute input_forget is 1"],
    ["the cell of an LSTM", recurrent("LSTM", { outputs: ["", "", "last"] }), "its last cell state is used"],
    [
      "two activations of one LSTM",
      recurrent("LSTM", { attributes: { activations: ["Sigmoid", "Tanh", "Relu"] } }),
      "activations Sigmoid, Tanh, Relu: the last two must be the same",
    ],
    [
      "an activation of gates that is not known",
      recurrent("GRU", { attributes: { activations: ["Elu", "Tanh"] } }),
      "activation Elu is not known",
    ],
    [
      "a scaled activation",
      recurrent("GRU", { attributes: { activations: ["Affine", "Tanh"], activation_alpha: { floats: [2] } } }),
      "activation Affine is not known",
    ],
    [
      "the other form of a GRU",
      recurrent("GRU", { attributes: { linear_before_reset: 0 } }),
      "attribute linear_before_reset is 0, known only as 1",
    ],
    ["kernels of another operator", recurrent("GRU", {}, 4), "the shapes of W, R and B do not fit one another"],
    ["a recurrence that is batch first", file([RNN], [floats("w", 1, 2, 3), floats("r", 1, 2, 2)]), "time must come first"],
    [
      "a softmax of another axis",
      file([{ op: "Softmax", inputs: ["x"], outputs: ["y"], attributes: { axis: 0 } }], []),
      "attribute axis is 0",
    ],
    [
      "a normalization of steps",
      file(
        [{ op: "BatchNormalization", inputs: ["x", "g", "b", "m", "v"], outputs: ["y"] }],
        ["g", "b", "m", "v"].map((name) => floats(name, 5)),
        { ...INPUT, shape: [null, 5, 3] },
      ),
      "it must normalize features: a Transpose",
    ],
    [
      "a normalization of the batch",
      file(
        [{ op: "BatchNormalization", inputs: ["x", "g", "b", "m", "v"], outputs: ["y"], attributes: { training_mode: 1 } }],
        ["g", "b", "m", "v"].map((name) => floats(name, 3)),
      ),
      "attribute training_mode is 1",
    ],
    ["shapes that do not fit", file([GEMM], [floats("w", 4, 2)]), "must hold finite numbers of shape (3, 2); got shape (4, 2)"],
    [
      "an older opset",
      encode([
        [1, 8],
        [8, encode([[2, 9]])],
        [7, encode([])],
      ]),
      "opset 9 is not known",
    ],
    [
      "weights in other files",
      encode([
        [8, encode([[2, 17]])],
        [
          7,
          encode([
            [
              5,
              encode([
                [1, 1],
                [2, 1],
                [8, "w"],
                [14, 1],
                [
                  13,
                  encode([
                    [1, "location"],
                    [2, "../../etc/passwd"],
                  ]),
                ],
              ]),
            ],
          ]),
        ],
      ]),
      "its numbers are in another file, which is not opened",
    ],
    [
      "a size that lies",
      encode([
        [8, encode([[2, 17]])],
        [
          7,
          encode([
            [
              5,
              encode([
                [1, 2 ** 40],
                [2, 1],
                [8, "w"],
                [9, new Uint8Array(8)],
              ]),
            ],
          ]),
        ],
      ]),
      "takes 4398046511104 bytes; there are 8",
    ],
    ["a length that lies", Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1), "not a protocol buffer"],
    ["nothing", new Uint8Array(), "the file has no graph"],
    ["a text", new TextEncoder().encode("hello, I am no such file"), "not a protocol buffer"],
  ])("%s", async (_, bytes, message) => {
    await expect(loadOnnx(bytes)).rejects.toThrow(DeltapropError);
    await expect(loadOnnx(bytes)).rejects.toThrow(message);
  });

  it("any file with bytes changed: a typed error, or a model", async () => {
    const files = await Promise.all(
      ["a classifier", "a recurrent network", "gated recurrent units"].map(async (name) =>
        saveOnnx(await modelOf(...MODELS[name].layers()), null),
      ),
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(2000)),
        async (whole, changes, length) => {
          const bytes = whole.slice(0, length ?? whole.length);
          for (const [at, value] of changes) bytes[at] = value;
          await loadOnnx(bytes).catch((error: unknown) => {
            refused++;
            expect(error).toBeInstanceOf(DeltapropError);
          });
        },
      ),
      { numRuns: 500, seed: 1 },
    );
    expect(refused).toBeGreaterThan(200);
  });
});

it("another reader of protocol buffers finds the same fields", async () => {
  const bytes = await saveOnnx(await modelOf(...MODELS["a classifier"].layers()), null),
    model = fields(bytes);
  expect(model.map(({ number }) => number)).toEqual([1, 2, 8, 7]);
  expect(fields(model[3].value as Uint8Array<ArrayBuffer>).filter(({ number }) => number === 5)).toHaveLength(6);
});
