// Numbers over steps, any number of them in bounded memory: when there are too many, neighbours become their mean.

/** More than a chart has pixels. */
const MOST = 2_000;

export class Series {
  /** Steps that one entry is the mean of. */
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
    const at = Math.floor(this.#added++ / this.#stride);
    this.#sums[at] = (this.#sums[at] ?? 0) + value;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    if (this.#sums.length > MOST) this.#halve();
  }

  /** The step in which each entry ends, counted from 1. */
  steps(): number[] {
    return this.#counts.map((count, i) => i * this.#stride + count);
  }

  /**
   * Means of the entries, and of them a running mean: each entry keeps a share of `smoothing` of what came before, per step,
   * with the bias of the start taken out as Adam does.
   * @param smoothing in [0, 1); 0 leaves the numbers as they are
   */
  values(smoothing: number): number[] {
    const kept = smoothing ** this.#stride;
    let mean = 0, weight = 0;
    return this.#sums.map((sum, i) => {
      const value = sum / this.#counts[i];
      // What is no number is shown as a gap and spoils nothing after it.
      if (!Number.isFinite(value)) return NaN;
      mean = kept * mean + (1 - kept) * value;
      weight = kept * weight + (1 - kept);
      return mean / weight;
    });
  }

  #halve(): void {
    const pairs = (numbers: number[]) => numbers.reduce<number[]>((sums, value, i) => {
      sums[i >> 1] = (sums[i >> 1] ?? 0) + value;
      return sums;
    }, []);
    [this.#sums, this.#counts] = [pairs(this.#sums), pairs(this.#counts)];
    this.#stride *= 2;
  }
}
