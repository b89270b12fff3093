// What one fit() reads from a checkpoint and writes to others. Loaded when it has any.

import { FormatError } from "../errors.ts";
import type { CheckpointStore } from "../storage/checkpoint-store.ts";
import type { Plan } from "../schedule/plan.ts";
import type { StopSignal } from "./backend.ts";
import type { Expected } from "./checkpoint-file.ts";
import { CheckpointWriter, readCheckpoint } from "./checkpoint.ts";
import { initialStates, type Compiled } from "./compiled.ts";
import type { Checkpointing } from "./endurance.ts";
import { allFinite } from "./finite.ts";
import type { Standing } from "./fit.ts";
import type { CheckedFitOptions, FitOptions } from "./fit-options.ts";
import type { Gate } from "./lifecycle.ts";
import type { Course, Position } from "./passes.ts";

/** A fit() as far as its checkpoints need it. */
export interface FitCourse {
  readonly compiled: Compiled;
  readonly course: Course;
  readonly checked: CheckedFitOptions;
  readonly validates: boolean;
  readonly position: Position | null;
  readonly plan: Plan;
  readonly gate: Gate;
  readonly signal: StopSignal;
}

/** After an abort or dispose() a store has this long to take the last checkpoint. */
const STORE_MILLISECONDS = 5000;

function expectedOf({ compiled: { network, recipe, names, backend }, course, checked, validates, plan }: FitCourse): Expected {
  const { rows, batchSize } = course.portions, { steps } = checked;
  const states = initialStates(network, recipe.optimizer);
  return {
    fingerprint: {
      weights: network.parameters.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join(", "),
      seed: String(network.seed), optimizer: recipe.optimizer.name, loss: names.join(" "), batchSize: String(batchSize), rows: String(rows),
      shuffle: String(course.shuffle), length: steps === null ? "epochs" : `${steps} steps`,
      // Elsewhere it lies differently.
      ...(network.stateful ? { "stateful layers on": backend.kind } : {}),
    },
    tensors: new Map([...network.parameters.map(({ symbol, shape }) => [symbol, shape.reduce((a, b) => a * b, 1)] as const),
      ...[...states].map(([name, { length }]) => [name, length] as const)]),
    carried: network.stateful ? backend.carriedSizes(plan) : new Map(),
    names: validates ? [...names, ...names.map((name) => `val_${name}`)] : names, averaged: names.length,
    perEpoch: steps ?? Math.ceil(rows / batchSize), rows,
  };
}

/**
 * Puts the model where the newest checkpoint of the store was taken, and says so.
 * @returns where fit() goes on; undefined if the store holds none. @throws FormatError, with the model unchanged, if none is of use
 */
export async function resumeFrom({ resumeFrom: store, callbacks }: FitOptions, fit: FitCourse): Promise<Standing | undefined> {
  const { compiled: { keeper }, checked: { onNaN }, position, gate, signal } = fit;
  // A store may never answer: nothing is trained yet, so an abort need not wait for it.
  const reading = readCheckpoint(store!, expectedOf(fit)), found = await gate.still(() => Promise.race([reading, gate.ended(signal)]));
  if (!found) return undefined;
  if (onNaN !== "ignore" && ![...found.state.values()].every(allFinite)) {
    throw new FormatError("fit(): resumeFrom: the checkpoint holds numbers that are not finite. Start anew with a smaller learningRate.");
  }
  await keeper.adopt(found);
  if (position && found.position) Object.assign(position, found.position);
  const { standing: { history: { epochs: epoch, steps }, batches: batch } } = found;
  await gate.still(() => callbacks?.onResume?.({ epoch, batch, steps }));
  return found.standing;
}

/** @param standing how far fit() is, once it runs */
export function checkpointing(store: CheckpointStore, every: number, fit: FitCourse, standing: () => Standing | undefined): Checkpointing {
  const writer = new CheckpointWriter(store, expectedOf(fit)), { gate, signal } = fit;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abandoned = gate.ended(signal).then(() => new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      writer.abandon();
      resolve();
    }, STORE_MILLISECONDS);
  }));
  return {
    every, abandoned, close: () => clearTimeout(timer),
    begin() {
      const now = standing();
      if (!now) throw new Error("checkpoints are taken while training");
      const position = fit.position && { ...fit.position };
      return (snapshot) => writer.write({ ...snapshot, position, standing: now });
    },
  };
}
