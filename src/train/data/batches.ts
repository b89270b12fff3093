// Mini-batches as the numbers that a plan takes step by step, and the average of what the steps leave.

import type { StepScalars } from "../../graph/types.ts";
import { ratesAt, type Optimizer } from "../../model/optimizers.ts";

const NO_RATES = { learningRate: 0, correctedRate: 0 };

/** `rows` rows from place `at` of the order, cut into mini-batches; the last one is smaller where they do not divide. */
export function miniBatches(rows: number, batchSize: number, at: number, firstStep = 0, optimizer?: Optimizer): StepScalars[] {
  const batches: StepScalars[] = [];
  for (let from = 0, step = firstStep; from < rows; from += batchSize, step++) {
    const { learningRate, correctedRate } = optimizer ? ratesAt(optimizer, step) : NO_RATES;
    batches.push({ rows: Math.min(batchSize, rows - from), offset: at + from, step, learningRate, correctedRate });
  }
  return batches;
}

/** What steps leave, and how loss and metrics follow from it. */
export interface Readout {
  /** "loss" and the metrics. */
  readonly names: readonly string[];
  /** Means that each step leaves; behind them how many outputs they are over, where rows of sequences are padded. */
  readonly means: number;
  /** Loss and metrics, where they are not the means themselves. @param rows examples, or if `counted` outputs, that the means are over */
  readonly read?: (means: readonly number[], rows: number, counted: boolean) => readonly number[];
}

/** What averages are made of. */
export interface Sums {
  readonly sums: readonly number[];
  readonly rows: number;
}

/** What steps leave, averaged over their examples; over the outputs that count where some are padding. */
export class Averages {
  readonly #sums: number[];
  #rows: number;
  #counted = false;

  /** @param before what they go on from */
  constructor(
    readonly readout: Readout,
    before?: Sums,
  ) {
    this.#sums = Array.from({ length: readout.means }, (_, i) => before?.sums[i] ?? 0);
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
    const stride = results.length / count,
      at = index * stride,
      means = this.#sums.length;
    this.#counted = stride > means;
    const weight = this.#counted ? results[at + means] : rows;
    this.#rows += weight;
    for (let i = 0; i < means; i++) this.#sums[i] += results[at + i] * weight;
  }

  /** Loss and metrics by name; `prefix` is "val_" for validation. */
  logs(prefix = ""): Record<string, number> {
    const { names, read } = this.readout,
      means = this.#sums.map((sum) => sum / this.#rows),
      values = read?.(means, this.#rows, this.#counted) ?? means;
    return Object.fromEntries(names.map((name, i) => [prefix + name, values[i]]));
  }
}
