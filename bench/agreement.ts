// Whether a contender computes the same: its first losses, or its product, against float64.

import { compiledModel, trainingOf } from "./contenders/deltaprop.ts";
import { compiledRecurrent, recurrentTraining } from "./contenders/deltaprop-rnn.ts";
import { PRODUCT_TOLERANCE } from "./products.ts";
import { makeRecurrentProblem, type RecurrentWorkload } from "./recurrent.ts";
import { makeProblem, type Workload } from "./workloads.ts";

export const TOLERANCE = 1e-4;

export interface Agreement {
  readonly ok: boolean;
  /** The largest difference of a loss, or deviation of a product (productError); NaN if a number is none. */
  readonly difference: number;
  /** One line for the table. */
  readonly says: string;
}

async function referenceTraining(workload: Workload | RecurrentWorkload) {
  if (workload.kind === "training") {
    const problem = makeProblem(workload),
      model = await compiledModel(workload, problem, "cpu");
    return { model, training: trainingOf(model, workload, problem) };
  }
  const problem = makeRecurrentProblem(workload),
    model = await compiledRecurrent(workload, problem, "cpu");
  return { model, training: recurrentTraining(model, workload, problem) };
}

/** deltaprop's own CPU backend: the graph of each step evaluated in float64. */
export async function referenceLosses(workload: Workload | RecurrentWorkload, steps: number): Promise<number[]> {
  const { model, training } = await referenceTraining(workload);
  try {
    return await training.losses(steps);
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
    ok: false,
    difference: differences.some(Number.isNaN) ? NaN : Math.max(...differences),
    says: `loss of step ${wrong + 1} is ${losses[wrong]}, the float64 reference says ${reference[wrong]}`,
  };
}

export function compareProduct(error: number): Agreement {
  if (error <= PRODUCT_TOLERANCE) return { ok: true, difference: error, says: "agrees" };
  return {
    ok: false,
    difference: error,
    says: Number.isNaN(error)
      ? "has numbers that are none, or too few of them"
      : `is ${error.toPrecision(3)} times 2⁻²⁴·Σ|terms| off the float64 product; at most ${PRODUCT_TOLERANCE} may be`,
  };
}
