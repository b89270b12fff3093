// The forward pass on the host, in float64 from float32 weights: predict() and evaluate() answer at once by it.

import { ActivationLayer, Dense, SimpleRNN, type Layer } from "./layers.ts";
import type { Activation } from "./activations.ts";
import { Normalization, normalizeOnHost } from "./normalization.ts";

/** Rows of numbers (rows, width), row-major; of sequences the rows are (examples · steps). */
interface Matrix {
  readonly data: Float64Array;
  readonly width: number;
}

/** z = a·W + b. */
function affine({ data, width }: Matrix, kernel: Float32Array, bias: Float32Array | undefined): Matrix {
  const units = kernel.length / width,
    rows = data.length / width,
    z = new Float64Array(rows * units);
  for (let row = 0; row < rows; row++) {
    const out = z.subarray(row * units, (row + 1) * units);
    if (bias) out.set(bias);
    for (let k = 0; k < width; k++) {
      const value = data[row * width + k];
      if (value === 0) continue;
      for (let j = 0, at = k * units; j < units; j++, at++) out[j] += value * kernel[at];
    }
  }
  return { data: z, width: units };
}

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

/** h(t) = σ(x(t)·U + h(t−1)·W + b). */
function recur(layer: SimpleRNN, input: Matrix, steps: number): Matrix {
  const [kernel, recurrent, bias] = layer.weights.map(({ data }) => data),
    { data: z, width } = affine(input, kernel, bias);
  const examples = z.length / width / steps,
    h = new Float64Array(z.length),
    of = layer.activation.of!;
  for (let example = 0; example < examples; example++) {
    for (let t = 0; t < steps; t++) {
      const at = (example * steps + t) * width;
      for (let j = 0; j < width; j++) {
        let sum = z[at + j];
        for (let k = 0; t > 0 && k < width; k++) sum += h[at - width + k] * recurrent[k * width + j];
        h[at + j] = of(sum);
      }
    }
  }
  if (layer.returnSequences) return { data: h, width };
  const last = new Float64Array(examples * width);
  for (let example = 0; example < examples; example++) {
    const at = (example * steps + steps - 1) * width;
    last.set(h.subarray(at, at + width), example * width);
  }
  return { data: last, width };
}

/** What leaves the network, and what the last softmax or sigmoid was given where that is what stands last. */
export interface Answers {
  readonly data: Float64Array;
  readonly logits: { readonly of: "softmax" | "sigmoid"; readonly data: Float64Array } | null;
}

function through(layer: Layer, rows: Matrix): { z: Matrix; activation: Activation | null } {
  if (layer instanceof Dense) return { z: affine(rows, layer.weights[0].data, layer.weights[1]?.data), activation: layer.activation };
  if (layer instanceof ActivationLayer) return { z: rows, activation: layer.activation };
  if (layer instanceof SimpleRNN) return { z: recur(layer, rows, layer.inputShape[1]!), activation: null };
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
