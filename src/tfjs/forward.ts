// The forward pass on the host, in float64 from float32 weights: predict() and evaluate() answer at once by it.

import { ActivationLayer, Dense, type Layer } from "./layers.ts";
import type { Activation } from "./activations.ts";
import { Normalization, normalizeOnHost } from "./normalization.ts";
import { affine, recur, type Matrix } from "./recurrence.ts";
import { Recurrent } from "./recurrent.ts";

function softmaxRows({ data, width }: Matrix): Matrix {
  const out = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += width) {
    const row = data.subarray(at, at + width),
      largest = row.reduce((most, z) => Math.max(most, z), -Infinity);
    const powers = row.map((z) => Math.exp(z - largest)),
      sum = powers.reduce((total, power) => total + power, 0);
    out.set(
      powers.map((power) => power / sum),
      at,
    );
  }
  return { data: out, width };
}

const activate = (rows: Matrix, { of }: Activation): Matrix =>
  of === null ? softmaxRows(rows) : { data: rows.data.map((z) => of(z)), width: rows.width };

/** What leaves the network, and what the last softmax or sigmoid was given where that is what stands last. */
export interface Answers {
  readonly data: Float64Array;
  readonly logits: { readonly of: "softmax" | "sigmoid"; readonly data: Float64Array } | null;
}

function through(layer: Layer, rows: Matrix): { z: Matrix; activation: Activation | null } {
  if (layer instanceof Dense) return { z: affine(rows, layer.weights[0].data, layer.weights[1]?.data), activation: layer.activation };
  if (layer instanceof ActivationLayer) return { z: rows, activation: layer.activation };
  if (layer instanceof Recurrent) return { z: recur(layer, rows, layer.inputShape[1]!), activation: null };
  if (layer instanceof Normalization)
    return { z: { data: normalizeOnHost(layer, rows.data, rows.width), width: rows.width }, activation: null };
  return { z: rows, activation: null };
}

export function forward(layers: readonly Layer[], x: ArrayLike<number>): Answers {
  let rows: Matrix = { data: Float64Array.from(x), width: layers[0].inputShape.at(-1)! },
    logits: Answers["logits"] = null;
  for (const layer of layers) {
    // A layer between, such as flatten, has the same numbers in wider rows.
    rows = { data: rows.data, width: layer.inputShape.at(-1)! };
    const { z, activation } = through(layer, rows);
    const name = activation?.name;
    if (name === "softmax" || name === "sigmoid") logits = { of: name, data: z.data };
    else if (z !== rows || (activation && name !== "linear")) logits = null;
    rows = activation ? activate(z, activation) : z;
  }
  return { data: rows.data, logits };
}
