// Numbers over steps, any number of them in bounded memory: the first ones as they are, since most is learnt then; behind them
// neighbours become their mean when there are too many.

/** More than a chart has pixels. */
const MOST = 2_000;
/** So many of the first numbers are kept, for a logarithmic axis. */
const HEAD = 256;

export class Series {
  /** Steps that one entry behind the first ones is the mean of. */
  #stride = 1;
  #sums: number[] = [];
  #counts: number[] = [];
  #added = 0;

  clear(): void {
    [this.#stride, this.#sums, this.#counts, this.#added] = [1, [], [], 0];
  }

  get length(): number {
    return this.#added;
  }

  /** The number of the next step. */
  add(value: number): void {
    const step = this.#added++,
      at = step < HEAD ? step : HEAD + Math.floor((step - HEAD) / this.#stride);
    this.#sums[at] = (this.#sums[at] ?? 0) + value;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    if (this.#sums.length > MOST) this.#halve();
  }

  /** The step in which each entry ends, counted from 1. */
  steps(): number[] {
    let steps = 0;
    return this.#counts.map((count) => (steps += count));
  }

  /**
   * Means of the entries, and of them a running mean: each entry keeps a share of `smoothing` of what came before, per step,
   * with the bias of the start taken out as Adam does.
   * @param smoothing in [0, 1); 0 leaves the numbers as they are
   */
  values(smoothing: number): number[] {
    let mean = 0,
      weight = 0;
    return this.#sums.map((sum, i) => {
      const value = sum / this.#counts[i],
        kept = smoothing ** this.#counts[i];
      // What is no number is shown as a gap and spoils nothing after it.
      if (!Number.isFinite(value)) return NaN;
      mean = kept * mean + (1 - kept) * value;
      weight = kept * weight + (1 - kept);
      return mean / weight;
    });
  }

  #halve(): void {
    const pairs = (numbers: readonly number[]) =>
      numbers.slice(HEAD).reduce<number[]>(
        (sums, value, i) => {
          sums[HEAD + (i >> 1)] = (sums[HEAD + (i >> 1)] ?? 0) + value;
          return sums;
        },
        numbers.slice(0, HEAD),
      );
    [this.#sums, this.#counts] = [pairs(this.#sums), pairs(this.#counts)];
    this.#stride *= 2;
  }
}
