// TensorFlow.js by matMul() on operands that lie on the device, transposed operands as they are stored. It has no call that
// waits without reading: one number of an answer is read.

import { matMul, slice2d, tensor2d, type Tensor2D } from "@tensorflow/tfjs-core";
import { multiplied, type ProductContender } from "../contender.ts";

/** @param ready chooses the backend */
export const tfjsProduct = (ready: () => Promise<void>, waitEvery?: number): ProductContender => ({
  async start({ form }, { left, leftShape, right, rightShape }) {
    await ready();
    const a = tensor2d(left, leftShape),
      b = tensor2d(right, rightShape);
    const multiply = (): Tensor2D => matMul(a, b, form === "leftTransposed", form === "rightTransposed");
    const read = async (result: Tensor2D): Promise<Float32Array> => {
      const numbers = (await result.data()) as Float32Array;
      result.dispose();
      return numbers;
    };
    const wait = async (result: Tensor2D): Promise<void> => {
      const corner = slice2d(result, [0, 0], [1, 1]);
      result.dispose();
      await read(corner);
    };
    // What was asked for is encoded by now: to dispose of its result cancels nothing.
    return multiplied({ multiply, read, wait, drop: (result) => result.dispose(), waitEvery });
  },
});
