// Learning rates that change with the step. Names and formulas are Keras'.

import { InputError } from "../errors.ts";
import { checkFlag, checkOptions, show } from "./checks.ts";
import { checkRate, rateAt, schedule, toSchedule, type Schedule } from "./schedules.ts";

function checkSteps(where: string, name: string, value: number): number {
  if (!(Number.isFinite(value) && value > 0)) {
    throw new InputError(`${where}: ${name} must be a number of steps > 0; got ${show(value)}.`);
  }
  return value;
}

/**
 * A stair (Keras' PiecewiseConstantDecay): values[i] while step ≤ boundaries[i], then the last value.
 * @param options `boundaries`, ascending, in steps (weight updates); `values`, rates, one more than boundaries
 * @throws InputError if they are not
 */
export function piecewiseConstantDecay(options: { boundaries: readonly number[]; values: readonly number[] }): Schedule {
  options = checkOptions("piecewiseConstantDecay()", options, ["boundaries", "values"]);
  const { boundaries, values } = options;
  if (![boundaries, values].every(Array.isArray)) {
    throw new InputError(
      "piecewiseConstantDecay(): boundaries and values must be arrays of numbers; " + `got ${show(boundaries)} and ${show(values)}.`,
    );
  }
  const ascending = boundaries.every((b, i) => Number.isFinite(b) && (i === 0 || b > boundaries[i - 1]));
  if (!ascending || values.length !== boundaries.length + 1) {
    throw new InputError(
      "piecewiseConstantDecay(): boundaries must ascend and values must be one longer; " +
        `got ${boundaries.length} boundaries [${boundaries.map(show).join(", ")}] and ${values.length} values.`,
    );
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
  initialLearningRate: number;
  decaySteps: number;
  decayRate: number;
  staircase?: boolean;
}): Schedule {
  options = checkOptions("exponentialDecay()", options, ["initialLearningRate", "decaySteps", "decayRate", "staircase"]);
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
  options = checkOptions("cosineDecay()", options, ["initialLearningRate", "decaySteps", "alpha"]);
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
  options = checkOptions("warmup()", options, ["steps", "then", "from"]);
  const steps = checkSteps("warmup()", "steps", options.steps),
    from = checkRate("warmup()", "from", options.from ?? 0);
  const then = toSchedule("warmup()", options.then),
    target = rateAt(then, 0);
  return schedule({ kind: "warmup", steps, from, then }, (step) =>
    step < steps ? from + (target - from) * (step / steps) : rateAt(then, step - steps),
  );
}
