// How weights start. All draw from the model's seed (random.ts), one stream for each weight tensor.
// Sources: Glorot and Bengio 2010; He et al. 2015; LeCun et al. 1998; the variants and defaults are Keras'.

import { InputError } from "../errors.ts";
import type { RandomSequence } from "../random.ts";
import { checkOptions, show } from "./checks.ts";

export type InitializerName =
  | "glorotUniform" | "glorotNormal" | "heUniform" | "heNormal" | "lecunNormal"
  | "randomNormal" | "randomUniform" | "zeros" | "ones";

/** A frozen description of how one weight tensor is filled. */
export interface Initializer {
  readonly name: InitializerName;
  readonly mean: number;
  readonly stddev: number;
  readonly minval: number;
  readonly maxval: number;
}

function describe(name: InitializerName, options: Partial<Initializer> = {}): Initializer {
  checkOptions(`${name}()`, options, ["mean", "stddev", "minval", "maxval"]);
  return Object.freeze({ name, mean: 0, stddev: 0.05, minval: -0.05, maxval: 0.05, ...options });
}

/** Uniform in ±√(6 / (fanIn + fanOut)). */
export const glorotUniform = (): Initializer => describe("glorotUniform");
/** Normal cut at two standard deviations, variance 2 / (fanIn + fanOut). */
export const glorotNormal = (): Initializer => describe("glorotNormal");
/** Uniform in ±√(6 / fanIn). */
export const heUniform = (): Initializer => describe("heUniform");
/** Normal cut at two standard deviations, variance 2 / fanIn. */
export const heNormal = (): Initializer => describe("heNormal");
/** Normal cut at two standard deviations, variance 1 / fanIn. */
export const lecunNormal = (): Initializer => describe("lecunNormal");
/** Normal with the given mean (default 0) and standard deviation (default 0.05). */
export const randomNormal = (options: { mean?: number; stddev?: number } = {}): Initializer =>
  describe("randomNormal", options);
/** Uniform in [minval, maxval) (default ±0.05). */
export const randomUniform = (options: { minval?: number; maxval?: number } = {}): Initializer =>
  describe("randomUniform", options);
/** All 0. */
export const zeros = (): Initializer => describe("zeros");
/** All 1. */
export const ones = (): Initializer => describe("ones");

const FACTORIES = {
  glorotUniform, glorotNormal, heUniform, heNormal, lecunNormal, randomNormal, randomUniform, zeros, ones,
};

/** Reads `kernelInitializer` and the like: a name or what one of the functions above returned. */
export function checkInitializer(where: string, value: unknown, fallback: InitializerName): Initializer {
  if (value === undefined || value === null) return FACTORIES[fallback]();
  const name = typeof value === "object" && "name" in value ? value.name : value;
  if (typeof name !== "string" || !Object.hasOwn(FACTORIES, name)) {
    throw new InputError(
      `${where}: an initializer is one of ${Object.keys(FACTORIES).join(", ")}; got ${show(value)}.`);
  }
  const spec = typeof value === "object" ? (value as Initializer) : FACTORIES[name as InitializerName]();
  const numbers = [spec.mean, spec.stddev, spec.minval, spec.maxval];
  if (!numbers.every(Number.isFinite) || spec.stddev < 0 || spec.minval > spec.maxval) {
    throw new InputError(
      `${where}: ${name} needs finite numbers, stddev ≥ 0 and minval ≤ maxval; got ${show(spec)}.`);
  }
  return spec;
}

/** A normal cut at ±2σ has this standard deviation; Keras divides by it so that the variance is the one promised. */
const TRUNCATED_STDDEV = 0.87962566103423978;

function truncatedNormal(random: RandomSequence): number {
  for (;;) {
    const value = random.normal();
    if (Math.abs(value) <= 2) return value / TRUNCATED_STDDEV;
  }
}

/** Fills one weight tensor of `elements` numbers, rounded to float32. */
export function initialize(
  spec: Initializer, elements: number, fanIn: number, fanOut: number, random: RandomSequence,
): Float32Array<ArrayBuffer> {
  const uniform = (limit: number) => () => (2 * random.uniform() - 1) * limit;
  const truncated = (variance: number) => () => truncatedNormal(random) * Math.sqrt(variance);
  const draw = {
    glorotUniform: uniform(Math.sqrt(6 / (fanIn + fanOut))),
    glorotNormal: truncated(2 / (fanIn + fanOut)),
    heUniform: uniform(Math.sqrt(6 / fanIn)),
    heNormal: truncated(2 / fanIn),
    lecunNormal: truncated(1 / fanIn),
    randomNormal: () => spec.mean + spec.stddev * random.normal(),
    randomUniform: () => spec.minval + (spec.maxval - spec.minval) * random.uniform(),
    zeros: () => 0,
    ones: () => 1,
  }[spec.name];
  return Float32Array.from({ length: elements }, draw);
}
