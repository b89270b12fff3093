// What fit(), evaluate(), predict() and their like were called with. Most calls hand over typed arrays of floats, bytes or labels with
// nothing wrong in them, and common options: those are taken here. All else (handles, rows, sequences, probabilities, rarer options,
// every mistake) is for validate-all.ts, which knows it all and is loaded for it. What is taken here is what validate-all.ts would have made of it.

import { FLOAT_FEATURES } from "../../graph/build.ts";
import { matchingActivation, takesLabels, type Loss } from "../../model/losses.ts";
import { copyTyped, kindOf } from "../../typed-arrays.ts";
import { copyOfAll } from "../data/arrays.ts";
import type { Call, Validated } from "./call.ts";
import type { Dataset } from "../data/data.ts";
import { checkOpen, isHandle } from "../data/dataset.ts";
import { COMMON_CALLBACKS, splitRows, type FitOptions } from "./fit-options.ts";
import { loadValidation } from "../../lazy.ts";
import type { DataShape } from "../data/shape.ts";

type Rules = Readonly<Record<string, (value: unknown) => boolean>>;

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Common options, with values of which none is wrong: a scale of this size makes no product too large or too small. */
const ON_DATA: Rules = { batchSize: isCount, scale: (value) => typeof value === "number" && value > 1e-30 && value < 1e30 };
const COMMON: Readonly<Partial<Record<Call["method"], Rules>>> = {
  evaluate: ON_DATA,
  predict: ON_DATA,
  fit: {
    ...ON_DATA,
    epochs: isCount,
    validationSplit: (value) => typeof value === "number" && value >= 0 && value < 1,
    shuffle: (value) => typeof value === "boolean",
    verbose: (value) => value === 0,
    signal: (value) => value instanceof AbortSignal,
    callbacks: (value) =>
      isPlain(value) &&
      Object.entries(value).every(
        ([name, called]) => COMMON_CALLBACKS.includes(name) && (called === undefined || typeof called === "function"),
      ),
  },
};

const isCommon = (options: unknown, rules: Rules | undefined): options is { readonly scale?: number; readonly validationSplit?: number } =>
  rules !== undefined &&
  isPlain(options) &&
  Object.entries(options).every(([name, value]) => Object.hasOwn(rules, name) && (value === undefined || rules[name](value)));

/** A copy of x, whole rows of it. */
function takeX(where: string, x: unknown, width: number, scale: number | undefined): Pick<Dataset, "rows" | "x" | "format"> | null {
  const kind = kindOf(x),
    array = x as Float32Array | Uint8Array;
  if (kind !== (scale === undefined ? "Float32Array" : "Uint8Array")) return null;
  const rows = array.length / width;
  if (!isCount(rows)) return null;
  const copy = copyTyped(where, "x", kind, array);
  if (scale !== undefined) return { rows, x: copy as Uint8Array<ArrayBuffer>, format: { type: "uint8", scale } };
  return copy.every(Number.isFinite) ? { rows, x: copy as Float32Array<ArrayBuffer>, format: FLOAT_FEATURES } : null;
}

const LABEL_KINDS: readonly unknown[] = ["Uint8Array", "Int32Array", "Uint32Array"];

function takeY(y: unknown, rows: number, { outputWidth }: DataShape, loss: Loss): Dataset["y"] {
  if (takesLabels(loss)) {
    const isWrong = (label: number) => !(Number.isInteger(label) && label >= 0 && label < outputWidth);
    const isList = Array.isArray(y) || LABEL_KINDS.includes(kindOf(y)),
      list = y as readonly number[];
    return isList && list.length === rows && list.findIndex(isWrong) < 0 ? Uint32Array.from(list) : null;
  }
  const targets = y as Float32Array;
  return kindOf(y) === "Float32Array" &&
    !matchingActivation(loss) &&
    targets.length === rows * outputWidth &&
    targets.every(Number.isFinite)
    ? new Float32Array(targets)
    : null;
}

/** Null where it is uncommon or wrong. */
export function validateCommon<O extends object>({ method, x, y, last = {}, shape, loss }: Call): Validated<O> | null {
  if (!isCommon(last, COMMON[method]) || shape.sequences) return null;
  const features = takeX(`${method}()`, x, shape.inputWidth, last.scale);
  if (!features || features.rows >= 2 ** 32 || !splitRows(features.rows, last.validationSplit)) return null;
  const targets = method === "predict" ? null : takeY(y, features.rows, shape, loss);
  if (!targets && method !== "predict") return null;
  return { data: { dataset: { ...features, y: targets }, handle: null }, validation: null, options: last as unknown as O };
}

/** What a call was given, its arrays copied as they are now. @throws InputError if the memory of one is gone, or there is none for a copy */
export function copyArguments<A extends Pick<Call, "method" | "x" | "y" | "last">>(call: A): A {
  const where = `${call.method}()`,
    { x, y, last } = call;
  return { ...call, x: copyOfAll(where, "x", x), y: copyOfAll(where, "y", y), last: copyOfAll(where, "options", last) };
}

/**
 * Checks a call and reads its arrays, as they are now: what becomes of them afterwards makes no difference, whatever kind they are.
 * @throws InputError naming what is wrong; what the host says where validate-all.ts cannot be loaded
 */
export async function validate<O extends object>(call: Call): Promise<Validated<O>> {
  const common = validateCommon<O>(call);
  if (common) return common;
  const { method, x, y, last } = call,
    options = Object(isHandle(x) ? y : last) as FitOptions;
  checkOpen(`${method}()`, x);
  checkOpen(`${method}(): validationData`, options.validationData);
  const copy = copyArguments(call);
  return (await loadValidation()).validateAll<O>(copy);
}
