// The character-level language model that the flags describe, as plain values that can be sent to a page, and how it is built.
//   x(t) a character   h(t) = tanh(U·x(t) + W·h(t−1) + b), or that of an LSTM or a GRU, layer upon layer
//   ŷ(t) = softmax(V·h(t) + c), the next character

import { adam, dense, gru, lstm, sequential, simpleRNN, type Layer, type Sequential } from "../index.ts";

/** The kinds of recurrent layers. */
export const TEXT_CELLS = ["rnn", "lstm", "gru"] as const;
export type TextCell = (typeof TEXT_CELLS)[number];

export interface TextSpec {
  /** The characters (code points) that it knows, in their order. A character's place is its number. */
  readonly vocabulary: readonly string[];
  readonly cell: TextCell;
  /** Units of each recurrent layer. */
  readonly hidden: number;
  /** Recurrent layers. */
  readonly layers: number;
  readonly learningRate: number;
  readonly seed: number;
}

type RecurrentOptions = Pick<Parameters<typeof simpleRNN>[0], "units" | "returnSequences" | "stateful" | "inputShape" | "inputVocabulary">;
const CELLS: Readonly<Record<TextCell, (options: RecurrentOptions) => Layer>> = { rnn: simpleRNN, lstm, gru };

/** Matrices side by side in the kernels of a cell, and vectors in its biases. */
const BLOCKS: Readonly<Record<TextCell, { readonly kernels: number; readonly biases: number }>> = {
  rnn: { kernels: 1, biases: 1 },
  lstm: { kernels: 4, biases: 4 },
  gru: { kernels: 3, biases: 6 },
};
/** What the kernels of a cell begin with. */
export const CELL_PREFIX: Readonly<Record<TextCell, string>> = { rnn: "simple_rnn", lstm: "lstm", gru: "gru" };
/** Columns of its kernels. */
export const kernelColumns = ({ cell, hidden }: Pick<TextSpec, "cell" | "hidden">): number => BLOCKS[cell].kernels * hidden;

/** Weights of the whole model. */
export function textModelWeights({ cell, hidden, layers, vocabulary: { length } }: Omit<TextSpec, "learningRate" | "seed">): number {
  const { kernels, biases } = BLOCKS[cell],
    ofLayer = (fanIn: number): number => hidden * (kernels * (fanIn + hidden) + biases);
  return ofLayer(length) + (layers - 1) * ofLayer(hidden) + (hidden + 1) * length;
}

/** Of all gradients together: a recurrent gradient can grow with every step that it goes back. */
const CLIP_NORM = 1;

/** @param length steps of a window. @throws InputError if a size breaks a rule of the library */
export function buildTextModel({ vocabulary, cell, hidden, layers, seed }: TextSpec, length: number): Sequential {
  const recurrent = Array.from({ length: layers }, (_, i) =>
    CELLS[cell]({
      units: hidden,
      returnSequences: true,
      stateful: true,
      ...(i === 0 && { inputShape: [length], inputVocabulary: vocabulary.length }),
    }),
  );
  return sequential({ layers: [...recurrent, dense({ units: vocabulary.length, activation: "softmax" })], seed });
}

/** What compile() takes, less the backend. @throws InputError if the learning rate breaks a rule */
export const textRecipe = ({ learningRate }: TextSpec) =>
  ({ optimizer: adam({ learningRate, globalClipNorm: CLIP_NORM }), loss: "sparseCategoricalCrossentropy" }) as const;
