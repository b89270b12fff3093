// What runs the steps of a plan, whichever kind of plan it is.

import type { StepScalars } from "../graph/types.ts";

/** What one launch wrote, by tensor. */
export type Written = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

export interface StepExecutor {
  /** Steps that one submit can hold. */
  readonly capacity: number;
  /** Numbers that each step leaves to be read back. */
  readonly resultElements: number;
  /**
   * Runs steps in one submit and gives their results, one after the other (`resultElements` each).
   * @param lane which of the staging buffers to use; it must be free
   */
  submit(steps: readonly StepScalars[], lane: number): Promise<Float32Array<ArrayBuffer>>;
  /**
   * Runs one step launch by launch and reads back what each launch wrote, before a later one can overwrite it.
   * Intermediates are filled with NaN first, so that a number nobody wrote cannot pass for a result.
   */
  trace(step: StepScalars): Promise<Written[]>;
  /** Fills what a step writes before it is read back (intermediates and results) with NaN. */
  poison(): void;
  dispose(): void;
}
