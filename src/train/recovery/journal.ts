// A snapshot, and what was trained since, in order: all that is needed to train the same again.

import type { Recipe } from "../../model/network.ts";
import type { State } from "../backend/backend.ts";
import type { Progress, Stretch } from "../loop/passes.ts";

/** What training goes on from: the state of the backend after so many steps. */
export interface Snapshot {
  readonly state: State;
  readonly progress: Readonly<Progress>;
}

export interface JournalEntry {
  readonly firstStep: number;
  readonly stretches: readonly Stretch[];
  /** Of the sequences whose states the first mini-batch went on from. */
  readonly stateRows: number;
  /** Its learning rate is that of these steps. */
  readonly recipe: Recipe;
  /** How many mini-batches of the stretches were trained. */
  steps: number;
}

export class Journal {
  #entries: JournalEntry[] = [];

  /** The caller counts its steps. */
  begin({ steps: firstStep, stateRows }: Progress, stretches: readonly Stretch[], recipe: Recipe): JournalEntry {
    const entry: JournalEntry = { firstStep, stretches, stateRows, recipe, steps: 0 };
    this.#entries.push(entry);
    return entry;
  }

  /** Snapshots are taken between entries. */
  since(step: number): JournalEntry[] {
    return this.#entries.filter(({ firstStep }) => firstStep >= step);
  }

  entryOf(step: number): JournalEntry | undefined {
    return this.#entries.find(({ firstStep, steps }) => firstStep <= step && step < firstStep + steps);
  }

  /** What was trained before the step. */
  forget(step: number): void {
    this.#entries = this.since(step);
  }

  /** What was trained from the step on. */
  cut(step: number): void {
    this.#entries = this.#entries.filter(({ firstStep }) => firstStep < step);
    for (const entry of this.#entries) entry.steps = Math.min(entry.steps, step - entry.firstStep);
  }
}
