// Steps are counted to 2^53: both halves of the number enter the counters of dropout, on the engine as in the reference, in kernels that
// are launched once a step and in those that stay on the device.

import { expect, it } from "vitest";
import { writeStep } from "../../src/gpu/step-table.ts";
import { dropoutMask } from "../../src/reference/dropout.ts";
import { runStep, useGpu, type StepCase } from "./support.ts";

const gpu = useGpu();
const ELEMENTS = 203,
  SEED = 5,
  RATE = 0.4;
const dropped = (step: number): StepCase => ({
  op: { type: "dropout", rate: RATE, layer: 2, inputs: ["x"], outputs: ["out"] },
  seed: SEED,
  shapes: { x: ["batch", 1], out: ["batch", 1] },
  batch: ELEMENTS,
  values: { x: new Float32Array(ELEMENTS).fill(1) },
  scalars: { step },
});

it.each([0, 7, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 7, 2 ** 53 - 1])("step %d: the kernel keeps what the reference keeps", async (step) => {
  const {
    outputs: [kept],
  } = await runStep(gpu, dropped(step));
  expect([...kept].map((value) => Number(value !== 0))).toEqual([...dropoutMask(ELEMENTS, RATE, SEED, step, 2)]);
});

it("control: steps 2^32 apart keep other numbers", async () => {
  const runs = await Promise.all([7, 2 ** 32 + 7].map((step) => runStep(gpu, dropped(step))));
  expect([...runs[0].outputs[0]]).not.toEqual([...runs[1].outputs[0]]);
});

it("the entry of a step holds both halves", () => {
  const table = new ArrayBuffer(36);
  writeStep(table, 0, 3, { rows: 4, offset: 5, step: 2 ** 53 - 1, learningRate: 0, correctedRate: 0 });
  expect([...new Uint32Array(table, 0, 4), new Uint32Array(table)[8]]).toEqual([4, 5, 3, 2 ** 32 - 1, 2 ** 21 - 1]);
});
