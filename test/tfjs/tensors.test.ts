// Tensors of deltaprop/tfjs against those of TensorFlow.js itself: the same expression by both, with equal shape, type and numbers.

import "@tensorflow/tfjs-backend-cpu";
import * as tfjs from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import { beforeAll, describe, expect, it, vi } from "vitest";
import * as ours from "../../src/tfjs/index.ts";

beforeAll(() => tfjs.setBackend("cpu"));

type TF = typeof ours;
const theirs = tfjs as unknown as TF;

const matrix = (tf: TF) =>
    tf.tensor2d([
      [1.5, -2, 3],
      [4, 0.25, -6],
    ]),
  whole = (tf: TF) => tf.tensor1d([7, -7, 2], "int32");
const cube = (tf: TF) => tf.range(0, 24).reshape([2, 3, 4]);

const EXPRESSIONS: Record<string, (tf: TF) => ours.Tensor | ours.Tensor[]> = {
  "a flat array with a shape": (tf) => tf.tensor([1, 2, 3, 4], [2, 2]),
  "nested arrays": (tf) =>
    tf.tensor([
      [1, 2],
      [3, 4],
    ]),
  "typed rows": (tf) => tf.tensor2d([new Float32Array([1, 2]), new Float32Array([3, 4])] as never),
  "an Int32Array": (tf) => tf.tensor1d(new Int32Array([1, -2])),
  "a Uint8Array": (tf) => tf.tensor1d(new Uint8Array([1, 255])),
  booleans: (tf) => tf.tensor1d([true, false]),
  "fractions as int32": (tf) => tf.tensor1d([1.7, -1.7], "int32"),
  "tensor3d and tensor4d": (tf) => [tf.tensor3d([[[1], [2]]]), tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1])],
  "scalar, fill, zeros, ones, eye": (tf) => [
    tf.scalar(3),
    tf.fill([2], 7, "int32"),
    tf.zeros([2, 1]),
    tf.ones([3], "int32"),
    tf.eye(2, 3),
    tf.onesLike(whole(tf)),
  ],
  linspace: (tf) => [tf.linspace(0, 1, 5), tf.linspace(2, 2, 1)],
  range: (tf) => [tf.range(0, 5), tf.range(5, 0), tf.range(0, 1, 0.3), tf.range(1, 7, 2, "int32")],
  "oneHot of a vector and a matrix": (tf) => [tf.oneHot(tf.tensor1d([0, 2, 5], "int32"), 3), tf.oneHot([[0, 1]] as never, 2, 5, -1)],
  "arithmetic with broadcasting": (tf) => [
    matrix(tf).add([1, 2, 3]),
    matrix(tf).sub(tf.tensor2d([[1], [2]])),
    matrix(tf).mul(2),
    tf.add(1, matrix(tf)),
    matrix(tf).div(3),
  ],
  "int32 with int32": (tf) => [whole(tf).div(tf.scalar(2, "int32")), whole(tf).add(whole(tf)), whole(tf).mod(tf.scalar(3, "int32"))],
  "int32 with floats": (tf) => [whole(tf).add(0.5), whole(tf).mul(2), whole(tf).div(2)],
  "pow, maximum, minimum, mod, squaredDifference": (tf) => [
    matrix(tf).abs().pow(1.5),
    matrix(tf).maximum(0),
    tf.minimum(matrix(tf), [0, 1, 2]),
    matrix(tf).mod(2.5),
    tf.squaredDifference(matrix(tf), 1),
  ],
  comparisons: (tf) => [
    matrix(tf).greater(0),
    tf.lessEqual(whole(tf), 2),
    matrix(tf).equal(tf.scalar(4)),
    tf.notEqual(whole(tf), whole(tf)),
    matrix(tf).less(1),
    matrix(tf).greaterEqual([4, 0, 3]),
  ],
  "logic and where": (tf) => [
    tf.logicalAnd(tf.tensor1d([true, false]), tf.tensor1d([true, true])),
    tf.logicalNot(tf.tensor1d([true, false])),
    tf.where(matrix(tf).greater(0), matrix(tf), tf.zerosLike(matrix(tf))),
  ],
  "functions of numbers": (tf) => [
    matrix(tf).square(),
    matrix(tf).abs().sqrt(),
    tf.exp(matrix(tf)),
    matrix(tf).abs().log(),
    matrix(tf).neg(),
    whole(tf).abs(),
    tf.sigmoid(matrix(tf)),
    matrix(tf).tanh(),
    tf.sin(matrix(tf)),
    tf.relu(matrix(tf)),
    matrix(tf).sign(),
    matrix(tf).floor(),
    matrix(tf).ceil(),
    matrix(tf).round(),
    tf.tensor1d([0.5, 1.5, 2.5, -0.5]).round(),
    matrix(tf).softplus(),
    tf.clipByValue(matrix(tf), -1, 1),
  ],
  "sum, mean, min, max, prod": (tf) => [
    matrix(tf).sum(),
    matrix(tf).sum(0),
    matrix(tf).mean(1, true),
    whole(tf).mean(),
    matrix(tf).min(-1),
    cube(tf).max([0, 2]),
    tf.prod(matrix(tf), 1),
    whole(tf).sum(),
    tf.tensor1d([true, true]).sum(),
  ],
  "argMax and argMin": (tf) => [
    matrix(tf).argMax(),
    matrix(tf).argMax(-1),
    matrix(tf).argMin(1),
    tf.tensor1d([1, 3, 3]).argMax(),
    cube(tf).argMax(1),
  ],
  "any and all": (tf) => [matrix(tf).greater(0).any(1), matrix(tf).greater(0).all(0)],
  "moments, norm, softmax, cumsum, logSumExp": (tf) => [
    matrix(tf).softmax(),
    tf.moments(matrix(tf), 0).mean,
    tf.moments(matrix(tf), 0).variance,
    matrix(tf).norm(),
    cube(tf).cumsum(1),
    matrix(tf).logSumExp(1),
  ],
  "matMul and dot": (tf) => [
    matrix(tf).matMul(matrix(tf), false, true),
    tf.matMul(matrix(tf), tf.ones([3, 2])),
    tf.dot([1, 2], [3, 4]),
    matrix(tf).dot([1, 2, 3]),
    cube(tf).matMul(tf.ones([2, 4, 2])),
  ],
  "reshape, expandDims, squeeze, flatten": (tf) => [
    cube(tf).reshape([6, -1]),
    matrix(tf).expandDims(),
    matrix(tf).expandDims(-1),
    tf.ones([1, 3, 1]).squeeze(),
    tf.ones([1, 3, 1]).squeeze([0]),
    cube(tf).flatten(),
    matrix(tf).as1D(),
  ],
  transpose: (tf) => [matrix(tf).transpose(), cube(tf).transpose([1, 2, 0])],
  slice: (tf) => [
    matrix(tf).slice([0, 1], [2, 1]),
    matrix(tf).slice(1),
    matrix(tf).slice([1, 1], [-1, -1]),
    cube(tf).slice([0, 1], [1, 2]),
    tf.slice(whole(tf), 1, 2),
  ],
  "concat and stack": (tf) => [
    tf.concat([matrix(tf), matrix(tf)]),
    matrix(tf).concat(tf.ones([2, 1]), 1),
    tf.concat([cube(tf), cube(tf)], -1),
    tf.stack([whole(tf), whole(tf)]),
    tf.stack([whole(tf), whole(tf)], 1),
  ],
  "split and unstack": (tf) => [
    ...tf.split(cube(tf), 2, 2),
    ...tf.split(cube(tf), [1, 2], 1),
    ...matrix(tf).unstack(),
    ...tf.unstack(matrix(tf), 1),
  ],
  "gather, tile, reverse": (tf) => [
    matrix(tf).gather(tf.tensor1d([1, 0, 1], "int32")),
    cube(tf).gather(tf.tensor1d([2, 0], "int32"), 1),
    tf.tile(matrix(tf), [2, 1]),
    whole(tf).reverse(),
    cube(tf).reverse([0, 2]),
  ],
  "broadcastTo and cast": (tf) => [tf.broadcastTo(whole(tf), [2, 3]), matrix(tf).cast("int32"), matrix(tf).toBool(), whole(tf).toFloat()],
  topk: (tf) => [tf.topk(matrix(tf), 2).values, tf.topk(matrix(tf), 2).indices],
  "a confusion matrix": (tf) => tf.math.confusionMatrix(tf.tensor1d([0, 1, 1], "int32"), tf.tensor1d([0, 1, 0], "int32"), 2),
  "a buffer": (tf) => {
    const buffer = tf.buffer([2, 2]);
    buffer.set(3, 1, 0);
    return buffer.toTensor();
  },
  "an empty tensor": (tf) => [tf.tensor2d([], [0, 2]), tf.tensor1d([]).sum()],
};

