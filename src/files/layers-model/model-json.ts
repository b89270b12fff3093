// TensorFlow.js' model.json with the files of weights beside it.

import { FormatError, InputError, type Sequential } from "../../index.ts";
import { parseJson } from "../../formats/json.ts";
import { concat } from "../bytes.ts";
import { isObject, own, show } from "../keras-json/options.ts";
import { checkOptions } from "../own/model-file.ts";
import { plain } from "../own/architecture.ts";
import {
  checkMaxBytes,
  nameOf,
  partsBelow,
  readBeside,
  readSource,
  writeBeside,
  writePlace,
  type ModelPlace,
  type ReadOptions,
  type ModelSource,
} from "../places.ts";
import { bytesOf, checkFormat, fromArtifacts, layoutsOf, modelFrom, toArtifacts, weightsIn, type ModelArtifacts } from "./artifacts.ts";

/** Files by name, model.json among them. */
export type ArtifactFiles = Readonly<Record<string, Blob | ArrayBuffer | Uint8Array>>;
/** What loads artifacts: TensorFlow.js' IOHandler, tf.io.browserHTTPRequest() for one. */
export interface ArtifactsLoader {
  /** Gives architecture and weights. */
  load(): Promise<ModelArtifacts> | ModelArtifacts;
}
/** What loadLayersModel() takes. */
export interface LoadLayersModelOptions extends ReadOptions {
  /** [features], or [steps, features], where the file leaves a size open. */
  inputShape?: readonly number[];
}
/** What saveLayersModel() takes. */
export interface SaveLayersModelOptions {
  /** Weights are cut into files of at most so many bytes, ≥ 1; default 4 MiB, as TensorFlow.js' converter does. */
  shardBytes?: number;
}

const SHARD_BYTES = 2 ** 22,
  MANY_FILES = 10_000;

/**
 * Writes a model as TensorFlow.js' layers model.
 * @param target the path of model.json (Node), whose weights come beside it ("model.weights.bin"); or null for the files alone
 * @returns the files by name, model.json first
 * @throws UnsupportedError naming a layer that TensorFlow.js does not have; InputError if the files cannot be written
 */
export async function saveLayersModel(
  model: Sequential,
  target: ModelPlace | null,
  options: SaveLayersModelOptions = {},
): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const where = "saveLayersModel()";
  checkOptions(where, options, ["shardBytes"]);
  const { shardBytes = SHARD_BYTES } = options;
  if (!Number.isSafeInteger(shardBytes) || shardBytes < 1)
    throw new InputError(`${where}: shardBytes must be a whole number ≥ 1; got ` + `${show(shardBytes)}.`);
  const { weightSpecs: weights, weightData, ...rest } = await toArtifacts(where, model);
  const name = target === null ? "model.json" : nameOf(target).replace(/^.*[/\\]/, "") || "model.json",
    stem = name.replace(/\.json$/, "");
  const count = Math.ceil(weightData.length / shardBytes);
  const shards = Array.from(
    { length: count },
    (_, i) =>
      [
        `${stem}.weights${count === 1 ? "" : `.shard${i + 1}of${count}`}.bin`,
        weightData.slice(i * shardBytes, (i + 1) * shardBytes),
      ] as const,
  );
  const json = new TextEncoder().encode(JSON.stringify({ ...rest, weightsManifest: [{ paths: shards.map(([path]) => path), weights }] }));
  if (target !== null) {
    for (const [path, bytes] of shards) await writeBeside(where, target, path, bytes);
    await writePlace(where, target, json);
  }
  return Object.fromEntries([[name, json], ...shards]);
}

/** The model as TensorFlow.js' IOHandlers save it. @throws UnsupportedError naming a layer that TensorFlow.js does not have */
export async function modelArtifacts(model: Sequential): Promise<ModelArtifacts & { readonly weightData: ArrayBuffer }> {
  const artifacts = await toArtifacts("modelArtifacts()", model);
  return { ...artifacts, weightData: artifacts.weightData.buffer };
}

const isLoader = (source: unknown): source is ArtifactsLoader =>
  typeof own(source, "load") === "function" ||
  (typeof source === "object" && source !== null && typeof (source as { load?: unknown }).load === "function");
const isPlain = (source: unknown): boolean =>
  isObject(source) && [Object.prototype, null].includes(Object.getPrototypeOf(source) as object | null);

