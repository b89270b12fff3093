// What the page can ask of the digits' worker. The worker has the digits, the network and the GPU; the page has pixels.

import { expose } from "comlink";
import type { Lap } from "../../lib/race.ts";
import type { Engine } from "../../lib/engines.ts";
import { isLostGpu, reasonOf } from "../../lib/notices.ts";
import { Places } from "../../lib/places.ts";
import { RunLoop } from "../../lib/run-loop.ts";
import type { DigitsConfig } from "./config.ts";
import { fetchDigits, readIdxFiles, type DigitSets } from "./data.ts";
import { loadModel, saveModel } from "./saved.ts";
import { Trainer, type DataInfo, type Events } from "./trainer.ts";

let trainer: Trainer | null = null, looked: Promise<Places> | undefined;

const places = (): Promise<Places> => looked ??= Places.look();

function ready(): Trainer {
  if (!trainer) throw new Error("the digits are not loaded yet");
  return trainer;
}

let events: Events;
const loop = new RunLoop(() => ready().train(), (error) => events.onStopped(reasonOf(error), isLostGpu(error)));

/** A network on these digits in the place of whatever was there; that stays where this fails. */
const replace = (sets: DigitSets, config: DigitsConfig, engine: Engine): Promise<DataInfo> => loop.alone(async () => {
  const found = await places(), next = new Trainer(sets, found, loop, events);
  await next.start(config, found.find(engine));
  trainer?.dispose();
  trainer = next;
  return next.info;
});

export const digitsWorker = {
  /** Fetches the page's own digits and makes the first network. @param base the address of the page */
  async open(base: string, config: DigitsConfig, engine: Engine, listener: Events): Promise<DataInfo> {
    events = listener;
    return replace(await fetchDigits(base), config, engine);
  },
  /** Takes IDX files for digits, with a new network. @throws FormatError with nothing changed */
  async openFiles(files: readonly File[], config: DigitsConfig, engine: Engine): Promise<DataInfo> {
    return replace(await readIdxFiles(files), config, engine);
  },
  /** A new network from its seed. */
  configure: (config: DigitsConfig, engine: Engine): Promise<void> =>
    loop.alone(async () => ready().start(config, (await places()).find(engine))),
  run: (): Promise<void> => loop.run(),
  pause: (): Promise<void> => loop.pause(),
  step: (): Promise<void> => ready().step(),
  setRate: (rate: number): void => { ready().rate = rate; },
  setBatch: (batch: number): void => { ready().batch = batch; },
  validate: (): Promise<void> => ready().validate(),
  predict: (pixels: Uint8Array) => ready().predict(pixels),
  examine: () => ready().examine(),
  images: (learned: boolean) => ready().images(learned),
  histograms: () => ready().histograms(),
  /** The weights as a file; null if they are no finite numbers: those of a run that diverged are no use to anyone. */
  async save(): Promise<Uint8Array | null> {
    const { model, config } = ready(), weights = await model.getWeights();
    return weights.every(({ data }) => data.every(Number.isFinite)) ? saveModel(weights, config) : null;
  },
  /** Takes on a saved network. @returns its configuration @throws FormatError with nothing changed */
  load: (file: File, engine: Engine): Promise<DigitsConfig> => loop.alone(async () => {
    const trainer = ready(), { features, classes } = trainer.sets;
    const { config, weights } = loadModel(new Uint8Array(await file.arrayBuffer()), file.name, trainer.config, features, classes);
    await trainer.start(config, (await places()).find(engine), weights);
    await trainer.validate();
    return config;
  }),
  /** Takes the GPU away under the training. */
  loseGpu: (): void => ready().lose(),
  race: (listener: (lap: Lap) => void): Promise<Lap> => ready().race(listener),
  /** Some digit of the test set with this label. @param turn which of them, round and round */
  testDigit(label: number, turn: number): Uint8Array | null {
    const { test, features } = ready().sets, rows = [...test.labels.keys()].filter((row) => test.labels[row] === label);
    if (rows.length === 0) return null;
    const row = rows[turn % rows.length];
    return test.images.slice(row * features, (row + 1) * features);
  },
};

export type DigitsWorker = typeof digitsWorker;

expose(digitsWorker);
