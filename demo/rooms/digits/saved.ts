// The network as a .safetensors file, as `npm start -- --load` reads it and writes it, too: kernels and biases by name, and in the
// metadata what their shapes do not say.

import { decodeSafetensors, encodeSafetensors, FormatError, type NamedTensor, type Weight } from "../../../src/index.ts";
import { activationOf, NAMES_VERSION, readNamesVersion } from "../../../src/formats/activation-versions.ts";
import { HIDDEN_ACTIVATIONS, REGULARIZERS } from "../../lib/menus.ts";
import { DROPOUT, LAMBDA, LAYERS, LOSS_NAMES, LOSSES, type DigitsConfig } from "./config.ts";

export function saveModel(weights: readonly Weight[], { activation, loss, dropout, regularizer, lambda }: DigitsConfig): Uint8Array {
  return encodeSafetensors(weights, {
    producer: "deltaprop",
    version: String(NAMES_VERSION),
    activation,
    loss: LOSS_NAMES[loss],
    dropout: String(dropout),
    l1: String(regularizer === "l1" ? lambda : 0),
    l2: String(regularizer === "l2" ? lambda : 0),
  });
}

/** Kernel and bias of each layer in turn, whatever their order in the file. */
function inLayerOrder(tensors: readonly NamedTensor[], where: string): NamedTensor[] {
  const names = tensors
    .flatMap((_, i) => (i % 2 === 0 ? [`dense${i === 0 ? "" : `_${i / 2}`}`] : []))
    .flatMap((layer) => [`${layer}/kernel`, `${layer}/bias`]);
  const ordered = names.map((name) => tensors.find((tensor) => tensor.name === name));
  if (tensors.length < 2 || tensors.length % 2 === 1 || ordered.includes(undefined)) {
    throw new FormatError(
      `${where}: the file must hold dense/kernel, dense/bias, dense_1/kernel, dense_1/bias and so on; got ` +
        `${
          tensors
            .slice(0, 6)
            .map(({ name }) => name)
            .join(", ") || "no tensors"
        }.`,
    );
  }
  return ordered as NamedTensor[];
}

/** The bounded value of a field of the metadata; what is not there stays as it is. */
function field<T>(where: string, metadata: Record<string, string>, name: string, read: (text: string) => T | undefined, before: T): T {
  const text = metadata[name];
  if (text === undefined) return before;
  const value = read(text);
  if (value === undefined) throw new FormatError(`${where}: ${name} "${text.slice(0, 40)}" in the metadata is none that this page has.`);
  return value;
}

export interface SavedNetwork {
  readonly config: DigitsConfig;
  readonly weights: readonly NamedTensor[];
}

/**
 * @param before what the file does not say is taken from it
 * @throws FormatError if the file is damaged, or of another network than this page can have
 */
export function loadModel(bytes: Uint8Array, where: string, before: DigitsConfig, features: number, classes: number): SavedNetwork {
  const { tensors, metadata } = decodeSafetensors(bytes, where),
    weights = inLayerOrder(tensors, where);
  const widths = weights.filter((_, i) => i % 2 === 1).map(({ shape }) => shape[0]),
    all = [features, ...widths];
  weights.forEach(({ name, shape }, i) => {
    const layer = i >> 1,
      wanted = i % 2 === 0 ? [all[layer], all[layer + 1]] : [all[layer + 1]];
    if (shape.join() !== wanted.join()) {
      throw new FormatError(`${where}: ${name} must have the shape (${wanted.join(", ")}) here; got (${shape.join(", ")}).`);
    }
  });
  if (widths.at(-1) !== classes) throw new FormatError(`${where}: the last layer must have ${classes} neurons; got ${widths.at(-1)}.`);
  const layers = LAYERS.read(widths.slice(0, -1).join(","));
  if (!layers) throw new FormatError(`${where}: hidden layers must be ${LAYERS.rule}; got ${widths.slice(0, -1).join(", ")}.`);
  for (const { name, data } of weights) {
    if (!data.every(Number.isFinite)) throw new FormatError(`${where}: ${name} holds numbers that are not finite.`);
  }
  const version = readNamesVersion(metadata.version);
  if (version === undefined)
    throw new FormatError(`${where}: version "${metadata.version.slice(0, 40)}" in the metadata is newer than this page.`);
  const penalty = (name: "l1" | "l2") => field(where, metadata, name, LAMBDA.read, 0);
  const regularizer = REGULARIZERS.find((kind) => kind !== "none" && penalty(kind) > 0) ?? "none";
  return {
    weights,
    config: {
      ...before,
      layers,
      activation: field(
        where,
        metadata,
        "activation",
        (text) => HIDDEN_ACTIVATIONS.find((name) => name === activationOf(text, version)),
        before.activation,
      ),
      loss: field(where, metadata, "loss", (text) => LOSSES.find((loss) => LOSS_NAMES[loss] === text), before.loss),
      dropout: field(where, metadata, "dropout", DROPOUT.read, before.dropout),
      regularizer,
      lambda: regularizer === "none" ? before.lambda : penalty(regularizer),
    },
  };
}
