// Learning rates that change with the step, as plain values: a step number in, a rate out. Names and formulas are Keras'.

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

const checkRate = (where: string, name: string, value: unknown): number => checkFloat32(where, name, value, "≥ 0");

function checkSteps(where: string, name: string, value: number): number {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new InputError(`${where}: ${name} must be a number of steps > 0; got ${show(value)}.`);
  }
  return value;
}

/** The same rate at every step. @throws InputError unless it is ≥ 0 and finite, in float32 too */
export function constant(rate: number): Schedule {
  return Object.freeze({ kind: "constant", rate: checkRate("constant()", "rate", rate) });
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
  return Object.freeze({ kind: "piecewise", boundaries: Object.freeze([...boundaries]), values: Object.freeze([...values]) });
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
  return Object.freeze({
    kind: "exponential",
    initial: checkRate("exponentialDecay()", "initialLearningRate", options.initialLearningRate),
    decaySteps: checkSteps("exponentialDecay()", "decaySteps", options.decaySteps),
    decayRate: checkRate("exponentialDecay()", "decayRate", options.decayRate),
    staircase: checkFlag("exponentialDecay()", "staircase", options.staircase, false),
  });
}

/**
 * From initialLearningRate to alpha · initialLearningRate (alpha 0 by default) along half a cosine of `decaySteps` steps
 * (weight updates), then constant (Keras' CosineDecay; Loshchilov and Hutter 2017).
 * @throws InputError on a rate that is not ≥ 0 and finite, or no steps
 */
export function cosineDecay(options: { initialLearningRate: number; decaySteps: number; alpha?: number }): Schedule {
  checkOptions("cosineDecay()", options, ["initialLearningRate", "decaySteps", "alpha"]);
  return Object.freeze({
    kind: "cosine",
    initial: checkRate("cosineDecay()", "initialLearningRate", options.initialLearningRate),
    decaySteps: checkSteps("cosineDecay()", "decaySteps", options.decaySteps),
    alpha: checkRate("cosineDecay()", "alpha", options.alpha ?? 0),
  });
}

/**
 * Rises in a straight line from `from` (default 0) to the first rate of `then` in `steps` steps (weight updates), then
 * follows `then` from its own start.
 * @throws InputError on a rate that is not ≥ 0 and finite, or no steps
 */
export function warmup(options: { steps: number; then: number | Schedule; from?: number }): Schedule {
  checkOptions("warmup()", options, ["steps", "then", "from"]);
  return Object.freeze({
    kind: "warmup",
    steps: checkSteps("warmup()", "steps", options.steps),
    from: checkRate("warmup()", "from", options.from ?? 0),
    then: toSchedule("warmup()", options.then),
  });
}

/** A schedule made again by its own factory, since it may have been copied or written by hand. */
function rebuilt(schedule: Schedule): Schedule {
  switch (schedule.kind) {
    case "constant": return constant(schedule.rate);
    case "piecewise": return piecewiseConstantDecay({ boundaries: schedule.boundaries, values: schedule.values });
    case "exponential": {
      const { initial, decaySteps, decayRate, staircase } = schedule;
      return exponentialDecay({ initialLearningRate: initial, decaySteps, decayRate, staircase });
    }
    case "cosine": {
      const { initial, decaySteps, alpha } = schedule;
      return cosineDecay({ initialLearningRate: initial, decaySteps, alpha });
    }
    case "warmup": return warmup({ steps: schedule.steps, from: schedule.from, then: schedule.then });
  }
}

const KINDS: readonly unknown[] = ["constant", "piecewise", "exponential", "cosine", "warmup"] satisfies Schedule["kind"][];

/** Reads `learningRate`: a number or a schedule. @throws InputError on anything else, also within a schedule */
export function toSchedule(where: string, value: number | Schedule): Schedule {
  if (typeof value === "number") {
    return Object.freeze({ kind: "constant", rate: checkRate(where, "learningRate", value) });
  }
  if (typeof value === "object" && value !== null && KINDS.includes(value.kind)) return rebuilt(value);
  throw new InputError(`${where}: learningRate must be a number or a schedule; got ${show(value)}.`);
}

/** The learning rate of the update number `step` (the first is 0). */
export function rateAt(schedule: Schedule, step: number): number {
  switch (schedule.kind) {
    case "constant":
      return schedule.rate;
    case "piecewise": {
      const stair = schedule.boundaries.findIndex((boundary) => step <= boundary);
      return schedule.values[stair < 0 ? schedule.values.length - 1 : stair];
    }
    case "exponential": {
      const exponent = step / schedule.decaySteps;
      return schedule.initial * schedule.decayRate ** (schedule.staircase ? Math.floor(exponent) : exponent);
    }
    case "cosine": {
      const done = Math.min(step, schedule.decaySteps) / schedule.decaySteps;
      return schedule.initial * ((1 - schedule.alpha) * 0.5 * (1 + Math.cos(Math.PI * done)) + schedule.alpha);
    }
    case "warmup": {
      const target = rateAt(schedule.then, 0);
      return step < schedule.steps
        ? schedule.from + (target - schedule.from) * (step / schedule.steps)
        : rateAt(schedule.then, step - schedule.steps);
    }
  }
}
