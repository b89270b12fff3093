// Weights as PyTorch keeps them: Linear computes x·Wᵀ + b, RNN tanh(x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh) (PyTorch's documentation), which is computed
// here plainly from the tensors of the file.

import { describe, expect, it } from "vitest";
import { loadTorchWeights } from "../../src/files/index.ts";
import { dense, encodeSafetensors, FormatError, gru, InputError, lstm, sequential, simpleRNN, type Layer } from "../../src/index.ts";
import { answers, difference, numbers } from "./support.ts";

const tensor = (name: string, shape: number[], at: number) => ({
  name,
  shape,
  data: numbers(
    shape.reduce((a, b) => a * b, 1),
    at,
  ),
});
const row = (x: ArrayLike<number>, weight: ArrayLike<number>, units: number): number[] =>
  Array.from({ length: units }, (_, unit) => Array.from(x).reduce((sum, value, i) => sum + value * weight[unit * x.length + i], 0));
const plus = (...vectors: ArrayLike<number>[]): number[] =>
  Array.from(vectors[0], (_, i) => vectors.reduce((sum, vector) => sum + vector[i], 0));

const FILE = [
  tensor("rnn.weight_ih_l0", [4, 3], 0),
  tensor("rnn.weight_hh_l0", [4, 4], 20),
  tensor("rnn.bias_ih_l0", [4], 40),
  tensor("rnn.bias_hh_l0", [4], 50),
  tensor("rnn.weight_ih_l1", [2, 4], 60),
  tensor("rnn.weight_hh_l1", [2, 2], 80),
  tensor("rnn.bias_ih_l1", [2], 90),
  tensor("rnn.bias_hh_l1", [2], 95),
  tensor("head.0.weight", [3, 2], 100),
  tensor("head.0.bias", [3], 120),
  tensor("other.weight", [7], 7),
];
const bytes = encodeSafetensors(FILE);
const declare = () =>
  sequential({
    layers: [simpleRNN({ units: 4, returnSequences: true, inputShape: [5, 3] }), simpleRNN({ units: 2 }), dense({ units: 3 })],
  });
const NAMES = { simple_rnn: "rnn", simple_rnn_1: ["rnn", 1], dense: "head.0" } as const;

