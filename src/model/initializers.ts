// How weights start. All draw from the model's seed (random.ts), one stream for each weight tensor.
// Sources: Glorot and Bengio 2010; He et al. 2015; LeCun et al. 1998; Saxe et al. 2014; the variants and defaults are Keras'.

import { InputError } from "../errors.ts";
import type { RandomSequence } from "../random.ts";
import { checkFloat32, checkOptions, show } from "./checks.ts";

/** Names that layers take for an initializer with its defaults. */
export type InitializerName =
  | "glorotUniform"
  | "glorotNormal"
  | "heUniform"
  | "heNormal"
  | "lecunNormal"
  | "lecunUniform"
  | "varianceScaling"
  | "randomNormal"
  | "truncatedNormal"
  | "randomUniform"
  | "orthogonal"
  | "identity"
  | "constant"
  | "zeros"
  | "ones";

const MODES = ["fanIn", "fanOut", "fanAvg"] as const,
  DISTRIBUTIONS = ["truncatedNormal", "untruncatedNormal", "uniform"] as const;
/** What varianceScaling() divides by: the fan-in, the fan-out or their mean. */
export type FanMode = (typeof MODES)[number];
/** What varianceScaling() draws from; the truncated normal is cut at two standard deviations. */
export type ScaledDistribution = (typeof DISTRIBUTIONS)[number];

/** A frozen description of how one weight tensor is filled. */
export interface Initializer {
  readonly name: InitializerName;
  readonly mean: number;
  readonly stddev: number;
  readonly minval: number;
  readonly maxval: number;
  readonly gain: number;
  /** Of constant() alone. */
  readonly value?: number;
  /** Of varianceScaling() alone, these three. */
  readonly scale?: number;
  readonly mode?: FanMode;
  readonly distribution?: ScaledDistribution;
}

/** What each initializer has options for. */
const OWN: Readonly<Record<InitializerName, readonly (keyof Initializer)[]>> = {
  glorotUniform: [],
  glorotNormal: [],
  heUniform: [],
  heNormal: [],
  lecunNormal: [],
  lecunUniform: [],
  varianceScaling: ["scale", "mode", "distribution"],
  randomNormal: ["mean", "stddev"],
  truncatedNormal: ["mean", "stddev"],
  randomUniform: ["minval", "maxval"],
  orthogonal: ["gain"],
  identity: ["gain"],
  constant: ["value"],
  zeros: [],
  ones: [],
};

/** Farther from the mean than this no normal number of RandomSequence is, in standard deviations. */
const MAX_DEVIATIONS = 9;

type InitializerOptions = Partial<Omit<Initializer, "name">>;
/** Initializers without options take an empty object, as TensorFlow.js' do. */
type NoOptions = Record<string, never>;

function describe(where: string, name: InitializerName, options: InitializerOptions): Initializer {
  if (typeof options === "object" && options !== null && "seed" in options) {
    throw new InputError(`${where}: ${name} takes no seed of its own. All initial weights follow from one: sequential({ seed }).`);
  }
  options = checkOptions(where, options, OWN[name]);
  const { mean = 0, stddev = 0.05, minval = -0.05, maxval = 0.05, gain = 1, value = 0 } = options,
    { scale = 1, mode = "fanIn", distribution = "truncatedNormal" } = options;
  for (const [key, number] of [
    ["mean", mean],
    ["minval", minval],
    ["maxval", maxval],
    ["gain", gain],
    ["value", value],
  ] as const) {
    checkFloat32(where, key, number, "any");
  }
  checkFloat32(where, "stddev", stddev, "≥ 0");
  checkFloat32(where, `|mean| + ${MAX_DEVIATIONS}·stddev`, Math.abs(mean) + MAX_DEVIATIONS * stddev, "any");
  if (minval > maxval) throw new InputError(`${where}: ${name} needs minval ≤ maxval; got ${minval} and ${maxval}.`);
  checkFloat32(where, "scale", scale, "> 0");
  for (const [key, choice, all] of [
    ["mode", mode, MODES],
    ["distribution", distribution, DISTRIBUTIONS],
  ] as const) {
    if (!(all as readonly unknown[]).includes(choice)) {
      throw new InputError(`${where}: ${key} must be one of ${all.join(", ")}; got ${show(choice)}.`);
    }
  }
  return Object.freeze({
    name,
    mean,
    stddev,
    minval,
    maxval,
    gain,
    ...(name === "constant" && { value }),
    ...(name === "varianceScaling" && { scale, mode, distribution }),
  });
}

/** Uniform in ±√(6 / (fanIn + fanOut)) (Glorot and Bengio 2010). Takes no options: the model's seed decides. */
export const glorotUniform = (options: NoOptions = {}): Initializer => describe("glorotUniform()", "glorotUniform", options);
/** Normal cut at two standard deviations, variance 2 / (fanIn + fanOut) (Glorot and Bengio 2010). Takes no options. */
export const glorotNormal = (options: NoOptions = {}): Initializer => describe("glorotNormal()", "glorotNormal", options);
/** Uniform in ±√(6 / fanIn) (He et al. 2015). Takes no options. */
export const heUniform = (options: NoOptions = {}): Initializer => describe("heUniform()", "heUniform", options);
/** Normal cut at two standard deviations, variance 2 / fanIn (He et al. 2015). Takes no options. */
export const heNormal = (options: NoOptions = {}): Initializer => describe("heNormal()", "heNormal", options);
/** Normal cut at two standard deviations, variance 1 / fanIn (LeCun et al. 1998). Takes no options. */
export const lecunNormal = (options: NoOptions = {}): Initializer => describe("lecunNormal()", "lecunNormal", options);
/** Uniform in ±√(3 / fanIn) (LeCun et al. 1998). Takes no options. */
export const lecunUniform = (options: NoOptions = {}): Initializer => describe("lecunUniform()", "lecunUniform", options);
/**
 * Mean 0 and variance scale / n (Keras' VarianceScaling): n is the fan-in (`mode` "fanIn", the default), the fan-out ("fanOut") or their mean
 * ("fanAvg"); `scale` > 0, default 1; `distribution` "truncatedNormal" (default: cut at two standard deviations and widened, so that the
 * variance is the one promised), "untruncatedNormal" or "uniform". @throws InputError on another scale, mode or distribution
 */
