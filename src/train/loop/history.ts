// What a fit() came to, and how far one under way has come.

import type { Sums } from "../data/batches.ts";

/** What fit() resolves with. */
export interface History {
  /** One number a completed epoch for each name: loss, the metrics, val_loss and the validation metrics. */
  history: Record<string, number[]>;
  /** Epochs completed, their validation included; with `steps`, 1 once all of them are done. */
  epochs: number;
  /** Mini-batches trained, those of an interrupted epoch included. */
  steps: number;
  /** Whether `signal` ended training early: fewer epochs (or `steps`) were completed than asked for. */
  stopped: boolean;
}

/** How far a fit() has come. */
export interface Standing {
  readonly history: History;
  /** Of the epoch under way: mini-batches trained, and what its averages are made of so far. */
  readonly batches: number;
  readonly sums: Sums;
}
