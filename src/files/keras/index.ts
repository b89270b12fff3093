// deltaprop/keras-files: models as files of Keras. See docs/files.md.

import { FormatError, InputError, UnsupportedError, type Sequential } from "../../index.ts";
import { parseJson } from "../../formats/json.ts";
import { snake } from "../keras-json/options.ts";
import { findWeights, readModel, type ReadLayer } from "../keras-json/read-model.ts";
import { fromKerasWeights, isRecurrent, kerasNames, kerasShapes, toKerasWeights } from "../keras-json/weights.ts";
import { placedLayers, toKeras, type PlacedLayer } from "../keras-json/write-model.ts";
import { plain } from "../own/architecture.ts";
import { checkOptions } from "../own/model-file.ts";
import { assemble, checkModel, fill, takeApart, weightNames, type ModelWeight } from "../parts.ts";
import { checkMaxBytes, nameOf, readSource, writePlace, type ModelPlace, type ReadOptions, type ModelSource } from "../places.ts";
import { CONFIG, METADATA, pack, unpack, WEIGHTS } from "./archive.ts";
import { readHdf5, writeHdf5, type Hdf5Content, type Hdf5Reader } from "./hdf5.ts";

export type { ModelPlace as Place, ReadOptions, ModelSource as Source } from "../places.ts";

/** What loadKeras() takes. */
export interface LoadKerasOptions extends ReadOptions {
  /** [features], or [steps, features], where the file leaves a size open. */
  inputShape?: readonly number[];
}
/** What saveKeras() takes. */
export interface SaveKerasOptions {
  /** "keras" (default), or "h5", the form of Keras 2 and before; a target that ends in ".h5" means that. */
  format?: "keras" | "h5";
}

/** Whose form is written. */
const KERAS_VERSION = "3.9.0";

/** Whether the layer keeps its weights in a cell. */
const hasCell = ({ part }: PlacedLayer): boolean => part !== null && isRecurrent(part.layer);

/** "layers/dense_1" of each layer, by class. */
function placesOf(layers: readonly PlacedLayer[]): string[] {
  const counts = new Map<string, number>();
  return layers.map(({ className }) => {
    const kind = snake(className),
      count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    return `layers/${count === 0 ? kind : `${kind}_${count}`}`;
  });
}

/** The layout of model.weights.h5: layers/dense_1/vars/0 is the kernel of the second Dense. */
function weightsContent(layers: readonly PlacedLayer[]): Hdf5Content {
  const places = placesOf(layers);
  return {
    groups: ["vars", ...layers.flatMap((layer, i) => [`${places[i]}/vars`, ...(hasCell(layer) ? [`${places[i]}/cell/vars`] : [])])],
    attributes: [],
    tensors: layers.flatMap((layer, i) =>
      (layer.part ? toKerasWeights(layer.part) : []).map(({ shape, data }, at) => ({
        path: `${places[i]}/${hasCell(layer) ? "cell/" : ""}vars/${at}`,
        shape,
        data,
      })),
    ),
  };
}

/** The layout of the older .h5: model_weights/dense/dense/kernel, with the names in attributes. */
function olderContent(layers: readonly PlacedLayer[], config: object): Hdf5Content {
  const root = "model_weights",
    namesOf = (layer: PlacedLayer): string[] =>
      (layer.part ? kerasNames(layer.part.layer) : []).map(
        (weight) => `${layer.name}/${hasCell(layer) ? `${snake(layer.className)}_cell/` : ""}${weight}`,
      );
  const about = (path: string) => [
    { path, name: "keras_version", value: KERAS_VERSION },
    { path, name: "backend", value: "tensorflow" },
  ];
  return {
    groups: layers.map(({ name }) => `${root}/${name}`),
    attributes: [
      ...about(""),
      { path: "", name: "model_config", value: JSON.stringify(config) },
      ...about(root),
      { path: root, name: "layer_names", value: layers.map(({ name }) => name) },
      ...layers
        .filter((layer) => namesOf(layer).length > 0)
        .map((layer) => ({ path: `${root}/${layer.name}`, name: "weight_names", value: namesOf(layer) })),
    ],
    tensors: layers.flatMap((layer) =>
      namesOf(layer).map((name, i) => ({ path: `${root}/${layer.name}/${name}`, ...toKerasWeights(layer.part!)[i] })),
    ),
  };
}

