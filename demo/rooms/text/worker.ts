// What the page can ask of the text room's worker. The worker has the network and the GPU; the page has the text and the pixels.

import { expose } from "comlink";
import { parseTextModel } from "../../../src/cli/saved-text-model.ts";
import { FormatError } from "../../../src/index.ts";
import type { Lap } from "../../lib/race.ts";
import type { Engine } from "../../lib/engines.ts";
import { isLostGpu, reasonOf } from "../../lib/notices.ts";
import { Places } from "../../lib/places.ts";
import { RunLoop } from "../../lib/run-loop.ts";
import { FIELDS, type TextConfig } from "./config.ts";
import type { Events, Material, Wish } from "./messages.ts";
import { Trainer } from "./trainer.ts";

let trainer: Trainer | null = null, looked: Promise<Places> | undefined;
let events: Events, wish: Wish;
const loop = new RunLoop(() => ready().train(), (error) => events.onStopped(reasonOf(error), isLostGpu(error)));

function ready(): Trainer {
  if (!trainer) throw new Error("there is no network yet");
  return trainer;
}

/** A new network from its seed, or from weights, on this text. Where it fails, the old one stays. */
function configure(config: TextConfig, material: Material, engine: Engine, next = wish): Promise<void> {
  wish = next;
  return loop.alone(async () => {
    const places = await (looked ??= Places.look()), place = places.find(engine);
    if (trainer?.place === place) return trainer.start(config, material, wish);
    const fresh = new Trainer(places, place, loop, events);
    await fresh.start(config, material, wish);
    trainer?.dispose();
    trainer = fresh;
  });
}

/** The characters of a text that a vocabulary lacks. */
const unknownIn = (text: string, vocabulary: readonly string[]): string[] => {
  const known = new Set(vocabulary);
  return [...new Set(text)].filter((character) => !known.has(character));
};

/** What the room takes of a file: bounded like everything else that comes from outside. */
function boundedConfig(where: string, before: TextConfig, given: Partial<Record<Exclude<keyof TextConfig, "engine">, number>>): TextConfig {
  for (const [name, value] of Object.entries(given)) {
    const field = FIELDS[name as keyof TextConfig];
    if (field.read(String(value)) === undefined) throw new FormatError(`${where}: ${name} must be ${field.rule} on this page; got ${value}.`);
  }
  return { ...before, ...given };
}

export interface Loaded {
  readonly config: TextConfig;
  readonly vocabulary: readonly string[];
}

export const textWorker = {
  /** Makes the first network. */
  async open(config: TextConfig, material: Material, engine: Engine, first: Wish, listener: Events): Promise<void> {
    [events, wish] = [listener, first];
    await configure(config, material, engine);
  },
  configure,
  run: (): Promise<void> => loop.run(),
  pause: (): Promise<void> => loop.pause(),
  step: (): Promise<void> => ready().step(),
  setRate: (rate: number): void => { ready().rate = rate; },
  write: (next: Wish): Promise<void> => ready().write(wish = next),
  lose: (): void => ready().lose(),
  race: (onLap: (lap: Lap) => void): Promise<Lap> => ready().race(onLap),
  save: (): Promise<Uint8Array | null> => ready().save(),
  /** Takes on a saved network, to go on with this text. @throws FormatError with nothing changed */
  async load(file: File, text: string, before: TextConfig, engine: Engine): Promise<Loaded> {
    const { spec, length, batchSize, temperature, weights } = await parseTextModel(new Uint8Array(await file.arrayBuffer()), file.name);
    const config = boundedConfig(file.name, before, {
      layers: spec.layers, units: spec.hidden, length, batch: batchSize, rate: spec.learningRate, temperature,
    });
    if (!weights.every(({ data }) => data.every(Number.isFinite))) throw new FormatError(`${file.name}: it holds numbers that are not finite.`);
    const unknown = unknownIn(text, spec.vocabulary);
    if (unknown.length > 0) {
      throw new FormatError(`${file.name}: its network does not know ${unknown.length} of the characters of the text here ` +
        `(${JSON.stringify(unknown.slice(0, 12).join(""))}). Paste a text like the one that it learned, and load it again.`);
    }
    await configure(config, { text, vocabulary: spec.vocabulary, weights }, engine);
    return { config, vocabulary: spec.vocabulary };
  },
};

export type TextWorker = typeof textWorker;

expose(textWorker);
