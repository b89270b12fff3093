// What fit(), evaluate(), predict() and their like were called with. Most calls hand over typed arrays of floats, bytes or labels with
// nothing wrong in them, and common options: those are taken here. All else (handles, rows, sequences, probabilities, rarer options,
// every mistake) is for given.ts, which knows it all and is loaded for it. What is taken here is what given.ts would have made of it.

import { FLOAT_FEATURES } from "../graph/build.ts";
import { matchingActivation, takesLabels, type Loss } from "../model/losses.ts";
import type { Call, Taken } from "./call.ts";
import type { Dataset } from "./data.ts";
import { checkOpen, isHandle } from "./dataset.ts";
import { isCallback, type FitOptions } from "./fit-options.ts";
import type { Shape } from "./shape.ts";

type Rules = Readonly<Record<string, (value: unknown) => boolean>>;

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && value as number > 0;
const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Common options, with values of which none is wrong: a scale of this size makes no product too large or too small. */
const ON_DATA: Rules = { batchSize: isCount, scale: (value) => typeof value === "number" && value > 1e-30 && value < 1e30 };
const COMMON: Readonly<Partial<Record<Call["method"], Rules>>> = {
  evaluate: ON_DATA, predict: ON_DATA,
  fit: {
    ...ON_DATA, epochs: isCount, validationSplit: (value) => typeof value === "number" && value >= 0 && value < 1,
    shuffle: (value) => typeof value === "boolean", verbose: (value) => value === 0 || value === 1 || value === 2,
    signal: (value) => value instanceof AbortSignal,
    callbacks: (value) => isPlain(value) && Object.entries(value).every(([name, called]) =>
      isCallback(name) && (called === undefined || typeof called === "function")),
  },
};

const isCommon = (options: unknown, rules: Rules | undefined): options is { readonly scale?: number } =>
  rules !== undefined && isPlain(options) && Object.entries(options).every(([name, value]) =>
    Object.hasOwn(rules, name) && (value === undefined || rules[name](value)));

function takeX(x: unknown, scale: number | undefined): Pick<Dataset, "x" | "format"> | null {
  if (x instanceof Uint8Array && x.buffer instanceof ArrayBuffer && scale !== undefined) {
    return { x: new Uint8Array(x.buffer, x.byteOffset, x.length), format: { type: "uint8", scale } };
  }
  return x instanceof Float32Array && scale === undefined && x.every(Number.isFinite)
    ? { x: new Float32Array(x), format: FLOAT_FEATURES } : null;
}

function takeY(y: unknown, rows: number, { outputWidth }: Shape, loss: Loss): Dataset["y"] {
  if (takesLabels(loss)) {
    const isWrong = (label: number) => !(Number.isInteger(label) && label >= 0 && label < outputWidth);
    const isList = Array.isArray(y) || y instanceof Uint8Array || y instanceof Int32Array || y instanceof Uint32Array;
    return isList && y.length === rows && y.findIndex(isWrong) < 0 ? Uint32Array.from(y) : null;
  }
  return y instanceof Float32Array && !matchingActivation(loss) && y.length === rows * outputWidth && y.every(Number.isFinite)
    ? new Float32Array(y) : null;
}

/** Null where it is uncommon or wrong. */
export function takeCommon<O extends object>({ method, x, y, last = {}, shape, loss }: Call): Taken<O> | null {
  if (!isCommon(last, COMMON[method]) || shape.sequences) return null;
  const features = takeX(x, last.scale), rows = features ? features.x.length / shape.inputWidth : 0;
  if (!features || !isCount(rows)) return null;
  const targets = method === "predict" ? null : takeY(y, rows, shape, loss);
  if (!targets && method !== "predict") return null;
  return { data: { dataset: { ...features, rows, y: targets, lengths: null }, handle: null }, validation: null, options: last as unknown as O };
}

/** An array, or arrays in arrays, as they are now. */
const copyOf = (data: unknown, depth = 4): unknown => (Array.isArray(data) && depth > 0 ? data.map((part) => copyOf(part, depth - 1))
  : ArrayBuffer.isView(data) && "slice" in data ? (data as Float32Array).slice() : data);
/** The same of an array or of what the options hold. */
const copyOfAll = (given: unknown): unknown => (isPlain(given)
  ? { ...given, ...Object.fromEntries(Object.entries(given).map(([name, value]) => [name, copyOf(value)])) } : copyOf(given));

/**
 * Checks a call and reads its arrays, as they are now: what becomes of them while given.ts is loaded makes no difference. (But bytes of
 * x are never copied, since they may be many.)
 * @throws InputError naming what is wrong; what the host says where given.ts cannot be loaded
 */
export async function take<O extends object>(call: Call): Promise<Taken<O>> {
  const common = takeCommon<O>(call);
  if (common) return common;
  const { method, x, y, last } = call, options = Object(isHandle(x) ? y : last) as FitOptions;
  checkOpen(`${method}()`, x);
  checkOpen(`${method}(): validationData`, options.validationData);
  const copy = { ...call, x: x instanceof Uint8Array ? x : copyOf(x), y: copyOfAll(y), last: copyOfAll(last) };
  return (await import("./given.ts")).takeGiven<O>(copy);
}
