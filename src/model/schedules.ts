// Learning rates by the step: a step number in, a rate out. A schedule is a plain value and its formula belongs to it, so that a page
// loads the formulas of those that it makes (changing-rates.ts).

import { InputError } from "../errors.ts";
import { checkFloat32, show } from "./checks.ts";

/** A learning-rate schedule. `step` counts weight updates from 0 over the life of the model. */
export type Schedule =
  | { readonly kind: "constant"; readonly rate: number }
  | { readonly kind: "piecewise"; readonly boundaries: readonly number[]; readonly values: readonly number[] }
  | {
      readonly kind: "exponential";
      readonly initial: number;
      readonly decaySteps: number;
      readonly decayRate: number;
      readonly staircase: boolean;
    }
  | { readonly kind: "cosine"; readonly initial: number; readonly decaySteps: number; readonly alpha: number }
  | { readonly kind: "warmup"; readonly steps: number; readonly from: number; readonly then: Schedule };

/** The formulas of all schedules that were made. */
const RATES = new WeakMap<Schedule, (step: number) => number>();

export function schedule(value: Schedule, rate: (step: number) => number): Schedule {
  RATES.set(value, rate);
  return Object.freeze(value);
}

export const checkRate = (where: string, name: string, value: unknown): number => checkFloat32(where, name, value, "≥ 0");

const unchanging = (rate: number): Schedule => schedule({ kind: "constant", rate }, () => rate);

/** The same rate at every step. @throws InputError unless it is ≥ 0 and finite, in float32 too */
export function constant(rate: number): Schedule {
  return unchanging(checkRate("constant()", "rate", rate));
}

/** Reads `learningRate`: a number or a schedule. @throws InputError on anything else, also on a copy of one that changes */
export function toSchedule(where: string, value: number | Schedule): Schedule {
  if (typeof value === "number") return unchanging(checkRate(where, "learningRate", value));
  if (typeof value === "object" && value !== null) {
    if (RATES.has(value)) return value;
    // An optimizer that was copied through JSON is as good as it was.
    if (value.kind === "constant") return constant(value.rate);
  }
  throw new InputError(
    `${where}: learningRate must be a number or the value of a schedule function, not a copy of it; got ${show(value)}.`,
  );
}

/** The learning rate of the update number `step` (the first is 0). */
export function rateAt(schedule: Schedule, step: number): number {
  const rate = RATES.get(schedule);
  if (!rate) throw new Error("a schedule without a formula");
  return rate(step);
}