const jsonBytes = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/**
 * Writes a model as a `.keras` file, or as `.h5`. Needs the package h5wasm.
 * @param target the path of a file (Node), "indexeddb://name", "opfs://name", a FileSystemFileHandle; or null for the bytes alone
 * @returns the bytes of the file
 * @throws UnsupportedError naming a layer that Keras does not have, or without h5wasm; InputError if it cannot be written
 */
export async function saveKeras(
  model: Sequential,
  target: ModelPlace | null,
  options: SaveKerasOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const where = "saveKeras()";
  checkOptions(where, options, ["format"]);
  const { format = target !== null && /\.(h5|hdf5)$/.test(nameOf(target)) ? "h5" : "keras" } = options;
  if (format !== "keras" && format !== "h5")
    throw new InputError(`${where}: format must be "keras" or "h5"; got ` + `${JSON.stringify(format)}.`);
  const parts = await takeApart(where, model),
    config = toKeras(where, parts),
    layers = placedLayers(where, parts);
  const bytes =
    format === "h5"
      ? await writeHdf5(where, olderContent(layers, config))
      : pack({
          [METADATA]: jsonBytes({ keras_version: KERAS_VERSION, date_saved: "1980-01-01@00:00:00" }),
          [CONFIG]: jsonBytes(config),
          [WEIGHTS]: await writeHdf5(where, weightsContent(layers)),
        });
  if (target !== null) await writePlace(where, target, bytes);
  return bytes;
}

/** Writes weights alone as `.weights.h5`, which Keras' load_weights() reads. As saveKeras() otherwise. */
export async function saveKerasWeights(model: Sequential, target: ModelPlace | null): Promise<Uint8Array<ArrayBuffer>> {
  const where = "saveKerasWeights()",
    bytes = await writeHdf5(where, weightsContent(placedLayers(where, await takeApart(where, model))));
  if (target !== null) await writePlace(where, target, bytes);
  return bytes;
}

const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;

function jsonOf(where: string, bytes: Uint8Array | string | undefined, what: string): unknown {
  if (bytes === undefined)
    throw new FormatError(
      `${where}: there is no ${what} in it. This is not a model of Keras: weights alone go ` + `into loadKerasWeights().`,
    );
  return plain(parseJson(typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes), `${where}: ${what}`));
}

/**
 * Reads a `.keras` file of Keras 3, or an `.h5` file of Keras 2 or 3. Needs the package h5wasm.
 * @param source a path (Node), an address, which it opens, "indexeddb://name", "opfs://name", a file handle, a Blob or the bytes
 * @throws UnsupportedError naming a layer or option that is not known here, or without h5wasm; FormatError if the file is damaged
 */
export async function loadKeras(source: ModelSource, options: LoadKerasOptions = {}): Promise<Sequential> {
  checkOptions("loadKeras()", options, ["inputShape", "maxBytes"]);
  const maxBytes = checkMaxBytes("loadKeras()", options.maxBytes),
    where = `loadKeras(): ${nameOf(source)}`,
    bytes = await readSource("loadKeras()", source, maxBytes);
  if (isZip(bytes)) {
    const files = unpack(where, bytes, [CONFIG, WEIGHTS], maxBytes),
      layers = readModel(where, "keras", jsonOf(where, files[CONFIG], CONFIG), options.inputShape);
    if (!Object.hasOwn(files, WEIGHTS)) throw new FormatError(`${where}: there is no ${WEIGHTS} in it. The archive is damaged.`);
    return modelOf(where, layers, files[WEIGHTS], maxBytes);
  }
  const config = await readHdf5(where, bytes, (file) => file.attribute("", "model_config"));
  return modelOf(where, readModel(where, "keras", jsonOf(where, [config].flat()[0], "model_config"), options.inputShape), bytes, maxBytes);
}

async function modelOf(where: string, layers: readonly ReadLayer[], bytes: Uint8Array, maxBytes: number): Promise<Sequential> {
  const model = assemble(
    where,
    layers.map(({ layer }) => layer),
    0,
  );
  return fillFrom(where, model, layers, bytes, maxBytes);
}

