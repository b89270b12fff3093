// What the page can ask of the text room's worker. The worker has the network and the GPU; the page has the text and the pixels.

import { expose } from "comlink";
import { parseTextModel } from "../../../src/cli/saved-text-model.ts";
import { FormatError } from "../../../src/index.ts";
import type { Engine } from "../../lib/engines.ts";
import { Trainer, trainerCalls } from "../../lib/trainer.ts";
import { FIELDS, type TextConfig } from "./config.ts";
import type { Events, Live, Material, Wish } from "./messages.ts";
import { TextTask } from "./task.ts";

const trainer = new Trainer<TextTask, Events>();
let wish: Wish;

/** A new network from its seed, or from weights, on this text. Where it fails, the old one stays. */
async function configure(config: TextConfig, material: Material, engine: Engine, next = wish): Promise<void> {
  wish = next;
  await trainer.replace(engine, () => new TextTask(config, material, wish, trainer.events));
}

/** The characters of a text that a vocabulary lacks. */
const unknownIn = (text: string, vocabulary: readonly string[]): string[] => {
  const known = new Set(vocabulary);
  return [...new Set(text)].filter((character) => !known.has(character));
};

/** What the room takes of a file: bounded like everything else that comes from outside. */
function boundedConfig(where: string, before: TextConfig, given: Partial<Omit<TextConfig, "engine">>): TextConfig {
  for (const [name, value] of Object.entries(given)) {
    const field = FIELDS[name as keyof TextConfig];
    if (field.read(String(value)) === undefined)
      throw new FormatError(`${where}: ${name} must be ${field.rule} on this page; got ${value}.`);
  }
  return { ...before, ...given };
}

export interface Loaded {
  readonly config: TextConfig;
  readonly vocabulary: readonly string[];
}

export const textWorker = {
  ...trainerCalls(trainer),
  /** Makes the first network. */
  open(config: TextConfig, material: Material, engine: Engine, first: Wish, listener: Events): Promise<void> {
    trainer.events = listener;
    return configure(config, material, engine, first);
  },
  configure,
  /** From the next mini-batches on. */
  change(live: Live): void {
    trainer.task.change(live);
    trainer.cutSlice();
  },
  write: (next: Wish): Promise<void> => trainer.task.write((wish = next)),
  save: (): Promise<Uint8Array | null> => trainer.task.save(),
  /** Takes on a saved network, to go on with this text. @throws FormatError with nothing changed */
  async load(file: File, text: string, before: TextConfig, engine: Engine): Promise<Loaded> {
    const { spec, length, batchSize, temperature, weights } = await parseTextModel(new Uint8Array(await file.arrayBuffer()), file.name);
    const config = boundedConfig(file.name, before, {
      cell: spec.cell,
      layers: spec.layers,
      units: spec.hidden,
      length,
      batch: batchSize,
      rate: spec.learningRate,
      temperature,
    });
    if (!weights.every(({ data }) => data.every(Number.isFinite)))
      throw new FormatError(`${file.name}: it holds numbers that are not finite.`);
    const unknown = unknownIn(text, spec.vocabulary);
    if (unknown.length > 0) {
      throw new FormatError(
        `${file.name}: its network does not know ${unknown.length} of the characters of the text here ` +
          `(${JSON.stringify(unknown.slice(0, 12).join(""))}). Paste a text like the one that it learned, and load it again.`,
      );
    }
    await configure(config, { text, vocabulary: spec.vocabulary, weights }, engine);
    return { config, vocabulary: spec.vocabulary };
  },
};

export type TextWorker = typeof textWorker;

expose(textWorker);
