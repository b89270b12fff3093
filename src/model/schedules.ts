// Learning rates that change with the step: a step number in, a rate out. Names and formulas are Keras'.
// A schedule is a plain value and its formula belongs to it, so that a page loads the formulas of those that it makes.

import { InputError } from "../errors.ts";
import { checkFlag, checkFloat32, checkOptions, show } from "./checks.ts";

/** A learning-rate schedule. `step` counts weight updates from 0 over the life of the model. */
export type Schedule =
  | { readonly kind: "constant"; readonly rate: number }
  | { readonly kind: "piecewise"; readonly boundaries: readonly number[]; readonly values: readonly number[] }
  | { readonly kind: "exponential"; readonly initial: number; readonly decaySteps: number; readonly decayRate: number;
      readonly staircase: boolean }
  | { readonly kind: "cosine"; readonly initial: number; readonly decaySteps: number; readonly alpha: number }
  | { readonly kind: "warmup"; readonly steps: number; readonly from: number; readonly then: Schedule };

/** The formulas of all schedules that were made. */
const RATES = new WeakMap<Schedule, (step: number) => number>();

function schedule(value: Schedule, rate: (step: number) => number): Schedule {
  RATES.set(value, rate);
  return Object.freeze(value);
}

const checkRate = (where: string, name: string, value: unknown): number => checkFloat32(where, name, value, "≥ 0");

function checkSteps(where: string, name: string, value: number): number {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new InputError(`${where}: ${name} must be a number of steps > 0; got ${show(value)}.`);
  }
  return value;
}

const unchanging = (rate: number): Schedule => schedule({ kind: "constant", rate }, () => rate);

/** The same rate at every step. @throws InputError unless it is ≥ 0 and finite, in float32 too */
export function constant(rate: number): Schedule {
  return unchanging(checkRate("constant()", "rate", rate));
}

/**
 * A stair (Keras' PiecewiseConstantDecay): values[i] while step ≤ boundaries[i], then the last value.
 * @param options `boundaries`, ascending, in steps (weight updates); `values`, rates, one more than boundaries
 * @throws InputError if they are not
 */
export function piecewiseConstantDecay(
  options: { boundaries: readonly number[]; values: readonly number[] },
): Schedule {
  checkOptions("piecewiseConstantDecay()", options, ["boundaries", "values"]);
  const { boundaries, values } = options;
  if (![boundaries, values].every(Array.isArray)) {
    throw new InputError("piecewiseConstantDecay(): boundaries and values must be arrays of numbers; " +
      `got ${show(boundaries)} and ${show(values)}.`);
  }
  const ascending = boundaries.every((b, i) => Number.isFinite(b) && (i === 0 || b > boundaries[i - 1]));
  if (!ascending || values.length !== boundaries.length + 1) {
    throw new InputError("piecewiseConstantDecay(): boundaries must ascend and values must be one longer; " +
      `got ${boundaries.length} boundaries [${boundaries.map(show).join(", ")}] and ${values.length} values.`);
  }
  values.forEach((v) => checkRate("piecewiseConstantDecay()", "each value", v));
  const stairs = { kind: "piecewise", boundaries: Object.freeze([...boundaries]), values: Object.freeze([...values]) } as const;
  return schedule(stairs, (step) => {
    const stair = stairs.boundaries.findIndex((boundary) => step <= boundary);
    return stairs.values[stair < 0 ? stairs.values.length - 1 : stair];
  });
}

/**
 * initialLearningRate · decayRate^(step / decaySteps) (Keras' ExponentialDecay).
 * @param options `decaySteps` in steps (weight updates), > 0; `staircase` (default false) floors the exponent
 * @throws InputError on a rate that is not ≥ 0 and finite, or no steps
 */
export function exponentialDecay(options: {
  initialLearningRate: number; decaySteps: number; decayRate: number; staircase?: boolean;
}): Schedule {
  checkOptions("exponentialDecay()", options, ["initialLearningRate", "decaySteps", "decayRate", "staircase"]);
  const initial = checkRate("exponentialDecay()", "initialLearningRate", options.initialLearningRate);
  const decaySteps = checkSteps("exponentialDecay()", "decaySteps", options.decaySteps);
  const decayRate = checkRate("exponentialDecay()", "decayRate", options.decayRate);
  const staircase = checkFlag("exponentialDecay()", "staircase", options.staircase, false);
  return schedule({ kind: "exponential", initial, decaySteps, decayRate, staircase }, (step) => {
    const exponent = step / decaySteps;
    return initial * decayRate ** (staircase ? Math.floor(exponent) : exponent);
  });
}

/**
 * From initialLearningRate to alpha · initialLearningRate (alpha 0 by default) along half a cosine of `decaySteps` steps
 * (weight updates), then constant (Keras' CosineDecay; Loshchilov and Hutter 2017).
 * @throws InputError on a rate that is not ≥ 0 and finite, or no steps
 */
export function cosineDecay(options: { initialLearningRate: number; decaySteps: number; alpha?: number }): Schedule {
  checkOptions("cosineDecay()", options, ["initialLearningRate", "decaySteps", "alpha"]);
  const initial = checkRate("cosineDecay()", "initialLearningRate", options.initialLearningRate);
  const decaySteps = checkSteps("cosineDecay()", "decaySteps", options.decaySteps);
  const alpha = checkRate("cosineDecay()", "alpha", options.alpha ?? 0);
  return schedule({ kind: "cosine", initial, decaySteps, alpha }, (step) => {
    const done = Math.min(step, decaySteps) / decaySteps;
    return initial * ((1 - alpha) * 0.5 * (1 + Math.cos(Math.PI * done)) + alpha);
  });
}

/**
 * Rises in a straight line from `from` (default 0) to the first rate of `then` in `steps` steps (weight updates), then
 * follows `then` from its own start.
 * @throws InputError on a rate that is not ≥ 0 and finite, or no steps
 */
export function warmup(options: { steps: number; then: number | Schedule; from?: number }): Schedule {
  checkOptions("warmup()", options, ["steps", "then", "from"]);
  const steps = checkSteps("warmup()", "steps", options.steps), from = checkRate("warmup()", "from", options.from ?? 0);
  const then = toSchedule("warmup()", options.then), target = rateAt(then, 0);
  return schedule({ kind: "warmup", steps, from, then }, (step) =>
    (step < steps ? from + (target - from) * (step / steps) : rateAt(then, step - steps)));
}

/** Reads `learningRate`: a number or a schedule. @throws InputError on anything else, also on a copy of one that changes */
export function toSchedule(where: string, value: number | Schedule): Schedule {
  if (typeof value === "number") return unchanging(checkRate(where, "learningRate", value));
  if (typeof value === "object" && value !== null) {
    if (RATES.has(value)) return value;
    // An optimizer that was copied through JSON is as good as it was.
    if (value.kind === "constant") return constant(value.rate);
  }
  throw new InputError(`${where}: learningRate must be a number or the value of a schedule function, not a copy of it; got ${show(value)}.`);
}

/** The learning rate of the update number `step` (the first is 0). */
export function rateAt(schedule: Schedule, step: number): number {
  const rate = RATES.get(schedule);
  if (!rate) throw new Error("a schedule without a formula");
  return rate(step);
}