describe.each(Object.entries(EXPRESSIONS))("%s", (_, of) => {
  it("is what TensorFlow.js makes of it", () => {
    const mine = [of(ours)].flat(),
      reference = [of(theirs)].flat();
    expect(mine).toHaveLength(reference.length);
    for (const [i, tensor] of mine.entries()) {
      expect({ dtype: tensor.dtype, shape: tensor.shape }).toEqual({ dtype: reference[i].dtype, shape: reference[i].shape });
      const expected = reference[i].dataSync();
      for (const [j, value] of tensor.dataSync().entries())
        expect(Math.abs(value - expected[j]) <= 1e-6 * Math.max(1, Math.abs(expected[j]))).toBe(true);
    }
  });
});

const PRINTED: Record<string, (tf: TF) => ours.Tensor> = {
  scalar: (tf) => tf.scalar(3.25),
  vector: (tf) => tf.tensor1d([1, 2.123456789, -3]),
  matrix,
  cube,
  "rank 4": (tf) => tf.range(0, 16).reshape([2, 2, 2, 2]),
  bool: (tf) => tf.tensor1d([true, false]),
  "a long vector": (tf) => tf.range(0, 30),
  "a long matrix": (tf) => tf.range(0, 60).reshape([30, 2]),
  whole: (tf) =>
    tf.tensor2d(
      [
        [100, 2],
        [3, 44],
      ],
      undefined,
      "int32",
    ),
};
it.each(Object.entries(PRINTED))("prints a tensor as TensorFlow.js does: %s", (_, of) => {
  expect(of(ours).toString()).toBe(of(theirs).toString());
  expect(of(ours).toString(true)).toBe(of(theirs).toString(true));
});

