/**
 * `tf.initializers.*`: how weights start. Drawn on the host, so that getWeights() and predict() answer before any fit().
 * The formulas are those of TensorFlow.js; the stream of a seed is deltaprop's.
 * @module
 */

import { InputError } from "../index.ts";
import type { RandomSequence } from "../random.ts";
import { randomFrom } from "./create.ts";
import { unsupported } from "./missing.ts";
import { sizeOf } from "./nd-array.ts";

/** Fills a weight tensor; made by the functions of tf.initializers. */
export class Initializer {
  /** @internal @param draw all numbers, row-major */
  constructor(
    readonly name: string,
    readonly draw: (shape: readonly number[]) => Float32Array<ArrayBuffer>,
  ) {}
  getClassName(): string {
    return this.name;
  }
}

interface Seeded {
  seed?: number;
}

const each = (shape: readonly number[], next: (i: number) => number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: sizeOf(shape) }, (_, i) => next(i));
const byNumber = (name: string, seed: number | undefined, next: (random: RandomSequence) => number): Initializer =>
  new Initializer(name, (shape) => {
    const random = randomFrom(seed);
    return each(shape, () => next(random));
  });
function cut(random: RandomSequence): number {
  for (;;) {
    const value = random.normal();
    if (Math.abs(value) <= 2) return value;
  }
}

export const zeros = (): Initializer => new Initializer("Zeros", (shape) => each(shape, () => 0));
export const ones = (): Initializer => new Initializer("Ones", (shape) => each(shape, () => 1));
/** All of one value. */
export const constant = ({ value }: { value: number }): Initializer => new Initializer("Constant", (shape) => each(shape, () => value));
/** gain on the diagonal of a square kernel. */
export const identity = ({ gain = 1 }: { gain?: number } = {}): Initializer =>
  new Initializer("Identity", (shape) => {
    if (shape.length !== 2 || shape[0] !== shape[1]) throw new InputError(`identity(): only square kernels; got [${shape.join(", ")}].`);
    return each(shape, (i) => (i % (shape[0] + 1) === 0 ? gain : 0));
  });
export const randomUniform = ({ minval = -0.05, maxval = 0.05, seed }: { minval?: number; maxval?: number } & Seeded = {}): Initializer =>
  byNumber("RandomUniform", seed, (random) => minval + (maxval - minval) * random.uniform());
export const randomNormal = ({ mean = 0, stddev = 0.05, seed }: { mean?: number; stddev?: number } & Seeded = {}): Initializer =>
  byNumber("RandomNormal", seed, (random) => mean + stddev * random.normal());
/** Normal numbers, none farther than two standard deviations from the mean. */
export const truncatedNormal = ({ mean = 0, stddev = 0.05, seed }: { mean?: number; stddev?: number } & Seeded = {}): Initializer =>
  byNumber("TruncatedNormal", seed, (random) => mean + stddev * cut(random));

type Mode = "fanIn" | "fanOut" | "fanAvg";
/** Variance scale/n, n the fan-in, the fan-out or their mean; the normal one is cut at two standard deviations. */
export function varianceScaling(
  {
    scale = 1,
    mode = "fanIn",
    distribution = "normal",
    seed,
  }: { scale?: number; mode?: Mode; distribution?: "normal" | "uniform" | "truncatedNormal" } & Seeded,
  name = "VarianceScaling",
): Initializer {
  return new Initializer(name, (shape) => {
    const fanIn = shape.length > 1 ? shape[0] : sizeOf(shape),
      fanOut = shape.at(-1) ?? 1;
    const variance = scale / Math.max(1, { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2 }[mode]),
      random = randomFrom(seed);
    if (distribution === "uniform") return each(shape, () => (2 * random.uniform() - 1) * Math.sqrt(3 * variance));
    return each(shape, () => cut(random) * Math.sqrt(variance));
  });
}
export const glorotUniform = ({ seed }: Seeded = {}): Initializer =>
  varianceScaling({ mode: "fanAvg", distribution: "uniform", seed }, "GlorotUniform");
export const glorotNormal = ({ seed }: Seeded = {}): Initializer => varianceScaling({ mode: "fanAvg", seed }, "GlorotNormal");
export const heUniform = ({ seed }: Seeded = {}): Initializer => varianceScaling({ scale: 2, distribution: "uniform", seed }, "HeUniform");
export const heNormal = ({ seed }: Seeded = {}): Initializer => varianceScaling({ scale: 2, seed }, "HeNormal");
export const leCunUniform = ({ seed }: Seeded = {}): Initializer => varianceScaling({ distribution: "uniform", seed }, "LeCunUniform");
export const leCunNormal = ({ seed }: Seeded = {}): Initializer => varianceScaling({ seed }, "LeCunNormal");

/** Rows or columns, whichever are fewer, orthonormal (Saxe et al. 2014): normal numbers by Gram and Schmidt, each vector twice. */
export const orthogonal = ({ gain = 1, seed }: { gain?: number } & Seeded = {}): Initializer =>
  new Initializer("Orthogonal", (shape) => {
    if (shape.length !== 2) throw new InputError(`orthogonal(): only kernels of rank 2; got [${shape.join(", ")}].`);
    const [rows, columns] = shape,
      count = Math.min(rows, columns),
      length = Math.max(rows, columns),
      random = randomFrom(seed);
    const vectors: number[][] = [],
      dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    for (let v = 0; v < count; v++) {
      const vector = Array.from({ length }, () => random.normal());
      for (let w = 0; w < 2 * v; w++) {
        const earlier = vectors[w % v],
          along = dot(vector, earlier);
        for (let i = 0; i < length; i++) vector[i] -= along * earlier[i];
      }
      const norm = Math.sqrt(dot(vector, vector));
      vectors.push(vector.map((x) => x / norm));
    }
    return each(shape, (i) => {
      const row = Math.floor(i / columns),
        column = i % columns;
      return gain * (rows < columns ? vectors[row][column] : vectors[column][row]);
    });
  });

const BY_NAME: Readonly<Record<string, () => Initializer>> = {
  zeros,
  ones,
  identity,
  randomUniform,
  randomNormal,
  truncatedNormal,
  glorotUniform,
  glorotNormal,
  heUniform,
  heNormal,
  leCunUniform,
  leCunNormal,
  orthogonal,
  varianceScaling: () => varianceScaling({}),
};

/** Reads an option of a layer. @throws UnsupportedError naming the initializers that are here */
export function toInitializer(where: string, value: unknown, fallback: () => Initializer): Initializer {
  if (value === undefined || value === null) return fallback();
  if (value instanceof Initializer) return value;
  if (typeof value === "string") {
    // Both "glorotNormal" and "GlorotNormal".
    const name = value.charAt(0).toLowerCase() + value.slice(1);
    if (Object.hasOwn(BY_NAME, name)) return BY_NAME[name]();
  }
  throw unsupported(
    `${where}: initializer ${typeof value === "string" ? JSON.stringify(value) : "of one's own"}`,
    `Choose one of ${Object.keys(BY_NAME).join(", ")}.`,
  );
}
