// Weights as Keras holds them: as here, but for the two biases of a GRU, which are one there, (2, 3·units), that of the input first.

import type { Layer, RecurrentLayer } from "../../index.ts";
import { weightNames, type ModelPart, type ModelWeight } from "../parts.ts";

/** Whether Keras keeps its weights in a cell. */
export const isRecurrent = (layer: Layer): layer is RecurrentLayer =>
  layer.type === "simpleRNN" || layer.type === "lstm" || layer.type === "gru";

/** Last parts of the names of the layer's weights in Keras. */
export const kerasNames = (layer: Layer): readonly string[] => weightNames(layer).filter((name) => name !== "recurrent_bias");

/** Whether the weight of that number is two of ours. */
const isDouble = ({ type }: Layer, which: number): boolean => type === "gru" && which === 2;

/** @param shapes of our weights of the layer */
export const kerasShapes = (layer: Layer, shapes: readonly (readonly number[])[]): (readonly number[])[] =>
  kerasNames(layer).map((_, which) => (isDouble(layer, which) ? [2, ...shapes[which]] : shapes[which]));

/** The part's weights as Keras has them. */
export function toKerasWeights({ layer, weights }: ModelPart): readonly ModelWeight[] {
  if (layer.type !== "gru" || !layer.useBias) return weights;
  const [kernel, recurrent, bias, recurrentBias] = weights,
    data = new Float32Array(2 * bias.data.length);
  data.set(bias.data);
  data.set(recurrentBias.data, bias.data.length);
  return [kernel, recurrent, { shape: [2, ...bias.shape], data }];
}

/** The layer's weights of those of Keras; one that is missing, or of another shape, stays so. */
export const fromKerasWeights = (layer: Layer, weights: readonly (ModelWeight | null | undefined)[]): (ModelWeight | undefined)[] =>
  weights.flatMap((weight, which) => {
    if (!isDouble(layer, which)) return [weight ?? undefined];
    if (weight?.shape.length !== 2 || weight.shape[0] !== 2) return [weight ?? undefined, undefined];
    const {
      shape: [, length],
      data,
    } = weight;
    return [data.slice(0, length), data.slice(length)].map((half) => ({ shape: [length], data: half }));
  });
