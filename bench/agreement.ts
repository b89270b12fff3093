// Whether a contender computes the same training: its first losses against the float64 reference.

import { compiledModel, trainingOf } from "./contenders/deltaprop.ts";
import { makeProblem, type Workload } from "./workloads.ts";

export const TOLERANCE = 1e-4;

export interface Agreement {
  readonly ok: boolean;
  /** The largest difference; NaN if a loss is none. */
  readonly difference: number;
  /** One line for the table. */
  readonly says: string;
}

/** deltaprop's own CPU backend: the graph of each step evaluated in float64. */
export async function referenceLosses(workload: Workload, steps: number): Promise<number[]> {
  const problem = makeProblem(workload), model = await compiledModel(workload, problem, "cpu");
  try {
    return await trainingOf(model, workload, problem).losses(steps);
  } finally {
    model.dispose();
  }
}

/** Absolute, as losses here are of the order of 1; NaN disagrees. */
export function compareLosses(losses: readonly number[], reference: readonly number[]): Agreement {
  if (losses.length !== reference.length) {
    return { ok: false, difference: NaN, says: `gave ${losses.length} losses in place of ${reference.length}` };
  }
  const differences = losses.map((loss, i) => Math.abs(loss - reference[i]));
  const wrong = differences.findIndex((difference) => !(difference <= TOLERANCE));
  if (wrong < 0) return { ok: true, difference: Math.max(...differences), says: "agrees" };
  return {
    ok: false, difference: differences.some(Number.isNaN) ? NaN : Math.max(...differences),
    says: `loss of step ${wrong + 1} is ${losses[wrong]}, the float64 reference says ${reference[wrong]}`,
  };
}