export const varianceScaling = (options: { scale?: number; mode?: FanMode; distribution?: ScaledDistribution } = {}): Initializer =>
  describe("varianceScaling()", "varianceScaling", options);
/** Normal with the given mean (default 0) and standard deviation ≥ 0 (default 0.05). @throws InputError on other numbers */
export const randomNormal = (options: { mean?: number; stddev?: number } = {}): Initializer =>
  describe("randomNormal()", "randomNormal", options);
/**
 * Normal with the given mean (default 0) and standard deviation ≥ 0 (default 0.05), drawn again where it is farther than two of these
 * from the mean. As in Keras and TensorFlow.js nothing makes up for what the cut takes of the variance. @throws InputError on other numbers
 */
export const truncatedNormal = (options: { mean?: number; stddev?: number } = {}): Initializer =>
  describe("truncatedNormal()", "truncatedNormal", options);
/** Uniform in [minval, maxval) (default ±0.05). @throws InputError unless minval ≤ maxval, both finite */
export const randomUniform = (options: { minval?: number; maxval?: number } = {}): Initializer =>
  describe("randomUniform()", "randomUniform", options);
/**
 * Columns (or rows, if there are fewer of them) of length `gain` (default 1) at right angles to one another, every direction
 * equally likely: products with it neither grow nor shrink (Saxe, McClelland, Ganguli 2014). For kernels, not for biases.
 * @throws InputError on a gain that is not finite
 */
export const orthogonal = (options: { gain?: number } = {}): Initializer => describe("orthogonal()", "orthogonal", options);
/** `gain` (default 1) on the diagonal of a kernel, 0 elsewhere. For kernels, not for biases. @throws InputError on a gain that is not finite */
export const identity = (options: { gain?: number } = {}): Initializer => describe("identity()", "identity", options);
/** All of one finite `value` (default 0). @throws InputError on another value */
export const constantInitializer = (options: { value?: number } = {}): Initializer => describe("constant()", "constant", options);
/** All 0. Takes no options. */
export const zeros = (options: NoOptions = {}): Initializer => describe("zeros()", "zeros", options);
/** All 1. Takes no options. */
export const ones = (options: NoOptions = {}): Initializer => describe("ones()", "ones", options);

/**
 * Reads `kernelInitializer` and the like: a name, or what one of the functions above returned, made again since it may
 * have been copied.
 * @param vectorOption the option's name, where what it fills is no matrix
 */
export function checkInitializer(where: string, value: unknown, fallback: InitializerName, vectorOption?: string): Initializer {
  if (value === undefined || value === null) return describe(where, fallback, {});
  const name = typeof value === "object" && "name" in value ? value.name : value;
  if (typeof name !== "string" || !Object.hasOwn(OWN, name)) {
    throw new InputError(`${where}: an initializer is one of ${Object.keys(OWN).join(", ")}; got ${show(value)}.`);
  }
  if (vectorOption && (name === "orthogonal" || name === "identity")) {
    throw new InputError(`${where}: ${name} is for kernels, which have columns; a vector has none. Choose another ${vectorOption}.`);
  }
  const known = name as InitializerName,
    given = typeof value === "object" ? value : {};
  const own = Object.entries(given).filter(([key]) => (OWN[known] as readonly string[]).includes(key));
  return describe(where, known, Object.fromEntries(own));
}

/** Makes the numbers of one weight tensor, one after the other, of kernels row by row. */
export type Draw = (spec: Initializer, fanIn: number, fanOut: number, random: RandomSequence) => () => number;

const uniform = (random: RandomSequence, limit: number) => () => (2 * random.uniform() - 1) * limit;

export type Draws = Readonly<Partial<Record<InitializerName, Draw>>>;

/** What a page loads at once; uncommon-initializers.ts has all of them. */
export const COMMON_DRAWS = {
  glorotUniform: (_, fanIn, fanOut, random) => uniform(random, Math.sqrt(6 / (fanIn + fanOut))),
  heUniform: (_, fanIn, _fanOut, random) => uniform(random, Math.sqrt(6 / fanIn)),
  zeros: () => () => 0,
  ones: () => () => 1,
} satisfies Draws;

/** Fills one weight tensor of `elements` numbers, rounded to float32. @throws Error if its initializer was not loaded */
export function initialize(
  spec: Initializer,
  elements: number,
  fanIn: number,
  fanOut: number,
  random: RandomSequence,
  draws: Draws,
): Float32Array<ArrayBuffer> {
  const draw = draws[spec.name];
  if (!draw) throw new Error(`the initializer ${spec.name} was not loaded`);
  const next = draw(spec, fanIn, fanOut, random),
    numbers = new Float32Array(elements);
  for (let i = 0; i < elements; i++) numbers[i] = next();
  return numbers;
}
