// What the page can ask of the digits' worker. The worker has the digits, the network and the GPU; the page has pixels.

import { expose } from "comlink";
import type { Engine } from "../../lib/engines.ts";
import { Trainer, trainerCalls } from "../../lib/trainer.ts";
import type { DigitsConfig } from "./config.ts";
import { fetchDigits, readIdxFiles, type DigitSets } from "./data.ts";
import type { DataInfo, Events, Live } from "./messages.ts";
import { loadModel, saveModel } from "./saved.ts";
import { DigitsTask } from "./task.ts";

const trainer = new Trainer<DigitsTask, Events>();

/** A network on these digits in the place of whatever was there; that stays where this fails. */
async function begin(sets: DigitSets, config: DigitsConfig, engine: Engine): Promise<DataInfo> {
  return (await trainer.replace(engine, () => new DigitsTask(config, sets, trainer.events))).info;
}

export const digitsWorker = {
  ...trainerCalls(trainer),
  /** Fetches the page's own digits and makes the first network. @param base the address of the page */
  async open(base: string, config: DigitsConfig, engine: Engine, listener: Events): Promise<DataInfo> {
    trainer.events = listener;
    return begin(await fetchDigits(base), config, engine);
  },
  /** Takes IDX files for digits, with a new network. @throws FormatError with nothing changed */
  async openFiles(files: readonly File[], config: DigitsConfig, engine: Engine): Promise<DataInfo> {
    return begin(await readIdxFiles(files), config, engine);
  },
  /** A new network from its seed. */
  async configure(config: DigitsConfig, engine: Engine): Promise<void> {
    await trainer.replace(engine, () => new DigitsTask(config, trainer.task.sets, trainer.events));
  },
  /** From the next mini-batches on. */
  change(live: Live): void {
    trainer.task.change(live);
    trainer.cutSlice();
  },
  predict: (pixels: Uint8Array) => trainer.task.predict(pixels),
  examine: () => trainer.task.examine(),
  images: (learned: boolean) => trainer.task.images(learned),
  histograms: () => trainer.task.histograms(),
  /** The weights as a file; null if they are no finite numbers: those of a run that diverged are no use to anyone. */
  async save(): Promise<Uint8Array | null> {
    const { model, config } = trainer.task,
      weights = await model.getWeights();
    return weights.every(({ data }) => data.every(Number.isFinite)) ? saveModel(weights, config) : null;
  },
  /** Takes on a saved network. @returns its configuration @throws FormatError with nothing changed */
  async load(file: File, engine: Engine): Promise<DigitsConfig> {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const { config } = await trainer.replace(engine, () => {
      const { sets, config: before } = trainer.task,
        { config, weights } = loadModel(bytes, file.name, before, sets.features, sets.classes);
      return new DigitsTask(config, sets, trainer.events, weights);
    });
    return config;
  },
  /** Some digit of the test set with this label. @param turn which of them, round and round */
  testDigit(label: number, turn: number): Uint8Array | null {
    const { test, features } = trainer.task.sets,
      rows = [...test.labels.keys()].filter((row) => test.labels[row] === label);
    if (rows.length === 0) return null;
    const row = rows[turn % rows.length];
    return test.images.slice(row * features, (row + 1) * features);
  },
};

export type DigitsWorker = typeof digitsWorker;

expose(digitsWorker);
