// Mini-batches as the numbers that a plan takes step by step, and the average of what the steps leave.

import type { StepScalars } from "../../graph/types.ts";
import { ratesAt, type Optimizer } from "../../model/optimizers.ts";

const NO_RATES = { learningRate: 0, correctedRate: 0 };

/** `rows` rows from place `at` of the order, cut into mini-batches; the last one is smaller where they do not divide. */
export function miniBatches(
  rows: number, batchSize: number, at: number, firstStep = 0, optimizer?: Optimizer,
): StepScalars[] {
  const batches: StepScalars[] = [];
  for (let from = 0, step = firstStep; from < rows; from += batchSize, step++) {
    const { learningRate, correctedRate } = optimizer ? ratesAt(optimizer, step) : NO_RATES;
    batches.push({ rows: Math.min(batchSize, rows - from), offset: at + from, step, learningRate, correctedRate });
  }
  return batches;
}

interface StepResults {
  readonly values: readonly number[];
  /** Outputs that the values are the means of; null for all of the rows'. */
  readonly count: number | null;
}

/**
 * What one of `steps` steps left: loss and metrics, and behind them how many outputs they are the means of, where rows of
 * sequences are padded.
 */
export function resultsOf(results: ArrayLike<number>, steps: number, step: number, names: number): StepResults {
  const stride = results.length / steps, at = step * stride;
  return { values: Array.from({ length: names }, (_, i) => results[at + i]), count: stride > names ? results[at + names] : null };
}

/** What averages are made of. */
export interface Sums {
  readonly sums: readonly number[];
  readonly rows: number;
}

/** The loss and metrics of steps, averaged over their examples; over the outputs that count where some are padding. */
export class Averages {
  readonly #sums: number[];
  #rows: number;

  /** @param before what they go on from */
  constructor(readonly names: readonly string[], before?: Sums) {
    this.#sums = names.map((_, i) => before?.sums[i] ?? 0);
    this.#rows = before?.rows ?? 0;
  }

  get sums(): Sums {
    return { sums: [...this.#sums], rows: this.#rows };
  }

  /** Adds consecutive steps with their results one after the other. */
  add(steps: readonly StepScalars[], results: ArrayLike<number>): void {
    steps.forEach(({ rows }, s) => this.addStep(rows, results, steps.length, s));
  }

  /** @param index which of `count` steps whose results these are; `rows` are its examples. Makes nothing: it is called for each step. */
  addStep(rows: number, results: ArrayLike<number>, count: number, index: number): void {
    const stride = results.length / count, at = index * stride, names = this.#sums.length;
    const weight = stride > names ? results[at + names] : rows;
    this.#rows += weight;
    for (let i = 0; i < names; i++) this.#sums[i] += results[at + i] * weight;
  }

  /** By name; `prefix` is "val_" for validation. */
  logs(prefix = ""): Record<string, number> {
    return Object.fromEntries(this.names.map((name, i) => [prefix + name, this.#sums[i] / this.#rows]));
  }
}
