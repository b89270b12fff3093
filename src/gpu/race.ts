// Which of several ways to do the same is the fastest, by measurements that disturb one another as little as can be: turn by
// turn, so that a machine that slows down slows all of them down. Knows nothing of GPUs.

export interface Race {
  /** How many runners there are. Runner 0 is the one to beat. */
  readonly count: number;
  /** Milliseconds that a runner takes. */
  readonly time: (runner: number) => Promise<number>;
  /** Milliseconds on any clock. */
  readonly now: () => number;
  /** Starts no measurement after so many milliseconds. */
  readonly budget: number;
  readonly rounds: number;
}

/** Who takes so many times what the best takes in the first round is out; not runner 0, which one lucky time must not beat. */
const HOPELESS = 1.5;
/** Runner 0 keeps its place unless it is beaten by so much: less is noise. */
const MARGIN = 1.05;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b),
    half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The runner with the smallest median; 0 if nobody beats it clearly. */
export async function fastest({ count, time, now, budget, rounds }: Race): Promise<number> {
  const times: number[][] = Array.from({ length: count }, () => []);
  const start = now();
  let running = [...times.keys()];
  for (let round = 0; round < rounds && running.length > 1; round++) {
    for (const runner of running) {
      if (now() - start > budget) return winner(times, running);
      times[runner].push(await time(runner));
    }
    if (round > 0) continue;
    const best = Math.min(...times.map(([first]) => first));
    running = running.filter((runner) => runner === 0 || times[runner][0] <= HOPELESS * best);
  }
  return winner(times, running);
}

function winner(times: readonly (readonly number[])[], running: readonly number[]): number {
  const medians = running.filter((runner) => times[runner].length > 0).map((runner) => ({ runner, time: median(times[runner]) }));
  if (medians.length === 0) return 0;
  const best = medians.reduce((a, b) => (b.time < a.time ? b : a));
  return medians[0].time <= MARGIN * best.time ? 0 : best.runner;
}
