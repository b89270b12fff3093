// The recurrences on the host, in float64 from float32 weights.

import type { Recurrent } from "./recurrent.ts";

/** Rows of numbers (rows, width), row-major; of sequences the rows are (examples · steps). */
export interface Matrix {
  readonly data: Float64Array;
  readonly width: number;
}

/** z = a·W + b. */
export function affine({ data, width }: Matrix, kernel: Float32Array, bias: Float32Array | undefined): Matrix {
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

/** h of a step from z = x·U + b and q = h·W + recurrent_bias, (blocks · units) each; `h` is replaced, and `c` of an LSTM. */
type HostCell = (z: Float64Array, q: Float64Array, h: Float64Array, c: Float64Array) => void;

function cellOf({ type, units, activation, recurrentActivation }: Recurrent): HostCell {
  const of = activation.of!,
    gate = recurrentActivation?.of ?? of;
  if (type === "simpleRNN")
    return (z, q, h) => {
      for (let j = 0; j < units; j++) h[j] = of(z[j] + q[j]);
    };
  if (type === "lstm")
    return (z, q, h, c) => {
      for (let j = 0; j < units; j++) {
        const [i, f, g, o] = [0, 1, 2, 3].map((block) => z[block * units + j] + q[block * units + j]);
        c[j] = gate(f) * c[j] + gate(i) * of(g);
        h[j] = gate(o) * of(c[j]);
      }
    };
  return (z, q, h) => {
    for (let j = 0, r = units, g = 2 * units; j < units; j++, r++, g++) {
      const update = gate(z[j] + q[j]);
      h[j] = update * h[j] + (1 - update) * of(z[g] + gate(z[r] + q[r]) * q[g]);
    }
  };
}

/** h(t) of all steps, or of the last. */
export function recur(layer: Recurrent, input: Matrix, steps: number): Matrix {
  const { units: width, returnSequences } = layer,
    [kernel, recurrent, bias, recurrentBias] = layer.weights.map(({ data }) => data),
    { data: z, width: columns } = affine(input, kernel, bias);
  const examples = z.length / columns / steps,
    out = new Float64Array(examples * (returnSequences ? steps : 1) * width),
    cell = cellOf(layer);
  for (let example = 0; example < examples; example++) {
    const h = new Float64Array(width),
      c = new Float64Array(width);
    for (let t = 0; t < steps; t++) {
      const row = example * steps + t;
      cell(z.subarray(row * columns, (row + 1) * columns), affine({ data: h, width }, recurrent, recurrentBias).data, h, c);
      if (returnSequences) out.set(h, row * width);
    }
    if (!returnSequences) out.set(h, example * width);
  }
  return { data: out, width };
}
