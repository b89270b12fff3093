// dataset(): a handle on data that stay on the device from call to call. Keeps the user's arrays, what of them was checked
// for which model, and who has them on a device; not how they are checked (validate-all.ts) or brought there.

import { InputError } from "../../errors.ts";
import { checkFloat32, checkOptions } from "../../model/checks.ts";
import { checkArray, copyOf, copyOfAll } from "./arrays.ts";
import type { Dataset, Features, InputOptions, Inputs, Targets } from "./data.ts";
import type { WeightOptions } from "./sample-weights.ts";
import type { Lengths } from "./shape.ts";

/** What dataset() takes. */
export interface DatasetOptions {
  /** What one stored unit of x is worth, other than 0: 1 / 255 for pixels; required for a Uint8Array, else default 1. */
  scale?: number;
  /** Of sequences of unequal length, padded at the end to the network's steps: how many steps of each are no padding. */
  lengths?: Lengths;
  /** What the loss of each row is multiplied by, as for fit(). */
  sampleWeight?: WeightOptions["sampleWeight"];
}

/** What a backend holds of the data. */
export interface HeldData {
  /** Frees it once nothing uses it any more. */
  dispose(): void;
}

export class Contents {
  readonly #checked = new Map<string, Inputs | Dataset>();
  readonly #held = new Set<HeldData>();
  #disposed = false;

  constructor(
    readonly x: Features,
    readonly y: Targets | undefined,
    readonly options: InputOptions & Pick<WeightOptions, "sampleWeight">,
  ) {}

  get disposed(): boolean {
    return this.#disposed;
  }

  /** What a check made of them; what was found right once is not looked through again. @param key what it depends on */
  checked<D extends Inputs>(key: string, check: () => D): D {
    const known = (this.#checked.get(key) as D | undefined) ?? check();
    this.#checked.set(key, known);
    return known;
  }

  attach(held: HeldData): void {
    this.#held.add(held);
  }

  detach(held: HeldData): void {
    this.#held.delete(held);
  }

  dispose(): void {
    this.#disposed = true;
    for (const held of this.#held) held.dispose();
    this.#held.clear();
    this.#checked.clear();
  }
}

/** The inside of every handle, beside the class: a page that makes no handles need not load it. */
const CONTENTS = new WeakMap<object, Contents>();

/** Data for fit(), evaluate() and predict() in place of arrays; make one with dataset(). */
export class DatasetHandle {
  /** Whether it has y; predict() needs none. */
  readonly labelled: boolean;

  /** @throws InputError as dataset() */
  constructor(x: Features, y: Targets | undefined, options: DatasetOptions) {
    options = checkOptions("dataset()", options, ["scale", "lengths", "sampleWeight"]);
    checkArray("dataset()", "x", x);
    if (y !== undefined) checkArray("dataset()", "y", y);
    if (options.scale !== undefined) checkFloat32("dataset()", "scale", options.scale, "≠ 0");
    for (const name of ["lengths", "sampleWeight"] as const) if (options[name] !== undefined) checkArray("dataset()", name, options[name]);
    const copy = <A>(name: string, array: A) => copyOf("dataset()", name, array) as A;
    CONTENTS.set(this, new Contents(copy("x", x), copy("y", y), copyOfAll("dataset()", "options", options) as DatasetOptions));
    this.labelled = y !== undefined;
  }

  /**
   * Frees the data on every device; what a call under way uses, after that call. Twice is harmless; a call with the handle
   * afterwards throws an InputError.
   */
  dispose(): void {
    CONTENTS.get(this)?.dispose();
  }
}

/** A handle with y, as fit() and evaluate() need it. */
export interface LabelledDatasetHandle extends DatasetHandle {
  readonly labelled: true;
}

export const isHandle = (value: unknown): value is DatasetHandle => CONTENTS.has(value as object);

/** The inside of a handle. */
export const contentsOf = (handle: DatasetHandle): Contents => CONTENTS.get(handle) as Contents;

/** @throws InputError if it is a handle that was disposed: said when a call begins, since what is under way has what it needs */
export function checkOpen(where: string, value: unknown): void {
  if (isHandle(value) && contentsOf(value).disposed)
    throw new InputError(`${where}: the data set was disposed. Make a new one with dataset().`);
}

/**
 * A handle on data that `fit`, `evaluate`, `predict`, `verify` and `gradientCheck` take in place of arrays. At the first call
 * of a model the data go to its device and stay there until the handle or the model is disposed or the model is compiled
 * anew; bytes stay bytes. One handle serves any number of models and losses: at each call it is checked against the model
 * as arrays are, what was found right once not again. Arrays too large for a buffer of the device stay in memory and come
 * in slices.
 *
 * The arrays are copied by dataset() itself, whatever kind they are: changing them afterwards changes nothing, and they may be
 * garbage then.
 * @param x (rows × features), as for fit()
 * @param y class indices (rows) or targets (rows × outputs), as for fit(); not needed for predict()
 * @param options `scale`: what one stored unit of x is worth; required for a Uint8Array, else default 1. `lengths`: how many
 * steps of each sequence are no padding; default all. `sampleWeight`: what the loss of each row is multiplied by; default 1
 * @throws InputError if x or y is no array, its memory is gone or there is none for a copy, or for a wrong option; what else may be wrong with data is told by the calls
 */
export function dataset(x: Features, y: Targets, options?: DatasetOptions): LabelledDatasetHandle;
export function dataset(x: Features, y?: undefined, options?: DatasetOptions): DatasetHandle;
export function dataset(x: Features, y?: Targets, options: DatasetOptions = {}): DatasetHandle {
  return new DatasetHandle(x, y, options);
}
