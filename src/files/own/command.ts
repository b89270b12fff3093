// Files that the commands write (deltaprop train --save, deltaprop char-rnn --save): weights, and what their shapes do not say.

import { dense, dropout, FormatError, gru, l2, lstm, simpleRNN, type ActivationName, type Layer } from "../../index.ts";
import { activationOf, readNamesVersion } from "../../formats/activation-versions.ts";
import type { SafetensorsFile } from "../../formats/safetensors.ts";
import { MAX_LAYERS, ofFile } from "../parts.ts";

const SOFTMAX = ["sparseCategoricalCrossentropy", "categoricalCrossentropy"];

/** Kernels of these layers in turn, by the names that layers get by default. */
function kernelsOf({ tensors }: SafetensorsFile, prefix: string): { fanIn: number; units: number }[] {
  const found: { fanIn: number; units: number }[] = [];
  for (;;) {
    const name = `${found.length === 0 ? prefix : `${prefix}_${found.length}`}/kernel`,
      kernel = tensors.find((tensor) => tensor.name === name);
    if (kernel?.shape.length !== 2 || found.length > MAX_LAYERS) return found;
    found.push({ fanIn: kernel.shape[0], units: kernel.shape[1] });
  }
}

const numberOf = (text: string | undefined): number => (Number.isFinite(Number(text ?? "")) ? Number(text ?? "") : 0);

/** A multilayer perceptron; its last activation follows from the loss that it was trained with. */
function perceptron(where: string, file: SafetensorsFile): Layer[] {
  const { activation = "linear", loss = "", dropout: rate, l2: penalty, version } = file.metadata,
    names = readNamesVersion(version);
  if (names === undefined)
    throw new FormatError(`${where}: metadata "version" is ${version.slice(0, 40)}. The file is of a newer ` + `deltaprop.`);
  const kernels = kernelsOf(file, "dense"),
    hidden = activationOf(activation, names) as ActivationName;
  return kernels.flatMap(({ fanIn, units }, i) => {
    const last = i === kernels.length - 1;
    const layer = dense({
      units,
      ...(i === 0 && { inputShape: [fanIn] }),
      kernelRegularizer: numberOf(penalty) > 0 ? l2(numberOf(penalty)) : null,
      activation: !last ? hidden : SOFTMAX.includes(loss) ? "softmax" : "sigmoid",
    });
    return last || numberOf(rate) === 0 ? [layer] : [layer, dropout({ rate: numberOf(rate) })];
  });
}

/** What the kernels of its recurrent layers begin with, and how many matrices lie side by side in one. */
const CELLS = {
  rnn: { prefix: "simple_rnn", blocks: 1, layer: simpleRNN },
  lstm: { prefix: "lstm", blocks: 4, layer: lstm },
  gru: { prefix: "gru", blocks: 3, layer: gru },
} as const;

/** The character-level model, whose layers carry their states on. */
function characterModel(file: SafetensorsFile): Layer[] {
  const { cell = "rnn", length } = file.metadata;
  if (!Object.hasOwn(CELLS, cell)) return [];
  const { prefix, blocks, layer } = CELLS[cell as keyof typeof CELLS],
    recurrent = kernelsOf(file, prefix),
    [out] = kernelsOf(file, "dense"),
    steps = numberOf(length);
  return [
    ...recurrent.map(({ fanIn, units }, i) =>
      layer({
        units: units / blocks,
        returnSequences: true,
        stateful: true,
        ...(i === 0 && { inputShape: [steps], inputVocabulary: fanIn }),
      }),
    ),
    ...(out ? [dense({ units: out.units, activation: "softmax" })] : []),
  ];
}

/** Whether a command wrote it, or anybody who gives weights the names of a multilayer perceptron's. */
export const isOfCommand = ({ tensors, metadata }: SafetensorsFile): boolean =>
  metadata.kind === "char-rnn" || (metadata.loss !== undefined && tensors.some(({ name }) => name === "dense/kernel"));

/** @throws FormatError if the tensors are not those of such a model */
export const layersOfCommand = (where: string, file: SafetensorsFile): Layer[] =>
  ofFile(where, () => (file.metadata.kind === "char-rnn" ? characterModel(file) : perceptron(where, file)));
