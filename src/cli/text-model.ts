// The character-level language model that the flags describe, as plain values that can be sent to a page, and how it is built.
//   x(t) a character   h(t) = tanh(U·x(t) + W·h(t−1) + b), layer upon layer   ŷ(t) = softmax(V·h(t) + c), the next character

import { adam, dense, sequential, simpleRNN, type Sequential } from "../index.ts";

export interface TextSpec {
  /** The characters (code points) that it knows, in their order. A character's place is its number. */
  readonly vocabulary: readonly string[];
  /** Units of each recurrent layer. */
  readonly hidden: number;
  /** Recurrent layers. */
  readonly layers: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** Of all gradients together: a recurrent gradient can grow with every step that it goes back. */
const CLIP_NORM = 1;

/** @param length steps of a window. @throws InputError if a size breaks a rule of the library */
export function buildTextModel({ vocabulary, hidden, layers, seed }: TextSpec, length: number): Sequential {
  const recurrent = Array.from({ length: layers }, (_, i) =>
    simpleRNN({
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
