// Finds what was the first to go when training came upon numbers that are not finite, and leads back to before it.

import { DivergenceError } from "../../errors.ts";
import type { Backend, State } from "../backend/backend.ts";
import type { OnNaN } from "../call/fit-options.ts";
import { isFiniteState } from "../backend/finite.ts";
import type { Order } from "../backend/orders.ts";
import { orderOf, type PlacedStep, type Ready } from "../loop/passes.ts";
import { placeOf, replay, type Leg, type ReplayedTraining } from "./replay.ts";

/**
 * The last step that began with finite weights.
 * @param from a step that did
 * @param to a step with a loss that was not finite
 * @param isFiniteAt whether the state before a step is finite
 */
async function lastFinite(from: number, to: number, isFiniteAt: (step: number) => Promise<boolean>): Promise<number> {
  let low = from,
    high = to + 1;
  // Most of the time the numbers went a step or two ago.
  for (let back = 0; to - back > from; back = 2 * back || 1) {
    if (await isFiniteAt(to - back)) {
      low = to - back;
      break;
    }
    high = to - back;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await isFiniteAt(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** A mini-batch: rows `from`, … of an order. */
export interface Batch {
  readonly order: Order;
  readonly from: number;
  readonly rows: number;
}

/** Numbers that are not finite were seen. */
export interface Sighting {
  /** They were there when this step began or computed its loss. */
  readonly seenAt: number;
  /** The first step that nobody was told of; null where all were told that ran. */
  readonly next: number | null;
}

/** A training that such numbers were seen in. */
export interface Spoilt extends ReplayedTraining {
  readonly session: ReplayedTraining["session"] & { settled(): Promise<void>; takeSnapshot(): Promise<unknown> };
  readonly onNaN: OnNaN;
  /** The first tensor of a training step on this mini-batch that is not finite, from the state that the backend has. */
  readonly firstNonFinite: (state: State, batch: Batch) => Promise<string>;
  /** The last loss that was finite; null if there was none. */
  readonly lastLoss: number | null;
  /** How often it is rolled back, this time included. */
  readonly rollbacks: number;
  /** Does work that needs no more than what was trained so far, again if the device is lost. */
  readonly on: <T>(work: (ground: { readonly train: Ready }, backend: Backend) => Promise<T>) => Promise<T>;
  /** What was seen is about to be undone. */
  readonly forget: () => void;
}

interface Divergence {
  /** The last step that began with finite numbers alone. */
  readonly step: number;
  /** What it made first that was not finite. */
  readonly tensor: string;
}

/** @param seenAt a step with a loss that was not finite. @returns with the backend as it was before the step */
async function locate(spoilt: Spoilt, train: Ready, backend: Backend, seenAt: number): Promise<Divergence> {
  const { session, journal, course, firstNonFinite } = spoilt;
  const goTo = async (step: number): Promise<State> => {
    await backend.write(session.snapshot.state);
    await replay(spoilt, train, step);
    return backend.snapshot();
  };
  const step = await lastFinite(session.snapshot.progress.steps, seenAt, async (at) => isFiniteState(await goTo(at)));
  const state = await goTo(step),
    entry = journal.entryOf(step);
  // What was not trained yet found them so from the start.
  if (!entry) return { step, tensor: "the weights" };
  const {
    step: { offset: from, rows },
    pass,
  } = placeOf(course, entry, step);
  return { step, tensor: await firstNonFinite(state, { order: orderOf(course, pass), from, rows }) };
}

const positionAfter = ({ pass, row }: PlacedStep) => ({ pass, row });

const MAX_ROLLBACKS = 3;

const wordsOn = ({ step, tensor }: Divergence, lossBefore: number | null): string =>
  `fit(): step ${step} came upon numbers that are not finite, first in ${tensor}; the loss before was ${lossBefore ?? "not known"}.`;

const diverged = (found: Divergence, lossBefore: number | null): DivergenceError =>
  new DivergenceError(
    `${wordsOn(found, lossBefore)} The model is as it was before that step. Use a smaller learningRate, clip gradients ` +
      "(adam({ clipNorm: 1 })) or look at the data's scale.",
    found.step,
    lossBefore,
    found.tensor,
  );

/** @param next the step that training goes on with */
const leftOut = (found: Divergence, lossBefore: number | null, next: number): string =>
  `deltaprop: ${wordsOn(found, lossBefore)} The ${next - found.step} mini-batches from there on are left out.`;

/**
 * Leads back to before the step that made the first number which is not finite, and behind what is to be left out.
 * @param leg what was being trained when it was seen; none at the end of it all
 * @throws DivergenceError if training is to stop
 */
export async function rollBack(spoilt: Spoilt, { seenAt, next }: Sighting, leg?: Leg): Promise<void> {
  const { session, journal, progress, course, position, onNaN, lastLoss, rollbacks, on, forget } = spoilt;
  const { steps, epochs } = progress,
    stood = position && { ...position };
  const found = await on(async ({ train }, backend) => {
    await session.settled();
    return locate(spoilt, train, backend, seenAt);
  });
  forget();
  journal.cut(found.step);
  // Passes that were begun stay begun.
  Object.assign(progress, { steps: found.step, epochs });
  if (onNaN === "stop" || rollbacks > MAX_ROLLBACKS) throw diverged(found, lastLoss);
  progress.steps = next ?? steps;
  console.warn(leftOut(found, lastLoss, progress.steps));
  if (position) Object.assign(position, next === null || !leg ? stood : positionAfter(placeOf(course, leg, next - 1)));
  await on(() => session.takeSnapshot());
}
