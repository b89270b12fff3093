// Which mini-batches come next, and running them: passes over the training rows, whole or in part, each in its order.

import type { StepScalars } from "../../graph/types.ts";
import type { Recipe } from "../../model/network.ts";
import type { ResultHandler, Runner, StopSignal } from "../backend/backend.ts";
import { miniBatches } from "../data/batches.ts";
import type { Order, Orders } from "../backend/orders.ts";
import { fromStates, type Carried } from "../data/states.ts";

/** Which rows of a data set, and how many of them at a time. */
export interface Portions {
  readonly rows: number;
  /** Where in the rows' order they start. */
  readonly at: number;
  readonly batchSize: number;
}

/** A runner for a data set, and the orders that it reads. */
export interface Ready {
  readonly runner: Runner;
  readonly orders: Orders;
}

/** The two together. */
export interface Prepared extends Portions, Ready {}

/** What the loop reads and moves of the model: where its schedule and its shuffling stand, and whose states are carried on. */
export interface Progress extends Carried {
  /** Weight updates so far. */
  steps: number;
  /** Passes over the data begun so far; decides the order of the next. */
  epochs: number;
}

/** How far training by steps has come in a pass over the rows; from `row` = `rows` on the next pass begins. */
export interface Position {
  /** Of these rows, in shuffled or in their own order. */
  readonly rows: number;
  readonly shuffle: boolean;
  pass: number;
  row: number;
}

/** Mini-batches of one pass: so many, from row `from` of its order on. */
export interface Stretch {
  readonly pass: number;
  readonly from: number;
  readonly steps: number;
}

/** `count` whole passes from pass `first` on. */
export const wholePasses = (first: number, count: number, stepsPerPass: number): Stretch[] =>
  Array.from({ length: count }, (_, i) => ({ pass: first + i, from: 0, steps: stepsPerPass }));

export const stepsIn = (stretches: readonly Stretch[]): number => stretches.reduce((sum, { steps }) => sum + steps, 0);

/** `count` mini-batches of them, after the first `skipped`. */
export function partOf(stretches: readonly Stretch[], skipped: number, count: number, batchSize: number): Stretch[] {
  const part: Stretch[] = [];
  let left = count;
  for (const { pass, from, steps } of stretches) {
    const gone = Math.min(skipped, steps),
      taken = Math.min(left, steps - gone);
    skipped -= gone;
    left -= taken;
    if (taken > 0) part.push({ pass, from: from + gone * batchSize, steps: taken });
  }
  return part;
}

export interface Course {
  readonly recipe: Recipe;
  readonly seed: number;
  readonly portions: Portions;
  readonly shuffle: boolean;
}

/** A training step as it runs, and where its pass stands after it. */
export interface PlacedStep {
  readonly step: StepScalars;
  readonly pass: number;
  readonly row: number;
}

/** In which a pass goes through the rows. */
export const orderOf = ({ seed, shuffle, portions: { rows } }: Course, pass: number): Order => (shuffle ? { seed, pass, rows } : null);

/** @param orders where the order of each pass begins, as StepScalars.offset counts */
export function place(course: Course, orders: Pick<Orders, "place">, stretches: readonly Stretch[], firstStep: number): PlacedStep[] {
  const {
    recipe,
    portions: { rows, at, batchSize },
  } = course;
  const places = orders.place(stretches.map(({ pass }) => orderOf(course, pass)));
  let next = firstStep;
  return stretches.flatMap(({ pass, from, steps }, i) => {
    let row = from;
    const batches = miniBatches(Math.min(rows - from, steps * batchSize), batchSize, at + places[i] + from, next, recipe.optimizer);
    next += batches.length;
    return batches.map((step) => ({ step, pass, row: (row += step.rows) }));
  });
}

/** Results of steps, `first` the number of the first of them within the run. */
export type ResultsOfSteps = (first: number, steps: readonly StepScalars[], results: ArrayLike<number>) => void;

/**
 * Trains on these stretches in one run. `progress` and `position` follow the results as they come, so that an error leaves
 * them true: steps whose results were never seen do not count.
 * @param onResults is told of the steps with their results, in order
 * @returns how many steps ran
 */
export function runStretches(
  course: Course,
  { runner, orders }: Ready,
  stretches: readonly Stretch[],
  progress: Progress,
  position: Position | null,
  onResults: ResultsOfSteps,
  signal: StopSignal,
  onSubmitted?: () => void,
): Promise<number> {
  const firstStep = progress.steps,
    placed = place(course, orders, stretches, firstStep);
  const steps = fromStates(
    placed.map(({ step }) => step),
    progress,
  );
  const follow: ResultHandler = (first, count, results) => {
    const { pass, row, step } = placed[first + count - 1];
    progress.stateRows = step.rows;
    progress.steps = firstStep + first + count;
    progress.epochs = Math.max(progress.epochs, pass + 1);
    if (position) Object.assign(position, { pass, row });
    onResults(first, steps.slice(first, first + count), results);
  };
  return runner.run(steps, follow, signal, onSubmitted);
}
