// Mini-batches as the numbers that a plan takes step by step, and the average of what the steps leave.

import type { StepScalars } from "../graph/types.ts";
import { ratesAt, type Optimizer } from "../model/optimizers.ts";

/** `rows` rows from place `at` of the order, cut into mini-batches; the last one is smaller where they do not divide. */
export function miniBatches(
  rows: number, batchSize: number, at: number, firstStep = 0, optimizer?: Optimizer,
): StepScalars[] {
  return Array.from({ length: Math.ceil(rows / batchSize) }, (_, i) => {
    const step = firstStep + i;
    const rates = optimizer ? ratesAt(optimizer, step) : { learningRate: 0, correctedRate: 0 };
    return { rows: Math.min(batchSize, rows - i * batchSize), offset: at + i * batchSize, step, ...rates };
  });
}

/** The loss and metrics of steps, averaged over their examples. */
export class Averages {
  readonly #sums: number[];
  #rows = 0;

  constructor(readonly names: readonly string[]) {
    this.#sums = names.map(() => 0);
  }

  /** Adds consecutive steps with their results one after the other. */
  add(steps: readonly StepScalars[], results: ArrayLike<number>): void {
    steps.forEach(({ rows }, s) => {
      this.#rows += rows;
      this.names.forEach((_, i) => { this.#sums[i] += results[s * this.names.length + i] * rows; });
    });
  }

  /** By name; `prefix` is "val_" for validation. */
  logs(prefix = ""): Record<string, number> {
    return Object.fromEntries(this.names.map((name, i) => [prefix + name, this.#sums[i] / this.#rows]));
  }
}