/**
 * Reads a layers model of TensorFlow.js: one that it saved, or converted from Keras 2 or 3.
 * @param source the path or address of model.json, which it opens, and the weights that it names, below its own folder; all files by name;
 * model artifacts; or an IOHandler
 * @throws UnsupportedError naming a layer or option that is not known here; FormatError if the files are damaged; InputError if they cannot
 * be read
 */
export async function loadLayersModel(
  source: ModelSource | ArtifactFiles | ModelArtifacts | ArtifactsLoader,
  options: LoadLayersModelOptions = {},
): Promise<Sequential> {
  const where = "loadLayersModel()";
  checkOptions(where, options, ["inputShape", "maxBytes"]);
  const maxBytes = checkMaxBytes(where, options.maxBytes),
    { inputShape } = options;
  if (isLoader(source)) return fromArtifacts(where, await source.load(), inputShape);
  if (isPlain(source)) {
    return own(source, "modelTopology") === undefined
      ? fromFiles(where, source as ArtifactFiles, maxBytes, inputShape)
      : fromArtifacts(where, source as ModelArtifacts, inputShape);
  }
  const bytes = await readSource(where, source as ModelSource, maxBytes),
    isPlace = typeof source === "string" || source instanceof URL;
  return fromJson(`${where}: ${nameOf(source)}`, bytes, maxBytes, inputShape, (path, most) => {
    if (isPlace) return readBeside(where, source, path, most);
    throw new InputError(`${where}: model.json names ${show(path)} beside it. Give all files by name: { "model.json": …, … }.`);
  });
}

async function fromFiles(where: string, files: ArtifactFiles, maxBytes: number, inputShape?: readonly number[]): Promise<Sequential> {
  const names = Object.keys(files),
    main = names.find((name) => name.split("/").at(-1) === "model.json") ?? names.find((name) => name.endsWith(".json"));
  if (main === undefined)
    throw new InputError(`${where}: there must be a model.json among the files; got ` + `${names.slice(0, 10).join(", ") || "none"}.`);
  const folder = main.replace(/[^/]*$/, "");
  return fromJson(
    `${where}: ${main.slice(0, 200)}`,
    await readSource(where, files[main], maxBytes),
    maxBytes,
    inputShape,
    async (path, most) => {
      const name = folder + partsBelow(where, path).join("/");
      if (!Object.hasOwn(files, name))
        throw new InputError(`${where}: model.json names ${show(path)}; got ` + `${names.slice(0, 10).join(", ")}. Give that file, too.`);
      return readSource(where, files[name], most);
    },
  );
}

/** @param read gives a file that model.json names, of so many bytes at most */
async function fromJson(
  where: string,
  bytes: Uint8Array,
  maxBytes: number,
  inputShape: readonly number[] | undefined,
  read: (path: string, most: number) => Promise<Uint8Array>,
): Promise<Sequential> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
  } catch {
    throw new FormatError(`${where}: model.json must be UTF-8; it is not. The file is damaged.`);
  }
  const found = plain(parseJson(text, where)),
    manifest = own(found, "weightsManifest");
  checkFormat(where, found);
  if (!Array.isArray(manifest)) throw new FormatError(`${where}: "weightsManifest" must be a list; got ${show(manifest)}.`);
  // All that the files hold is checked before any is opened.
  const groups = manifest.map((group: unknown) => {
    const paths = own(group, "paths"),
      layouts = layoutsOf(where, own(group, "weights"));
    if (!Array.isArray(paths) || paths.length > MANY_FILES) throw new FormatError(`${where}: "paths" must be a list; got ${show(paths)}.`);
    return { paths: paths.map((path) => partsBelow(where, path as string).join("/")), layouts };
  });
  const wanted = groups.reduce((sum, { layouts }) => sum + bytesOf(layouts), 0);
  if (!(wanted <= maxBytes))
    throw new InputError(
      `${where}: the weights take ${wanted} bytes, more than maxBytes, ${maxBytes}. Give a ` +
        `larger maxBytes if the file is to be trusted.`,
    );
  const tensors = [];
  for (const { paths, layouts } of groups) {
    const pieces: Uint8Array[] = [];
    let left = bytesOf(layouts);
    for (const path of paths) {
      const piece = await read(path, maxBytes);
      left -= piece.length;
      if (left < 0)
        throw new FormatError(`${where}: its weights take ${bytesOf(layouts)} bytes; ${paths.join(", ").slice(0, 200)} have ` + `more.`);
      pieces.push(piece);
    }
    tensors.push(...weightsIn(where, layouts, concat(pieces)));
  }
  return modelFrom(where, own(found, "modelTopology"), tensors, inputShape);
}
