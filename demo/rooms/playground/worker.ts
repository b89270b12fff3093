// What the page can ask of the playground's worker. The worker has the network and the GPU; the page has the points and pixels.

import { expose } from "comlink";
import type { Lap } from "../../lib/race.ts";
import type { Engine } from "../../lib/engines.ts";
import { Places } from "../../lib/places.ts";
import type { PlaygroundConfig } from "./config.ts";
import type { Split } from "./points.ts";
import { Trainer, type Events } from "./trainer.ts";

let trainer: Trainer | null = null;
let events: Events;
let lookEvery = 90;

function ready(): Trainer {
  if (!trainer) throw new Error("there is no network yet");
  return trainer;
}

let looked: Promise<Places> | undefined;

async function open(config: PlaygroundConfig, split: Split, engine: Engine): Promise<void> {
  const places = await (looked ??= Places.look()), wanted = places.find(engine);
  if (trainer && trainer.place === wanted) return trainer.configure(config, split);
  const old = trainer;
  await old?.pause();
  trainer = await Trainer.create(places, wanted, config, split, events);
  trainer.lookEvery = lookEvery;
  old?.dispose();
}

export const playgroundWorker = {
  /** Makes the first network. @param every time between two looks in ms */
  async open(config: PlaygroundConfig, split: Split, engine: Engine, every: number, listener: Events): Promise<void> {
    events = listener;
    lookEvery = every;
    await open(config, split, engine);
  },
  /** A new network from its seed, on these points. */
  configure: open,
  run: (): void => ready().run(),
  pause: (): Promise<void> => ready().pause(),
  step: (): Promise<void> => ready().step(),
  setRate: (rate: number): void => { ready().rate = rate; },
  setBatch: (batch: number): void => { ready().batch = batch; },
  lose: (): void => ready().lose(),
  inspect: (index: number) => ready().inspect(index),
  race: (onLap: (lap: Lap) => void) => ready().race(onLap),
};

export type PlaygroundWorker = typeof playgroundWorker;

expose(playgroundWorker);
