// A model's architecture as Keras 2, Keras 3 and TensorFlow.js write it: a Sequential, or a Functional model that is a chain.

import { FormatError, UnsupportedError, type Layer } from "../../index.ts";
import { MAX_LAYERS, type ModelWeight } from "../parts.ts";
import { closed, readLayer, type LayerShape } from "./layer-readers.ts";
import { isObject, Options, own, show, snake, textOf, type Json, type Dialect } from "./options.ts";
import { kerasNames } from "./weights.ts";

/** A layer of ours, and what the file calls it. */
export interface ReadLayer {
  readonly layer: Layer;
  readonly name: string;
  /** Where Keras 3 keeps its weights: by class, and counted: "layers/dense_1". */
  readonly place: string;
}

interface LayerEntry {
  readonly className: string;
  readonly config: Json;
  readonly name: string;
  readonly place: string;
}

/**
 * Names of the layers that a call of a layer was given, in Keras 2 ([["dense", 0, 0, {}]]) or 3 ({ args: [{ config: { keras_history } }]
 * }).
 */
function namesIn(node: unknown): string[] {
  if (Array.isArray(node)) return typeof node[0] === "string" && typeof node[1] === "number" ? [node[0]] : node.flatMap(namesIn);
  const history = own(own(node, "config"), "keras_history");
  return history !== undefined ? namesIn(history) : isObject(node) ? Object.values(node).flatMap(namesIn) : [];
}

/** @throws UnsupportedError unless each layer takes what the one before it gives, and nothing else */
function checkChain(where: string, layers: readonly unknown[]): void {
  layers.forEach((layer, i) => {
    const nodes = own(layer, "inbound_nodes") ?? [],
      before = i === 0 ? null : (own(layers[i - 1], "name") ?? own(own(layers[i - 1], "config"), "name"));
    const names = namesIn(nodes);
    if (before === null ? names.length === 0 : names.length === 1 && names[0] === before) return;
    throw new UnsupportedError(
      `${where}: layer ${show(own(own(layer, "config"), "name"))} takes ${show(names)}: models here are chains, ` +
        `each layer behind the one before it.`,
    );
  });
}

/** @throws FormatError, UnsupportedError if it is no stack of layers */
function entriesOf(where: string, model: unknown, depth = 0, above = ""): LayerEntry[] {
  const className = own(model, "class_name"),
    config = own(model, "config"),
    layers = Array.isArray(config) ? (config as unknown[]) : own(config, "layers");
  if (className !== "Sequential" && className !== "Functional" && className !== "Model") {
    throw new UnsupportedError(`${where}: the model is ${show(className)}. Known: "Sequential", and "Functional" where it is a chain.`);
  }
  if (!Array.isArray(layers) || layers.length > MAX_LAYERS || depth > 8)
    throw new FormatError(`${where}: the model must have a list of at most ${MAX_LAYERS} layers.`);
  if (className !== "Sequential") checkChain(where, layers);
  const counts = new Map<string, number>();
  return layers.flatMap((layer: unknown): LayerEntry[] => {
    const name = own(layer, "class_name"),
      options = own(layer, "config"),
      module = own(layer, "module");
    const kind = snake(textOf(name)),
      count = counts.get(kind) ?? 0,
      place = `${above}layers/${count === 0 ? kind : `${kind}_${count}`}`;
    counts.set(kind, count + 1);
    if (name === "Sequential" || name === "Functional" || name === "Model") return entriesOf(where, layer, depth + 1, `${place}/`);
    if (typeof name !== "string" || !isObject(options))
      throw new FormatError(`${where}: each layer must have class_name and config; got ` + `${show(layer)}.`);
    if (typeof module === "string" && !/^(tf_)?keras\b/.test(module)) {
      throw new UnsupportedError(
        `${where}: layer ${show(name)} is of the module ${show(module)}: code of one's own is never run from a ` + `file.`,
      );
    }
    return [{ className: name, config: options, name: textOf(own(options, "name")), place }];
  });
}

const isSize = (value: unknown): boolean => value === null || (Number.isSafeInteger(value) && (value as number) > 0);

/** The sizes behind the batch, wherever this version of the file says them. */
function declaredShape(model: unknown, entries: readonly LayerEntry[]): LayerShape | null {
  const config = own(model, "config"),
    first = entries[0]?.config,
    layers = Array.isArray(config) ? (config as unknown[]) : own(config, "layers");
  const said =
    own(first, "batch_shape") ??
    own(first, "batch_input_shape") ??
    own(config, "build_input_shape") ??
    own(own(Array.isArray(layers) ? layers[0] : null, "build_config"), "input_shape") ??
    null;
  return Array.isArray(said) && said.length > 1 && said.every(isSize) ? (said.slice(1) as LayerShape) : null;
}

/** Our names have no "/" and begin with a letter. */
const nameHere = (name: string): string | undefined => (/^[A-Za-z][\w.-]{0,63}$/.test(name) ? name : undefined);

/**
 * @param dialect whose file it is
 * @param topology what "modelTopology" or config.json holds
 * @param inputShape what the file leaves open
 * @throws FormatError if it is no model; UnsupportedError naming layer and option that are not known here
 */
export function readModel(where: string, dialect: Dialect, topology: unknown, inputShape?: readonly number[]): ReadLayer[] {
  const model = own(topology, "model_config") ?? topology,
    entries = entriesOf(where, model),
    found: ReadLayer[] = [];
  let shape = inputShape ?? declaredShape(model, entries);
  if (shape === null)
    throw new FormatError(`${where}: the file does not say what comes in. Give { inputShape: [features] } or [steps, ` + `features].`);
  for (const { className, config, name, place: kept } of entries) {
    if (className === "InputLayer") continue;
    const place = `${where}: layer ${JSON.stringify(name)} (${className})`,
      declared = found.length === 0 ? closed(where, shape) : undefined;
    const { layer, shape: leaving } = readLayer(className, new Options(place, config, dialect), {
      shape,
      inputShape: declared,
      name: nameHere(name),
    });
    if (layer) found.push({ layer, name, place: kept });
    shape = leaving;
  }
  return found;
}

/**
 * The weights of the layers as Keras has them, each looked for by the names of layer and weight anywhere in its path ("sequential/dense/kernel:0",
 * "simple_rnn/simple_rnn_cell/kernel"); where none has such a name, by their order.
 * @returns undefined for one that is not there
 */
export function findWeights<T extends ModelWeight & { readonly name: string }>(
  layers: readonly ReadLayer[],
  tensors: readonly T[],
): (T | undefined)[] {
  const paths = tensors.map(({ name }) => name.replace(/:\d+$/, "").split("/"));
  const wanted = layers.flatMap(({ layer, name }) => kerasNames(layer).map((weight) => ({ name, weight })));
  const found = wanted.map(
    ({ name, weight }) =>
      tensors[paths.findIndex((parts) => parts.at(-1) === weight && parts.slice(0, -1).includes(name))] as T | undefined,
  );
  return found.every((tensor) => tensor === undefined) && tensors.length === wanted.length ? [...tensors] : found;
}
