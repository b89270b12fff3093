// The network as it was at steps of before, each look whole: weights, answers, scores. Many near the beginning and fewer later on,
// so that no run takes more memory than this.

import type { Look } from "./messages.ts";

/** A hundred maps with their neurons are 10 MB at most. */
const MOST = 100;

export class Snapshots {
  #kept: Look[] = [];

  get length(): number {
    return this.#kept.length;
  }

  at(index: number): Look | undefined {
    return this.#kept.at(index);
  }

  /** The place of the last one that is not behind this step. */
  placeOf(steps: number): number {
    const after = this.#kept.findIndex((look) => look.steps > steps);
    return after < 0 ? this.#kept.length - 1 : Math.max(0, after - 1);
  }

  /** Step 0, or fewer steps than before, are those of another network: what was kept goes. */
  add(look: Look): void {
    const last = this.#kept.at(-1)?.steps ?? 0;
    if (look.steps === 0 || look.steps < last) this.#kept = [];
    else if (this.#kept.length > 0 && look.steps === last) this.#kept.pop();
    this.#kept.push({ ...look, losses: new Float32Array(0) });
    if (this.#kept.length > MOST) this.#thin();
  }

  /** Takes out the one that leaves the smallest gap, as a logarithmic axis shows it; never the first or the last. */
  #thin(): void {
    const gap = (i: number) => (this.#kept[i + 1].steps + 1) / (this.#kept[i - 1].steps + 1);
    let least = 1;
    for (let i = 2; i < this.#kept.length - 1; i++) if (gap(i) < gap(least)) least = i;
    this.#kept.splice(least, 1);
  }
}