it("reads at once and later, and print() writes one line on the console", async () => {
  const tensor = matrix(ours),
    log = vi.spyOn(console, "log").mockImplementation(() => {});
  expect(tensor.arraySync()).toEqual([
    [1.5, -2, 3],
    [4, 0.25, -6],
  ]);
  expect(await tensor.array()).toEqual(tensor.arraySync());
  expect(await tensor.data()).toEqual(tensor.dataSync());
  expect(ours.scalar(2).arraySync()).toBe(2);
  expect([tensor.rank, tensor.size]).toEqual([2, 6]);
  tensor.print();
  expect(log.mock.calls).toEqual([[tensor.toString()]]);
  log.mockRestore();
  tensor.dataSync()[0] = 9;
  expect(tensor.dataSync()[0]).toBe(1.5);
  tensor.dispose();
  expect(tensor.dataSync()[0]).toBe(1.5);
});

it("draws numbers with the moments asked for, and the same for the same seed", () => {
  const normal = ours.randomNormal([20_000], 3, 2, "float32", 5),
    uniform = ours.randomUniform([20_000], -1, 3);
  expect(Math.abs((normal.mean().arraySync() as number) - 3) < 0.1).toBe(true);
  expect(Math.abs(Math.sqrt(ours.moments(normal).variance.arraySync() as number) - 2) < 0.1).toBe(true);
  expect(Math.abs((uniform.mean().arraySync() as number) - 1) < 0.1).toBe(true);
  expect(uniform.min().arraySync()).toBeGreaterThanOrEqual(-1);
  expect(ours.randomNormal([4], 0, 1, "float32", 5).arraySync()).toEqual(ours.randomNormal([4], 0, 1, "float32", 5).arraySync());
  expect(ours.randomNormal([4]).arraySync()).not.toEqual(ours.randomNormal([4]).arraySync());
  expect(ours.truncatedNormal([5000]).abs().max().arraySync()).toBeLessThanOrEqual(2);
});

it("shuffles in place, two arrays alike", () => {
  const a = Array.from({ length: 50 }, (_, i) => i),
    b = Float32Array.from(a);
  ours.util.shuffleCombo(a, b);
  expect(Array.from(b)).toEqual(a);
  expect(a).not.toEqual([...a].sort((x, y) => x - y));
  expect([...a].sort((x, y) => x - y)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect([...ours.util.createShuffledIndices(9)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

it("runs what tidy() is given, and keeps everything", async () => {
  expect(ours.tidy(() => ours.scalar(2)).arraySync()).toBe(2);
  expect(ours.tidy("name", () => 3)).toBe(3);
  expect(ours.keep(5)).toBe(5);
  expect(ours.memory().numTensors).toBe(0);
  await ours.ready();
  await ours.nextFrame();
});

it.each<[string, () => unknown, RegExp]>([
  ["ragged arrays", () => ours.tensor([[1, 2], [3]]), /as long as their neighbours/],
  ["a shape that is not filled", () => ours.tensor2d([1, 2, 3], [2, 2]), /takes 4 values; got 3/],
  ["another rank", () => ours.tensor1d([[1]] as never), /of rank 2/],
  ["texts", () => ours.tensor1d(["a"] as never), /Keep texts in arrays of your own/],
  ["null among numbers", () => ours.tensor1d([1, null] as never), /numbers or booleans; got null/],
  ["shapes that do not broadcast", () => ours.add([1, 2], [1, 2, 3]), /do not broadcast/],
  ["an axis that is not there", () => matrix(ours).sum(2), /axis must be a whole number from -2 to 1/],
  ["a product that does not fit", () => matrix(ours).matMul(matrix(ours)), /do not fit/],
  ["a slice outside", () => matrix(ours).slice([0, 2], [2, 2]), /are not among them/],
  ["an index outside", () => whole(ours).gather([3]), /from 0 to 2/],
  ["nothing", () => ours.add(undefined as never, 1), /a tensor, a number or an array is needed/],
])("refuses %s", (_, call, message) => expect(call).toThrow(message));
