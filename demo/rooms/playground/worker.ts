// What the page can ask of the playground's worker. The worker has the network and the GPU; the page has the points and pixels.

import { expose } from "comlink";
import type { Lap } from "../../lib/race.ts";
import type { Engine } from "../../lib/engines.ts";
import { isLostGpu, reasonOf } from "../../lib/notices.ts";
import { Places } from "../../lib/places.ts";
import { RunLoop } from "../../lib/run-loop.ts";
import type { Pace, PlaygroundConfig } from "./config.ts";
import type { Split } from "./points.ts";
import { Trainer, type Events } from "./trainer.ts";

let trainer: Trainer | null = null;
let events: Events;
let lookEvery = 90;
const loop = new RunLoop(() => ready().train(), (error) => events.onStopped(reasonOf(error), isLostGpu(error)));

function ready(): Trainer {
  if (!trainer) throw new Error("there is no network yet");
  return trainer;
}

let looked: Promise<Places> | undefined;

/** A new network from its seed, on these points. Where it fails, the old one stays. */
const open = (config: PlaygroundConfig, split: Split, engine: Engine): Promise<void> => loop.alone(async () => {
  const places = await (looked ??= Places.look()), place = places.find(engine);
  if (trainer?.place === place) return trainer.start(config, split);
  const next = new Trainer(places, place, config, loop, events);
  next.lookEvery = lookEvery;
  await next.start(config, split);
  trainer?.dispose();
  trainer = next;
});

export const playgroundWorker = {
  /** Makes the first network. @param every time between two looks in ms */
  async open(config: PlaygroundConfig, split: Split, engine: Engine, every: number, listener: Events): Promise<void> {
    events = listener;
    lookEvery = every;
    await open(config, split, engine);
  },
  configure: open,
  run: (): Promise<void> => loop.run(),
  pause: (): Promise<void> => loop.pause(),
  step: (): Promise<void> => ready().step(),
  setRate: (rate: number): void => { ready().rate = rate; },
  setBatch: (batch: number): void => { ready().batch = batch; },
  setPace: (pace: Pace): void => { ready().pace = pace; },
  lose: (): void => ready().lose(),
  inspect: (index: number) => ready().inspect(index),
  race: (onLap: (lap: Lap) => void) => ready().race(onLap),
};

export type PlaygroundWorker = typeof playgroundWorker;

expose(playgroundWorker);
