// The float64 reference on ONNX's own tests, whose expected numbers nobody here wrote; and the reader of their format. A float32
// machine's bound is what NumPy's float32 may be off by, too.

import { describe, expect, it } from "vitest";
import { evaluateBounded, given } from "../../src/reference/bounds.ts";
import { oneStep } from "../reference/samples.ts";
import { ONNX_TESTS, restate, rnnRuns, worstRatio, type Restated } from "./onnx.ts";
import cases from "./onnx-node-tests.json";
import { bytesFrom } from "./onnx.ts";
import { fields, readNode, readTensor } from "./protobuf.ts";

function reference({ op, shapes, values, batch }: Restated) {
  const scalars = { rows: batch, offset: 0, step: 0, learningRate: 0, correctedRate: 0 };
  return evaluateBounded(
    op,
    op.inputs.map((name) => given(values[name])),
    oneStep(op, shapes),
    scalars,
  )[0];
}

it("has every operator, and nothing that is left unused", () => {
  const counts = new Map<string, number>();
  for (const test of ONNX_TESTS) counts.set(test.node.op, (counts.get(test.node.op) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({
    Gemm: 10,
    LogSoftmax: 7,
    MatMul: 7,
    RNN: 6,
    Relu: 1,
    Sigmoid: 2,
    Softmax: 7,
    SoftmaxCrossEntropyLoss: 8,
    Tanh: 2,
  });
  for (const test of ONNX_TESTS)
    expect(restate(test).length + (test.node.op === "RNN" ? rnnRuns(test).length : 0), test.name).toBeGreaterThan(0);
});

describe.each(ONNX_TESTS.filter(({ node }) => node.op !== "RNN"))("$name", (test) => {
  it("is what the reference computes", () => {
    for (const restated of restate(test)) {
      const { values, bounds } = reference(restated);
      expect(worstRatio(restated, values, bounds), restated.name).toBeLessThanOrEqual(1);
    }
  });

  it("control: another input is not", () => {
    const [restated] = restate(test),
      [name] = restated.op.inputs,
      values = { ...restated.values, [name]: restated.values[name].map((x) => 1.01 * x + 0.01) };
    const { values: others, bounds } = reference({ ...restated, values });
    expect(worstRatio(restated, others, bounds)).toBeGreaterThan(1);
  });
});

it("control: NaN and missing numbers are infinitely far away", () => {
  const [restated] = restate(ONNX_TESTS[0]),
    { values, bounds } = reference(restated);
  expect(
    worstRatio(
      restated,
      values.map((value, i) => (i === 3 ? NaN : value)),
      bounds,
    ),
  ).toBe(Infinity);
  expect(worstRatio(restated, values.subarray(1), bounds.subarray(1))).toBe(Infinity);
});

describe("the reader", () => {
  const {
    model,
    inputs: [input],
  } = cases.test_gemm_all_attributes;

  it("reads shapes, numbers and attributes", () => {
    expect(readNode(bytesFrom(model))).toEqual({ op: "Gemm", attributes: { alpha: 0.25, beta: Math.fround(0.35), transA: 1, transB: 1 } });
    expect(readTensor(bytesFrom(input)).shape).toEqual([4, 3]);
    expect(readNode(bytesFrom(cases.test_softmax_negative_axis.model)).attributes).toEqual({ axis: -1 });
    const labels = readTensor(bytesFrom(cases.test_sce_mean.inputs[1]));
    expect([...labels.data].every((label) => Number.isInteger(label) && label >= 0 && label < 5)).toBe(true);
  });

  it("refuses a tensor cut at any byte", () => {
    const bytes = bytesFrom(input);
    for (let length = 0; length < bytes.length; length++) expect(() => readTensor(bytes.slice(0, length)), `${length} bytes`).toThrow();
  });

  it("refuses unknown wire types and endless numbers", () => {
    expect(() => fields(Uint8Array.of(0x0f))).toThrow(/wire type 7/);
    expect(() => fields(new Uint8Array(20).fill(0xff))).toThrow(/64 bits/);
  });
});
