// The layers of a model as JSON: what each was declared with. A further type of layer is a row of MAKERS.

import {
  activation,
  batchNormalization,
  dense,
  dropout,
  FormatError,
  gru,
  layerNormalization,
  lstm,
  simpleRNN,
  type Layer,
} from "../../index.ts";
import type { JsonValue } from "../../formats/json.ts";
import { MAX_LAYERS, ofFile } from "../parts.ts";

/** What makes a layer of the options that it was declared with, checked anew. */
const MAKERS: { readonly [T in Layer["type"]]: (options: never) => Layer } = {
  dense,
  dropout,
  activation: (options) => activation(options),
  simpleRNN,
  lstm,
  gru,
  batchNormalization,
  layerNormalization,
};

/** A layer's own properties are its options; null means what is left out. */
export const layersToJson = (layers: readonly Layer[]): object[] =>
  layers.map((layer) => Object.fromEntries(Object.entries(layer).filter(([, value]) => value !== null)));

/** Maps as objects. Object.fromEntries() defines own properties, so "__proto__" is a key like others. */
export const plain = (value: JsonValue | undefined): unknown =>
  value instanceof Map
    ? Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]))
    : Array.isArray(value)
      ? value.map(plain)
      : value;

/** @throws FormatError naming the layer, and the option that is unknown or out of range */
export function layersFromJson(where: string, value: JsonValue | undefined): Layer[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_LAYERS) {
    throw new FormatError(
      `${where}: layers must be a list of 1 to ${MAX_LAYERS}; got ${Array.isArray(value) ? value.length : "none"}. ` +
        `The file is damaged.`,
    );
  }
  return value.map((entry, i) => {
    const { type, ...options } = (entry instanceof Map ? plain(entry) : {}) as { type?: unknown };
    if (typeof type !== "string" || !Object.hasOwn(MAKERS, type)) {
      throw new FormatError(
        `${where}: layer ${i} is of type ${JSON.stringify(type)?.slice(0, 80)}. Known: ` +
          `${Object.keys(MAKERS).join(", ")}. ` +
          "The file may be of a newer deltaprop.",
      );
    }
    return ofFile(`${where}: layer ${i}`, () => (MAKERS[type as Layer["type"]] as (given: object) => Layer)(options));
  });
}
