// A schedule from the plain value that is left of one: after a journey to another thread, which formulas cannot make.

import { cosineDecay, exponentialDecay, piecewiseConstantDecay, warmup } from "./changing-rates.ts";
import { constant, type Schedule } from "./schedules.ts";

/** The schedule that the value is a copy of. @throws InputError if its numbers are out of range */
export function rebuildSchedule(copy: Schedule): Schedule {
  switch (copy.kind) {
    case "constant":
      return constant(copy.rate);
    case "piecewise":
      return piecewiseConstantDecay({ boundaries: copy.boundaries, values: copy.values });
    case "exponential":
      return exponentialDecay({
        initialLearningRate: copy.initial,
        decaySteps: copy.decaySteps,
        decayRate: copy.decayRate,
        staircase: copy.staircase,
      });
    case "cosine":
      return cosineDecay({ initialLearningRate: copy.initial, decaySteps: copy.decaySteps, alpha: copy.alpha });
    case "warmup":
      return warmup({ steps: copy.steps, from: copy.from, then: rebuildSchedule(copy.then) });
  }
}