it("answer as PyTorch's formulas do", async () => {
  const model = declare(),
    of = (name: string) => FILE.find((one) => one.name === name)!.data;
  await loadTorchWeights(model, bytes, { names: NAMES });
  const x = numbers(60, 500),
    expected = Array.from({ length: 4 }, (_, example) => {
      let low = [0, 0, 0, 0],
        high = [0, 0];
      for (let t = 0; t < 5; t++) {
        const input = x.subarray((example * 5 + t) * 3, (example * 5 + t + 1) * 3);
        low = plus(
          row(input, of("rnn.weight_ih_l0"), 4),
          of("rnn.bias_ih_l0"),
          row(low, of("rnn.weight_hh_l0"), 4),
          of("rnn.bias_hh_l0"),
        ).map(Math.tanh);
        high = plus(
          row(low, of("rnn.weight_ih_l1"), 2),
          of("rnn.bias_ih_l1"),
          row(high, of("rnn.weight_hh_l1"), 2),
          of("rnn.bias_hh_l1"),
        ).map(Math.tanh);
      }
      return plus(row(high, of("head.0.weight"), 3), of("head.0.bias"));
    }).flat();
  // The sum of the biases is rounded to float32.
  expect(difference(await answers(model, [5, 3]), expected)).toBeLessThan(1e-6);
  expect(difference(await answers(declare(), [5, 3]), expected)).toBeGreaterThan(1e-2);
});

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe("layers with gates answer as PyTorch's documentation defines them", () => {
  const UNITS = 4,
    FEATURES = 3,
    STEPS = 5;
  const file = (gates: number, names = ["weight_ih_l1", "weight_hh_l1", "bias_ih_l1", "bias_hh_l1"]) =>
    names.map((name, i) => tensor(`net.${name}`, i > 1 ? [gates * UNITS] : [gates * UNITS, i === 0 ? FEATURES : UNITS], 100 * i));
  /** h after all steps of each of 4 examples, from x·W_ihᵀ + b_ih and h·W_hhᵀ + b_hh, each cut into its gates. */
  function states(
    gates: number,
    step: (x: number[][], q: number[][], h: number[], c: number[]) => readonly [number[], number[]],
  ): number[] {
    const [ih, hh, bih, bhh] = file(gates).map(({ data }) => data),
      x = numbers(4 * STEPS * FEATURES, 500),
      cut = (values: number[]) => Array.from({ length: gates }, (_, gate) => values.slice(gate * UNITS, (gate + 1) * UNITS));
    return Array.from({ length: 4 }, (_, example) => {
      let h = Array<number>(UNITS).fill(0),
        c = h;
      for (let t = 0; t < STEPS; t++) {
        const at = (example * STEPS + t) * FEATURES;
        [h, c] = step(
          cut(plus(row(x.subarray(at, at + FEATURES), ih, gates * UNITS), bih)),
          cut(plus(row(h, hh, gates * UNITS), bhh)),
          h,
          c,
        );
      }
      return h;
    }).flat();
  }
  const lstmStates = (order: readonly number[]) =>
    states(4, (x, q, _, c) => {
      const [i, f, g, o] = order.map((gate) => plus(x[gate], q[gate]));
      const next = c.map((value, j) => sigmoid(f[j]) * value + sigmoid(i[j]) * Math.tanh(g[j]));
      return [next.map((value, j) => sigmoid(o[j]) * Math.tanh(value)), next];
    });
  const gruStates = ([r, z, n]: readonly number[]) =>
    states(3, (x, q, h, c) => [
      h.map((value, j) => {
        const update = sigmoid(x[z][j] + q[z][j]);
        return (1 - update) * Math.tanh(x[n][j] + sigmoid(x[r][j] + q[r][j]) * q[n][j]) + update * value;
      }),
      c,
    ]);

  const options = { units: UNITS, inputShape: [STEPS, FEATURES], name: "layer" };
  it.each<[string, Layer, number, number[], number[]]>([
    ["LSTM", lstm(options), 4, lstmStates([0, 1, 2, 3]), lstmStates([0, 1, 3, 2])],
    ["GRU", gru(options), 3, gruStates([0, 1, 2]), gruStates([1, 0, 2])],
  ])("%s", async (_, layer, gates, expected, otherOrder) => {
    const identity = dense({ units: UNITS, useBias: false, kernelInitializer: "identity", name: "out" }),
      model = sequential({ layers: [layer, identity] });
    const out = {
      name: "out.weight",
      shape: [UNITS, UNITS],
      data: Float32Array.from({ length: UNITS ** 2 }, (_, i) => Number(i % (UNITS + 1) === 0)),
    };
    const load = async (tensors: typeof FILE) =>
      loadTorchWeights(model, encodeSafetensors([...tensors, out]), { names: { layer: ["net", 1] } });
    await load(file(gates));
    expect(difference(await answers(model, [STEPS, FEATURES]), expected)).toBeLessThan(1e-6);
    // Control: the order of the gates counts.
    expect(difference(await answers(model, [STEPS, FEATURES]), otherOrder)).toBeGreaterThan(1e-3);
    await expect(load(file(gates).slice(0, 3))).rejects.toThrow("net.bias_hh_l1 must be a tensor of 1 sizes; got none");
    await expect(load(file(7 - gates))).rejects.toThrow(`layer/kernel must hold finite numbers of shape (3, ${gates * UNITS})`);
  });

  it("without biases", async () => {
    for (const [make, gates] of [
      [lstm, 4],
      [gru, 3],
    ] as const) {
      const model = sequential({
          layers: [make({ ...options, useBias: false, name: "net" }), dense({ units: 1, useBias: false, name: "d" })],
        }),
        d = tensor("d.weight", [1, UNITS], 3),
        [ih, hh, bih] = file(gates, ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0"]);
      await loadTorchWeights(model, encodeSafetensors([ih, hh, d]));
      expect(await answers(model, [STEPS, FEATURES])).toHaveLength(4);
      await expect(loadTorchWeights(model, encodeSafetensors([ih, hh, bih, d]))).rejects.toThrow(
        "net.bias_ih_l0 is there, but the layer has useBias: false",
      );
    }
  });
});

describe("what does not fit is refused, and the model stays as it was", () => {
  it.each<[string, Parameters<typeof loadTorchWeights>[2], typeof FILE, typeof FormatError | typeof InputError, string]>([
    [
      "names that are not in the file",
      {},
      FILE,
      FormatError,
      "simple_rnn.weight_ih_l0 must be a tensor of 2 sizes; got none. The file has rnn.weight_ih_l0",
    ],
    [
      "names of no layer",
      { names: { dense_7: "head.0" } },
      FILE,
      InputError,
      'there is no layer "dense_7". There are simple_rnn, simple_rnn_1, dense',
    ],
    ["names that are none", { names: { ...NAMES, dense: 3 as never } }, FILE, InputError, 'a name must be "module"'],
    [
      "another shape",
      { names: NAMES },
      [...FILE.slice(0, 8), tensor("head.0.weight", [3, 3], 0), FILE[9]],
      FormatError,
      "dense/kernel must hold finite numbers of shape (2, 3); got shape (3, 3)",
    ],
    ["a bias that is missing", { names: NAMES }, FILE.slice(0, 9), FormatError, "head.0.bias must be a tensor of 1 sizes; got none"],
    ["another rank", { names: { ...NAMES, dense: "other" } }, FILE, FormatError, "other.weight must be a tensor of 2 sizes; got [7]"],
  ])("%s", async (_, options, tensors, type, message) => {
    const model = declare(),
      before = await model.getWeights(),
      loading = loadTorchWeights(model, encodeSafetensors(tensors), options);
    await expect(loading).rejects.toThrow(type);
    await expect(loading).rejects.toThrow(message);
    expect(await model.getWeights()).toEqual(before);
  });

  it("a bias that the layer has not", async () => {
    const model = sequential({ layers: [dense({ units: 3, useBias: false, inputShape: [2], name: "l" })] });
    await expect(loadTorchWeights(model, bytes, { names: { l: "head.0" } })).rejects.toThrow(
      "head.0.bias is there, but the layer has useBias: false",
    );
  });
});
