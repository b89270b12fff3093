// Trains again what was trained since a snapshot: the same steps leave the same bits.

import { DeviceLostError } from "../../errors.ts";
import type { Backend } from "../backend/backend.ts";
import type { JournalEntry, Journal, Snapshot } from "./journal.ts";
import { partOf, place, runStretches, type Course, type PlacedStep, type Position, type Progress, type Ready } from "../loop/passes.ts";

/** What is trained from a step on. */
export type Leg = Pick<JournalEntry, "firstStep" | "stretches">;

/** A training under way. */
export interface ReplayedTraining {
  readonly session: { readonly snapshot: Snapshot };
  readonly journal: Journal;
  readonly progress: Progress;
  readonly course: Course;
  readonly position: Position | null;
}

/** Trains again what was trained since the snapshot, which the backend has been given, before step `end`. */
export async function replay(
  { session: { snapshot }, journal, progress, course, position }: ReplayedTraining,
  train: Ready,
  end = Infinity,
): Promise<void> {
  Object.assign(progress, snapshot.progress);
  for (const { firstStep, stateRows, stretches, recipe, steps } of journal.since(snapshot.progress.steps)) {
    const count = Math.min(steps, end - firstStep);
    // One may have ended before its first step.
    if (count <= 0) continue;
    Object.assign(progress, { steps: firstStep, stateRows });
    await runStretches({ ...course, recipe }, train, partOf(stretches, 0, count, course.portions.batchSize), progress, position, () => {}, {
      aborted: false,
    });
  }
}

/**
 * From the snapshot to where training stood when the device was lost.
 * @param firstStep where the journal begins. @throws DeviceLostError if the snapshot is of before
 */
export async function catchUp(trained: ReplayedTraining, train: Ready, firstStep: number, lostAt: Readonly<Progress>): Promise<void> {
  const {
    session: {
      snapshot: {
        progress: { steps },
      },
    },
    progress,
  } = trained;
  if (steps < firstStep) {
    throw new DeviceLostError(
      "fit(): the GPU was lost before the weights that this training began with could be read back. " +
        `getWeights() gives the last good ones, those after step ${steps}; compile() starts from them.`,
    );
  }
  await replay(trained, train);
  Object.assign(progress, lostAt);
}

/**
 * Takes back what was trained from step `at` on, of which nobody was told.
 * @param on does work that needs no more than what was trained so far, again if the device is lost
 */
export async function takeBack(
  trained: ReplayedTraining & { readonly session: { settled(): Promise<void> } },
  at: number,
  on: (work: (ground: { readonly train: Ready }, backend: Backend) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { session, journal, progress, course, position } = trained,
    leg = journal.entryOf(at - 1);
  if (!leg) throw new Error("steps that were told of are in the journal");
  const {
      pass,
      row,
      step: { rows },
    } = placeOf(course, leg, at - 1),
    stood = { steps: at, epochs: pass + 1, stateRows: rows };
  journal.cut(at);
  await session.settled();
  Object.assign(progress, stood);
  await on(async ({ train }, backend) => {
    await backend.write(session.snapshot.state);
    await replay(trained, train);
    Object.assign(progress, stood);
  });
  if (position) Object.assign(position, { pass, row });
}

/** Where the mini-batch of a step lies in its pass, its order beginning at 0. */
export function placeOf(course: Course, { firstStep, stretches }: Leg, step: number): PlacedStep {
  const part = partOf(stretches, step - firstStep, 1, course.portions.batchSize);
  return place(course, { place: (orders) => orders.map(() => 0) }, part, step)[0];
}
