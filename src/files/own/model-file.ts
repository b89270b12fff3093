// deltaprop's own model file: safetensors whose metadata holds the architecture as JSON.
//   format "deltaprop-model"   version "1"   model {"layers":[{"type":"dense","units":3,…},…],"seed":0}   training {…}, if it is kept
// Tensors are the weights by name ("dense/kernel"), and with training the optimizer's states ("optimizer/dense/kernel/m").

import { encodeSafetensors, decodeSafetensors, FormatError, InputError, type CompileOptions, type Sequential } from "../../index.ts";
import { parseJson, type JsonObject, type JsonValue } from "../../formats/json.ts";
import { readLayout, type SafetensorsFile, type TensorToWrite } from "../../formats/safetensors.ts";
import { assemble, checkModel, fill, takeApart } from "../parts.ts";
import { checkMaxBytes, nameOf, readSource, writePlace, type ModelPlace, type ReadOptions, type ModelSource } from "../places.ts";
import { layersFromJson, layersToJson } from "./architecture.ts";
import { isOfCommand, layersOfCommand } from "./command.ts";
import { isOfOptimizer, readTraining, resumeTraining, takeTraining, type StoredNumbers } from "./training.ts";

const FORMAT = "deltaprop-model",
  VERSION = "1";

/** What saveModel() takes. */
export interface SaveModelOptions {
  /** Keeps what training goes on from as well: optimizer and its states, loss, metrics, step count; default false. */
  optimizer?: boolean;
}

/** What loadModel() takes; `backend` and the like are compile()'s, for files with training. */
export interface LoadModelOptions extends ReadOptions, Pick<CompileOptions, "backend" | "device" | "precision" | "threads" | "debug"> {
  /** Whether a model that was saved with `{ optimizer: true }` comes compiled, ready to train on; default true. */
  compile?: boolean;
}

/** @throws InputError naming an option that is none */
export function checkOptions(where: string, options: object, known: readonly string[]): void {
  const given: unknown = options;
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new InputError(`${where}: options must be an object. Known: ${known.join(", ")}.`);
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new InputError(`${where}: unknown option ${unknown}. Known: ${known.join(", ")}.`);
}

/**
 * Writes a model into one `.safetensors` file that loadModel() reads: layers, weights, seed.
 * @param target the path of a file (Node), "indexeddb://name", "opfs://name", a FileSystemFileHandle; or null for the bytes alone
 * @returns the bytes of the file
 * @throws InputError if the model is not a whole network, has weights that are not finite, or cannot be written there; with `optimizer` if
 * it
 * is not compiled, or training
 */
export async function saveModel(
  model: Sequential,
  target: ModelPlace | null,
  options: SaveModelOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const where = "saveModel()";
  checkOptions(where, options, ["optimizer"]);
  const {
    stack: { layers, seed },
  } = checkModel(where, model).inside;
  const { tensors, training } = options.optimizer
    ? await takeTraining("saveModel", model)
    : { tensors: await weightsOf(where, model), training: null };
  const bytes = encodeSafetensors(tensors, {
    format: FORMAT,
    version: VERSION,
    producer: "deltaprop",
    model: JSON.stringify({ layers: layersToJson(layers), seed }),
    ...(training !== null && { training }),
  });
  if (target !== null) await writePlace(where, target, bytes);
  return bytes;
}

async function weightsOf(where: string, model: Sequential): Promise<TensorToWrite[]> {
  await takeApart(where, model);
  return model.getWeights();
}

/**
 * Reads a model that saveModel() wrote, or `deltaprop train --save` and `deltaprop char-rnn --save`. A model that was saved with
 * `{ optimizer: true }` is compiled and goes on training where it was; its stateful layers start from 0.
 * @param source a path (Node), an address, which it opens, "indexeddb://name", "opfs://name", a file handle, a Blob or the bytes
 * @throws FormatError if the file is damaged, or holds what is not known here; InputError if it cannot be read
 */
export async function loadModel(source: ModelSource, options: LoadModelOptions = {}): Promise<Sequential> {
  const where = "loadModel()";
  checkOptions(where, options, ["compile", "backend", "device", "precision", "threads", "debug", "maxBytes"]);
  const { compile = true, maxBytes, ...backend } = options,
    bytes = await readSource(where, source, checkMaxBytes(where, maxBytes));
  return decodeModel(`${where}: ${nameOf(source)}`, bytes, compile ? backend : null);
}

/** The metadata of a file of ours. @throws FormatError if it is none */
function readDescription(where: string, { metadata }: SafetensorsFile): { model: JsonObject; training: JsonValue | null } {
  if (metadata.format !== FORMAT) {
    throw new FormatError(
      `${where}: metadata "format" must be "${FORMAT}"; got ` +
        `${JSON.stringify(metadata.format)?.slice(0, 80) ?? "none"}. The file holds weights ` +
        "alone: declare the model with sequential(), and give decodeSafetensors(bytes).tensors to setWeights().",
    );
  }
  if (metadata.version !== VERSION) {
    throw new FormatError(
      `${where}: metadata "version" must be "${VERSION}"; got ` +
        `${JSON.stringify(metadata.version)?.slice(0, 80) ?? "none"}. The file is of a newer deltaprop.`,
    );
  }
  const model = parseJson(metadata.model ?? "", `${where}: model`),
    { training } = metadata;
  if (!(model instanceof Map)) throw new FormatError(`${where}: metadata "model" must be an object. The file is damaged.`);
  return { model, training: training === undefined ? null : parseJson(training, `${where}: training`) };
}

/** As they are in the file, float64 too. */
function numbersOf(bytes: Uint8Array, where: string): Map<string, StoredNumbers> {
  const { entries, dataStart } = readLayout(bytes, where);
  return new Map(
    entries.map(({ name, dtype, begin, end }) => {
      const data = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end)).buffer;
      if (dtype === "F32" || dtype === "F64") return [name, dtype === "F32" ? new Float32Array(data) : new Float64Array(data)] as const;
      throw new FormatError(`${where}: ${name} must be F32 or F64 in a file with training; got ${dtype}.`);
    }),
  );
}

async function decodeModel(where: string, bytes: Uint8Array, backend: Partial<CompileOptions> | null): Promise<Sequential> {
  const file = decodeSafetensors(bytes, where);
  if (file.metadata.format === undefined && isOfCommand(file))
    return withWeights(where, assemble(where, layersOfCommand(where, file), 0), file);
  const { model: described, training } = readDescription(where, file),
    seed = described.get("seed");
  const saved = training === null ? null : readTraining(where, training);
  const model = await withWeights(where, assemble(where, layersFromJson(where, described.get("layers")), seed as number), file);
  if (saved === null || backend === null) return model;
  try {
    await model.compile({ ...saved.recipe, ...backend });
    await resumeTraining(where, model, saved, numbersOf(bytes, where));
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function withWeights(where: string, model: Sequential, { tensors }: SafetensorsFile): Promise<Sequential> {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor])),
    { parameters } = model.inside.stack.declared("sequential");
  const names = new Set(parameters.map(({ name }) => name)),
    strange = tensors.find(({ name }) => !names.has(name) && !isOfOptimizer(name));
  if (strange)
    throw new FormatError(
      `${where}: ${JSON.stringify(strange.name.slice(0, 80))} is a tensor that no layer has. The file is ` + `not of one model.`,
    );
  return fill(
    where,
    model,
    parameters.map(({ name }) => byName.get(name)),
  );
}