/**
 * Gives a model the weights of a `.weights.h5` file of Keras 3, or of an `.h5` file of Keras 2, whose layers are of the same classes in the
 * same order. Needs the package h5wasm. As loadKeras() otherwise.
 */
export async function loadKerasWeights(model: Sequential, source: ModelSource, options: ReadOptions = {}): Promise<void> {
  checkOptions("loadKerasWeights()", options, ["maxBytes"]);
  const maxBytes = checkMaxBytes("loadKerasWeights()", options.maxBytes),
    where = `loadKerasWeights(): ${nameOf(source)}`;
  const bytes = await readSource("loadKerasWeights()", source, maxBytes),
    parts = await takeApart(where, checkModel(where, model)),
    placed = placedLayers(where, parts);
  const places = placesOf(placed);
  await fillFrom(
    where,
    model,
    placed.flatMap(({ name, part }, i) => (part ? [{ layer: part.layer, name, place: places[i] }] : [])),
    bytes,
    maxBytes,
  );
}

/** Shapes are those of the model, and all of them together are within bounds, before a number is read. */
async function fillFrom(
  where: string,
  model: Sequential,
  layers: readonly ReadLayer[],
  bytes: Uint8Array,
  maxBytes: number,
): Promise<Sequential> {
  const { parameters } = model.inside.stack.declared("sequential"),
    total = parameters.reduce((sum, { shape }) => sum + 4 * shape.reduce((product, n) => product * n, 1), 0);
  if (total > maxBytes)
    throw new InputError(
      `${where}: the weights take ${total} bytes, more than maxBytes, ${maxBytes}. Give a larger ` +
        `maxBytes if the file is to be trusted.`,
    );
  const weights = await readHdf5(where, bytes, (file) => {
    let at = 0;
    const older = olderRoot(file),
      from = older === null ? newer(where, file) : olderTensors(where, file, older, layers);
    return layers.flatMap((layer) => {
      const own = parameters.slice(at, (at += weightNames(layer.layer).length)).map(({ shape }) => shape);
      return fromKerasWeights(
        layer.layer,
        kerasShapes(layer.layer, own).map((shape, which) => from(layer, which, shape)),
      );
    });
  });
  return fill(where, model, weights);
}

/** The weight of that number of a layer. */
type From = (layer: ReadLayer, which: number, shape: readonly number[]) => ModelWeight | null;

function newer(where: string, file: Hdf5Reader): From {
  const root = ["layers", "_layer_checkpoint_dependencies"].find((name) => file.has(name));
  if (root === undefined)
    throw new FormatError(
      `${where}: the weights must be below "layers", as Keras 3 keeps them, or named by ` + `"layer_names", as Keras 2 does.`,
    );
  return ({ place }, which, shape) => {
    const at = place.replace(/^layers/, root);
    return file.tensor(`${at}/vars/${which}`, shape) ?? file.tensor(`${at}/cell/vars/${which}`, shape);
  };
}

/** Where Keras 2 keeps the weights: of a whole model, or of weights alone. */
const olderRoot = (file: Hdf5Reader): string | null =>
  ["model_weights", ""].find((root) => file.attribute(root, "layer_names") !== undefined) ?? null;

/** By their names, else the layers with weights in their order. */
function olderTensors(where: string, file: Hdf5Reader, root: string, layers: readonly ReadLayer[]): From {
  const listed = [file.attribute(root, "layer_names")!]
      .flat()
      .slice(0, 10_000)
      .map((name) => ({ name, weights: [file.attribute(`${root}/${name}`, "weight_names") ?? []].flat() }))
      .filter(({ weights }) => weights.length > 0),
    weighted = layers.filter(({ layer }) => weightNames(layer).length > 0);
  if (listed.length !== weighted.length)
    throw new UnsupportedError(`${where}: the file has ${listed.length} layers with weights; the ` + `model has ${weighted.length}.`);
  const empty = new Float32Array();
  return (layer, which, shape) => {
    const group = listed.find((one) => one.name === layer.name) ?? listed[weighted.indexOf(layer)];
    const found = findWeights(
      [{ ...layer, name: group.name }],
      group.weights.map((path) => ({ name: `${group.name}/${path}`, shape, data: empty })),
    )[which];
    return found ? file.tensor(`${root}/${found.name}`, shape) : null;
  };
}
