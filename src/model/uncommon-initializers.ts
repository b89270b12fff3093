// Initializers that few networks use. A page loads them for such networks alone.

import type { RandomSequence } from "../random.ts";
import { COMMON_DRAWS, type Draws, type Initializer } from "./initializers.ts";

/** A normal cut at ±2σ has this standard deviation; Keras divides by it so that the variance is the one promised. */
const TRUNCATED_STDDEV = 0.87962566103423978;

/** Normal, drawn again where it is farther than 2 from 0. */
function cutNormal(random: RandomSequence): number {
  for (;;) {
    const value = random.normal();
    if (Math.abs(value) <= 2) return value;
  }
}

/**
 * A (rows, cols) matrix, row-major, whose shorter side's vectors are orthonormal: normal numbers by Gram and Schmidt, twice,
 * since once loses what nearly parallel vectors cancel (Giraud et al. 2005, "twice is enough"). The lengths by which it divides are
 * positive, which makes every rotation and reflection equally likely (Mezzadri 2007).
 */
function orthonormal(rows: number, cols: number, random: RandomSequence): Float64Array {
  const matrix = Float64Array.from({ length: rows * cols }, () => random.normal());
  // Vector v has its number i at v·next + i·stride.
  const [count, size, next, stride] = rows < cols ? [rows, cols, cols, 1] : [cols, rows, 1, cols];
  const dot = (v: number, w: number): number => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += matrix[v * next + i * stride] * matrix[w * next + i * stride];
    return sum;
  };
  for (let v = 0; v < count; v++) {
    for (let w = 0; w < 2 * v; w++) {
      const earlier = w % v,
        along = dot(v, earlier);
      for (let i = 0; i < size; i++) matrix[v * next + i * stride] -= along * matrix[earlier * next + i * stride];
    }
    const length = Math.sqrt(dot(v, v));
    for (let i = 0; i < size; i++) matrix[v * next + i * stride] /= length;
  }
  return matrix;
}

const truncated = (random: RandomSequence, variance: number) => () => (cutNormal(random) / TRUNCATED_STDDEV) * Math.sqrt(variance);

/** Mean 0 and the variance, drawn from what the initializer says. */
function scaled(distribution: Initializer["distribution"], random: RandomSequence, variance: number): () => number {
  if (distribution === "uniform") return () => (2 * random.uniform() - 1) * Math.sqrt(3 * variance);
  return distribution === "untruncatedNormal" ? () => random.normal() * Math.sqrt(variance) : truncated(random, variance);
}

export const ALL_DRAWS = {
  ...COMMON_DRAWS,
  glorotNormal: (_, fanIn, fanOut, random) => truncated(random, 2 / (fanIn + fanOut)),
  heNormal: (_, fanIn, _fanOut, random) => truncated(random, 2 / fanIn),
  lecunNormal: (_, fanIn, _fanOut, random) => truncated(random, 1 / fanIn),
  lecunUniform: (_, fanIn, _fanOut, random) => scaled("uniform", random, 1 / fanIn),
  varianceScaling: ({ scale = 1, mode = "fanIn", distribution }, fanIn, fanOut, random) =>
    scaled(distribution, random, scale / { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2 }[mode]),
  truncatedNormal:
    ({ mean, stddev }, _fanIn, _fanOut, random) =>
    () =>
      mean + stddev * cutNormal(random),
  constant:
    ({ value = 0 }) =>
    () =>
      value,
  identity: ({ gain }, _fanIn, fanOut) => {
    let i = 0;
    return () => (i % fanOut === Math.floor(i++ / fanOut) ? gain : 0);
  },
  randomNormal:
    ({ mean, stddev }, _fanIn, _fanOut, random) =>
    () =>
      mean + stddev * random.normal(),
  randomUniform:
    ({ minval, maxval }, _fanIn, _fanOut, random) =>
    () =>
      minval + (maxval - minval) * random.uniform(),
  orthogonal: ({ gain }, fanIn, fanOut, random) => {
    const numbers = orthonormal(fanIn, fanOut, random).values();
    return () => gain * (numbers.next().value as number);
  },
} satisfies Required<Draws>;
