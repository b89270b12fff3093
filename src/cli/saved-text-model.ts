// A trained character-level model on disk: a safetensors file whose metadata holds the vocabulary and what the shapes do not say.

import { FormatError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from "../formats/safetensors.ts";
import { buildTextModel, CELL_PREFIX, kernelColumns, TEXT_CELLS, type TextCell, type TextSpec } from "./text-model.ts";

export interface SavedTextModel {
  readonly spec: Omit<TextSpec, "seed">;
  readonly length: number;
  readonly batchSize: number;
  readonly temperature: number;
  /** How the text begins: read before writing, since a model that starts from nothing may find no way into its language. */
  readonly primer: string;
  /** In the order of the layers. */
  readonly weights: NamedTensor[];
}

const KIND = "char-rnn";

/** The bytes of a file that `parseTextModel` understands. */
export function textModelBytes({ spec, length, batchSize, temperature, primer, weights }: SavedTextModel): Uint8Array {
  const { vocabulary, cell, hidden, layers, learningRate } = spec;
  return encodeSafetensors(weights, {
    producer: "deltaprop",
    kind: KIND,
    vocabulary: vocabulary.join(""),
    cell,
    hidden: String(hidden),
    layers: String(layers),
    learningRate: String(learningRate),
    length: String(length),
    batchSize: String(batchSize),
    temperature: String(temperature),
    primer,
  });
}

/** No model has more layers, and a file must not make the command build them. */
const MAX_LAYERS = 1000;

/** The tensors in the order of the model's. */
async function inModelOrder(tensors: readonly NamedTensor[], spec: TextSpec, length: number, where: string): Promise<NamedTensor[]> {
  const model = buildTextModel(spec, length),
    byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  try {
    const wanted = await model.getWeights();
    const fitting = wanted.map(({ name, shape }) => {
      const tensor = byName.get(name);
      if (tensor?.shape.join() === shape.join()) return tensor;
      throw new FormatError(
        `${where}: ${name} must have shape (${shape.join(", ")}) by the file's metadata; got ` +
          `${tensor === undefined ? "no such tensor" : `(${tensor.shape.join(", ")})`}. The file is not of one model.`,
      );
    });
    if (wanted.length === tensors.length) return fitting;
    throw new FormatError(`${where}: the file must hold ${wanted.length} tensors; got ${tensors.length}. It is not of one model.`);
  } finally {
    model.dispose();
  }
}

/** Reads the bytes of a saved model. @throws FormatError if they are not one */
export async function parseTextModel(bytes: Uint8Array, where: string): Promise<SavedTextModel> {
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  if (metadata.kind !== KIND) {
    throw new FormatError(
      `${where}: metadata "kind" must be "${KIND}"; got ${JSON.stringify(metadata.kind) ?? "none"}. Name a file ` +
        "that deltaprop char-rnn has saved.",
    );
  }
  const wrong = (name: string, rule: string) =>
    new FormatError(
      `${where}: metadata "${name}" must be ${rule}; got ` + `${JSON.stringify(metadata[name]) ?? "none"}. The file is damaged.`,
    );
  const whole = (name: string, most = Number.MAX_SAFE_INTEGER) => {
    const value = Number(metadata[name]);
    if (!/^\d+$/.test(metadata[name] ?? "") || value < 1 || value > most) throw wrong(name, `a whole number from 1 to ${most}`);
    return value;
  };
  const positive = (name: string) => {
    const value = Number(metadata[name]);
    if (!(value > 0 && Number.isFinite(value))) throw wrong(name, "a number > 0");
    return value;
  };
  const vocabulary = [...(metadata.vocabulary ?? "")];
  if (vocabulary.length === 0 || new Set(vocabulary).size < vocabulary.length) throw wrong("vocabulary", "distinct characters");
  // Files from before there was a choice do not say it.
  const cell = (metadata.cell ?? "rnn") as TextCell;
  if (!TEXT_CELLS.includes(cell)) throw wrong("cell", `one of ${TEXT_CELLS.join(", ")}`);
  const kernelName = `${CELL_PREFIX[cell]}/kernel`,
    kernel = tensors.find(({ name, shape }) => name === kernelName && shape.length === 2);
  const hidden = whole("hidden"),
    columns = kernelColumns({ cell, hidden });
  // Checked before anything of that size is made.
  if (kernel?.shape[1] !== columns || kernel.shape[0] !== vocabulary.length) {
    throw new FormatError(
      `${where}: ${kernelName} must have shape (${vocabulary.length}, ${columns}) by the file's metadata; got ` +
        `${kernel === undefined ? "no such tensor" : `(${kernel.shape.join(", ")})`}. The file is not of one model.`,
    );
  }
  const spec = { vocabulary, cell, hidden, layers: whole("layers", MAX_LAYERS), learningRate: positive("learningRate") };
  const length = whole("length");
  const primer = metadata.primer ?? "";
  if ([...primer].some((character) => !vocabulary.includes(character))) throw wrong("primer", "characters of the vocabulary");
  return {
    spec,
    length,
    batchSize: whole("batchSize"),
    temperature: positive("temperature"),
    primer,
    weights: await inModelOrder(tensors, { ...spec, seed: 0 }, 1, where),
  };
}
