// What the page can ask of the playground's worker. The worker has the network and the GPU; the page has the points and pixels.

import { expose } from "comlink";
import type { Lap } from "../../lib/race.ts";
import { SharedDevice } from "../../lib/shared-device.ts";
import type { PlaygroundConfig } from "./config.ts";
import type { Split } from "./points.ts";
import { Trainer, type Backend, type Events } from "./trainer.ts";

let trainer: Trainer | null = null;
let events: Events;
let lookEvery = 90;

function ready(): Trainer {
  if (!trainer) throw new Error("there is no network yet");
  return trainer;
}

let device: Promise<SharedDevice | null> | undefined;

async function open(config: PlaygroundConfig, split: Split, backend: Backend): Promise<void> {
  const wanted = backend === "cpu" ? null : await (device ??= SharedDevice.find());
  if (trainer && trainer.device === wanted) return trainer.configure(config, split);
  const old = trainer;
  await old?.pause();
  trainer = await Trainer.create(wanted, config, split, events);
  trainer.lookEvery = lookEvery;
  old?.dispose();
}

export const playgroundWorker = {
  /** Makes the first network. @param every time between two looks in ms */
  async open(config: PlaygroundConfig, split: Split, backend: Backend, every: number, listener: Events): Promise<void> {
    events = listener;
    lookEvery = every;
    await open(config, split, backend);
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
