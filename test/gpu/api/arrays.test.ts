// Arrays as browsers have them: memory that may change its size, which WebGPU does not take, and arrays of another frame. They count as
// they are at the call. test/train/arrays.test.ts tries all kinds and all calls on the CPU.

import { expect, it, onTestFinished } from "vitest";
import { decodeSafetensors, dense, encodeSafetensors, sgd, type SequentialOptions } from "../../../src/index.ts";
import { BACKENDS, compiledModel, numbersOf } from "../../support/models.ts";

const PIXELS = Array.from({ length: 18 }, (_, i) => 13 * i),
  LABELS = [0, 1, 2, 3, 0, 1];
const resizable = (numbers: readonly number[]): Uint8Array => {
  const Resizable = ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer;
  const array = new Uint8Array(new Resizable(numbers.length, { maxByteLength: 4096 }));
  array.set(numbers);
  return array;
};

/** The Uint8Array of a frame where there are any; else the only one. */
function foreign(numbers: readonly number[]): Uint8Array {
  if (typeof document === "undefined") return Uint8Array.from(numbers);
  const frame = document.createElement("iframe");
  document.body.append(frame);
  onTestFinished(() => frame.remove());
  const array = (frame.contentWindow as unknown as { Uint8Array: typeof Uint8Array }).Uint8Array.from(numbers);
  // The control of this helper.
  expect(array).not.toBeInstanceOf(Uint8Array);
  return array;
}

const declared = (): SequentialOptions => ({ seed: 1, layers: [dense({ units: 4, activation: "softmax", inputShape: [3] })] });
const MAKERS = [
  ["a resizable buffer", resizable],
  ["another frame", foreign],
] as const;

for (const backend of BACKENDS) {
  it.each(MAKERS)(`on ${backend}: bytes of %s are trained on as bytes, as they are at the call`, async (_, make) => {
    const trained = async (x: Uint8Array, y: Uint8Array | number[]) => {
      const model = await compiledModel(declared(), { optimizer: sgd(0.1), loss: "sparseCategoricalCrossentropy", backend });
      const fitting = model.fit(x, y, { scale: 1 / 255, epochs: 2, batchSize: 2 });
      x.fill(255);
      await fitting;
      return numbersOf(model);
    };
    const right = await trained(Uint8Array.from(PIXELS), LABELS);
    expect(await trained(make(PIXELS), make(LABELS))).toEqual(right);
    expect(await trained(make(PIXELS.map(() => 255)), make(LABELS))).not.toEqual(right);
  });
}

it.each(MAKERS)("a file in %s is read", (_, make) => {
  const tensors = [{ name: "a", shape: [2], data: Float32Array.of(1.5, -2) }];
  expect(decodeSafetensors(make([...encodeSafetensors(tensors)])).tensors).toEqual(tensors);
});
