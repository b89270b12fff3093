// How long steps take, as a log of compile({ debug: 3 }) tells it: added up, and told when a run ends or once a second.

import type { Plan } from "../../schedule/plan.ts";

const TELL_MILLIS = 1000;
/** Characters of a launch's label. */
const LABEL_LENGTH = 48;

const ms = (milliseconds: number): string => `${milliseconds.toPrecision(3)} ms`;

/** What is timed of one runner. */
export class Stopwatch {
  #steps = 0;
  #millis = 0;
  #fastest = Infinity;
  #slowest = 0;
  #launches = new Map<number, { millis: number; steps: number }>();
  #told = performance.now();

  /** @param how what the times are of: "submit", or "step" where steps are run one by one */
  constructor(
    readonly plan: Plan,
    readonly log: (text: string) => void,
    readonly how: string,
  ) {}

  /** So many steps have taken so long, from the results before them to theirs. */
  addSteps(steps: number, milliseconds: number): void {
    this.#steps += steps;
    this.#millis += milliseconds;
    this.#fastest = Math.min(this.#fastest, milliseconds / steps);
    this.#slowest = Math.max(this.#slowest, milliseconds / steps);
    if (performance.now() - this.#told > TELL_MILLIS) this.tell();
  }

  /** A launch has taken so long on the device, for so many steps. */
  addLaunch(launch: number, milliseconds: number, steps: number): void {
    const sum = this.#launches.get(launch) ?? { millis: 0, steps: 0 };
    this.#launches.set(launch, { millis: sum.millis + milliseconds, steps: sum.steps + steps });
  }

  /** Logs what there is, and begins anew. */
  tell(): void {
    this.#told = performance.now();
    if (this.#steps === 0) return;
    const {
        graph: { purpose },
        batch,
      } = this.plan,
      count = this.#steps === 1 ? "1 step" : `${this.#steps} steps`;
    const range = this.#fastest < this.#slowest ? ` (${ms(this.#fastest)} to ${ms(this.#slowest)} by ${this.how})` : "";
    this.log(
      [
        `${purpose}, batch ${batch}: ${count} in ${ms(this.#millis)}, ${ms(this.#millis / this.#steps)} a step${range}`,
        ...this.#launchLines(),
      ].join("\n"),
    );
    this.#steps = this.#millis = this.#slowest = 0;
    this.#fastest = Infinity;
    this.#launches = new Map();
  }

  #launchLines(): string[] {
    const total = [...this.#launches.values()].reduce((sum, { millis }) => sum + millis, 0);
    return [...this.#launches]
      .sort(([a], [b]) => a - b)
      .map(([launch, { millis, steps }]) => {
        const { kernel, label, flops } = this.plan.launches[launch],
          each = millis / steps;
        const speed = flops > 0 && each > 0 ? `${(flops / each / 1e6).toPrecision(3)} GFLOP/s` : "";
        const short = label.length > LABEL_LENGTH ? `${label.slice(0, LABEL_LENGTH - 1)}…` : label;
        const share = total > 0 ? Math.round((100 * millis) / total) : 0;
        return `  launch ${launch + 1}  ${ms(each).padStart(10)}  ${String(share).padStart(3)} %  ${speed.padStart(14)}  ${kernel}: ${short}`;
      });
  }
}
