// The same network from the same seed on each engine, turn by turn, for as many steps each: how fast, and how far apart they end.
// Runs in a room's worker.

import type { Callbacks, Sequential } from "../../src/index.ts";
import type { Engine } from "./engines.ts";
import type { Place, Places } from "./places.ts";

export interface Lap {
  /** Training steps that each of them has done. */
  readonly steps: number;
  /** In the order of ENGINES. */
  readonly runners: readonly { readonly engine: Engine; readonly stepsPerSecond: number }[];
  /** Steps that were timed: the first lap of each pays for compiling. */
  readonly timed: number;
  /** The largest |w − w′| over all weights, between any engine and the float64 reference. */
  readonly difference: number;
}

/** How many times as fast as the float64 reference each of the other engines was, to two digits. */
export function factorsOf({ runners }: Lap): { readonly engine: Engine; readonly factor: string }[] {
  const reference = runners.find(({ engine }) => engine === "cpu")!.stepsPerSecond;
  return runners
    .filter(({ engine }) => engine !== "cpu")
    .map(({ engine, stepsPerSecond }) => ({ engine, factor: String(Number((stepsPerSecond / reference).toPrecision(2))) }));
}

/** It takes at least so long, and goes on until LEAST_TIMED steps were timed, but for no longer than MOST_MS. */
const RACE_MS = 4_000,
  MOST_MS = 20_000;
/** Fewer steps say nothing about speed. */
export const LEAST_TIMED = 25;
/** Laps double until the slowest one takes so long. */
const LAP_MS = 200;
const MOST_STEPS = 20_000;

/** Whether a race may name a winner. */
export const isDecided = ({ timed }: Pick<Lap, "timed">): boolean => timed >= LEAST_TIMED;

/** @param ms since it began */
export const isOver = (ms: number, timed: number): boolean => ms > MOST_MS || (ms > RACE_MS && isDecided({ timed }));

/** The largest distance of a weight of the others from that of the last. */
async function largestDifference(models: readonly Sequential[]): Promise<number> {
  const all = await Promise.all(models.map((model) => model.getWeights())),
    reference = all[all.length - 1];
  let largest = 0;
  for (const weights of all.slice(0, -1)) {
    weights.forEach(({ data }, i) =>
      data.forEach((w, at) => {
        const distance = Math.abs(w - reference[i].data[at]);
        // What is no number is told as such.
        if (!(distance <= largest)) largest = distance;
      }),
    );
  }
  return largest;
}

/**
 * @param places where to race: all engines that there are, the float64 reference last
 * @param open a compiled network, always from the same seed
 * @param train so many steps, going on where the last call stopped, with these callbacks
 * @param first steps of the first lap: few where one takes the float64 reference long
 * @returns the last lap
 */
export async function runRace(
  { engines, byEngine }: Places,
  open: (place: Place) => Promise<Sequential>,
  train: (model: Sequential, steps: number, callbacks: Callbacks) => Promise<unknown>,
  onLap: (lap: Lap) => void,
  first = 8,
): Promise<Lap> {
  const models: Sequential[] = [],
    spent = engines.map(() => 0),
    began = performance.now();
  let steps = 0,
    timed = 0,
    next = first;
  try {
    for (const engine of engines) models.push(await open(byEngine.get(engine)!));
    const lap = async (): Promise<number> => {
      let slowest = 0;
      for (const [i, model] of models.entries()) {
        let start = 0,
          ms = 0;
        // Steps alone: what fit() prepares before and secures behind them would hide the speed of a quick engine.
        await train(model, next, {
          onTrainBegin() {
            start = performance.now();
          },
          onTrainEnd() {
            ms = performance.now() - start;
          },
        });
        // The first lap pays for compiling.
        if (steps > 0) spent[i] += ms;
        slowest = Math.max(slowest, ms);
      }
      if (steps > 0) timed += next;
      steps += next;
      return slowest;
    };
    await lap();
    for (;;) {
      const slowest = await lap();
      const runners = engines.map((engine, i) => ({ engine, stepsPerSecond: (1000 * timed) / spent[i] }));
      const result = { steps, runners, timed, difference: await largestDifference(models) };
      onLap(result);
      if (isOver(performance.now() - began, timed)) return result;
      if (slowest < LAP_MS) next = Math.min(MOST_STEPS, 2 * next);
    }
  } finally {
    for (const model of models) model.dispose();
  }
}
