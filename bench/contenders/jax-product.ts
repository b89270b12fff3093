// jax-js by a jitted matmul() on operands that lie on the device. A transposition inside jit() costs no pass of its own.
// Arrays are lazy: one that is disposed of before anybody has asked for it is never computed, so each is asked for.

import { getWebGPUDevice, jit, numpy as np, type Device } from "@jax-js/jax";
import { multiplied, type ProductContender } from "../contender.ts";
import { jaxReady } from "./jax-ready.ts";

/** On WebGPU gpuBufferSync() sends the work off, and frees the array, without reading anything back. */
function onGpu() {
  const { queue } = getWebGPUDevice();
  const drop = (result: np.Array): void => {
    result.gpuBufferSync();
  };
  const wait = (result: np.Array): Promise<void> => {
    drop(result);
    return queue.onSubmittedWorkDone();
  };
  return { drop, wait };
}

/** WebAssembly computes when it is asked, and is done when that returns. */
const onCpu = {
  waitEvery: 1,
  drop: (result: np.Array): void => result.dispose(),
  wait: async (result: np.Array): Promise<void> => {
    (await result.blockUntilReady()).dispose();
  },
};

export const jaxProductOn = (device: Device): ProductContender => ({
  async start({ form }, { left, leftShape, right, rightShape }) {
    await jaxReady(device);
    const a = np.array(left).reshape(leftShape),
      b = np.array(right).reshape(rightShape);
    const product = jit((x: np.Array, y: np.Array) =>
      np.matmul(form === "leftTransposed" ? np.matrixTranspose(x) : x, form === "rightTransposed" ? np.matrixTranspose(y) : y),
    );
    const read = (result: np.Array) => result.data() as Promise<Float32Array>;
    return multiplied({ multiply: () => product(a.ref, b.ref), read, ...(device === "webgpu" ? onGpu() : onCpu) });
  },
});
