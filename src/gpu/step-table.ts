// The numbers that change from step to step, as the shaders read them: struct Step of shaders/kernel.wgsl.ts.

import { halvesOf } from "../random.ts";
import type { StepScalars } from "../graph/types.ts";

/** @param slot which place of the results the step writes */
export function writeStep(table: ArrayBuffer, byte: number, slot: number, step: StepScalars): void {
  const [low, high] = halvesOf(step.step);
  new Uint32Array(table, byte, 4).set([step.rows, step.offset, slot, low]);
  new Float32Array(table, byte + 16, 3).set([step.learningRate, step.correctedRate, 1 / (step.whole?.rows ?? step.rows)]);
  new Uint32Array(table, byte + 28, 2).set([Number(step.fresh ?? false) + 2 * (step.whole?.first ?? 0), high]);
}
