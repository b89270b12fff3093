// What the page can ask of the playground's worker. The worker has the network and the GPU; the page has the points and pixels.

import { expose } from "comlink";
import type { Engine } from "../../lib/engines.ts";
import { Trainer, trainerCalls } from "../../lib/trainer.ts";
import type { PlaygroundConfig } from "./config.ts";
import type { Events, Live, StepApart } from "./messages.ts";
import type { Split } from "./points.ts";
import { PlaygroundTask } from "./task.ts";

const trainer = new Trainer<PlaygroundTask, Events>();
let lookEvery = 90;

/** A new network from its seed, on these points. Where it fails, the old one stays. */
async function configure(config: PlaygroundConfig, split: Split, engine: Engine): Promise<void> {
  await trainer.replace(engine, () => new PlaygroundTask(config, split, lookEvery, trainer.events));
}

export const playgroundWorker = {
  ...trainerCalls(trainer),
  /** Makes the first network. @param every time between two looks in ms */
  open(config: PlaygroundConfig, split: Split, engine: Engine, every: number, listener: Events): Promise<void> {
    [trainer.events, lookEvery] = [listener, every];
    return configure(config, split, engine);
  },
  configure,
  change: (live: Live): void => trainer.task.change(live),
  inspect: (index: number): Promise<StepApart> => trainer.alone((task) => task.inspect(index)),
};

export type PlaygroundWorker = typeof playgroundWorker;

expose(playgroundWorker);
