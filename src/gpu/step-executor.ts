// What runs the steps of a plan, whichever kind of plan it is.

import type { StepScalars } from "../graph/types.ts";
import type { Plan } from "../schedule/plan.ts";

/** The buffers of weights, states and data by the names that the plan gives them. */
export type External = (memory: string) => GPUBuffer;

export interface StepExecutor {
  readonly device: GPUDevice;
  readonly plan: Plan;
  /** What a step writes before it is read back: intermediates and results. */
  readonly own: readonly GPUBuffer[];
  /** Steps that one submit can hold. */
  readonly capacity: number;
  /** Numbers that each step leaves to be read back. */
  readonly resultElements: number;
  /**
   * Runs steps in one submit and gives their results, one after the other (`resultElements` each).
   * @param stagingSlot which of the staging buffers to use; it must be free
   */
  submit(steps: readonly StepScalars[], stagingSlot: number): Promise<Float32Array<ArrayBuffer>>;
  /** The parts of submit(), and where things are, for who looks at a single step (trace.ts). */
  writeTable(steps: readonly StepScalars[]): void;
  /** @param step which entry of the table */
  dispatch(pass: GPUComputePassEncoder, launch: number, step: number): void;
  bufferOf(memory: string): GPUBuffer;
  dispose(): void;
}
