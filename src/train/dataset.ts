// dataset(): a handle on data that stay on the device from call to call. Knows the user's arrays, what of them was checked
// for which model, and who has them on a device; not how they are brought there.

import { InputError } from "../errors.ts";
import { checkFloat32, checkOptions } from "../model/checks.ts";
import { takesLabels, type Loss } from "../model/losses.ts";
import { checkArray, checkInputs, checkTargets, type Dataset, type Features, type InputOptions, type Inputs, type Targets } from "./data.ts";
import type { Lengths, Shape } from "./shape.ts";

/** What dataset() takes. */
export interface DatasetOptions {
  /** What one stored unit of x is worth, other than 0: 1 / 255 for pixels; required for a Uint8Array, else default 1. */
  scale?: number;
  /** Of sequences of unequal length, padded at the end to the network's steps: how many steps of each are no padding. */
  lengths?: Lengths;
}

/** What checks of x depend on. */
const keyOf = ({ sequences, inputSteps, inputWidth, vocabulary }: Shape): string =>
  `${sequences} ${inputSteps} ${inputWidth} ${vocabulary}`;

/** What a backend holds of the data. */
export interface Held {
  /** Frees it once nothing uses it any more. */
  dispose(): void;
}

/** What checks y depends on beside its rows: labels and probabilities are checked as such. */
const kindOf = (loss: Loss): string =>
  takesLabels(loss) || loss.name === "binaryCrossentropy" || loss.name === "categoricalCrossentropy" ? loss.name : "numbers";

class Contents {
  readonly #inputs = new Map<string, Inputs>();
  readonly #datasets = new Map<string, Dataset>();
  readonly #held = new Set<Held>();
  #disposed = false;

  constructor(readonly x: Features, readonly y: Targets | undefined, readonly options: InputOptions) {}

  get scale(): number | undefined {
    return this.options.scale;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** x, without y. What was found right once is not looked through again. */
  inputs(where: string, shape: Shape): Dataset {
    return this.#remember(keyOf(shape), () => ({ ...this.#features(where, shape), y: null }));
  }

  /** x and y. */
  labelled(where: string, shape: Shape, loss: Loss): Dataset {
    const { y } = this;
    if (y === undefined) throw new InputError(`${where}: the data set has no y. Make it with dataset(x, y).`);
    return this.#remember(`${keyOf(shape)} ${shape.outputSteps} ${shape.outputWidth} ${kindOf(loss)}`, () => {
      const inputs = this.#features(where, shape);
      return { ...inputs, y: checkTargets(where, y, inputs, shape, loss, true) };
    });
  }

  attach(held: Held): void {
    this.#held.add(held);
  }

  detach(held: Held): void {
    this.#held.delete(held);
  }

  dispose(): void {
    this.#disposed = true;
    for (const held of this.#held) held.dispose();
    this.#held.clear();
    this.#inputs.clear();
    this.#datasets.clear();
  }

  #features(where: string, shape: Shape): Inputs {
    const key = keyOf(shape), known = this.#inputs.get(key) ?? checkInputs(where, this.x, shape, this.options, true);
    this.#inputs.set(key, known);
    return known;
  }

  #remember(key: string, check: () => Dataset): Dataset {
    const known = this.#datasets.get(key) ?? check();
    this.#datasets.set(key, known);
    return known;
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
    checkOptions("dataset()", options, ["scale", "lengths"]);
    checkArray("dataset()", "x", x);
    if (y !== undefined) checkArray("dataset()", "y", y);
    if (options.scale !== undefined) checkFloat32("dataset()", "scale", options.scale, "≠ 0");
    if (options.lengths !== undefined) checkArray("dataset()", "lengths", options.lengths);
    CONTENTS.set(this, new Contents(x, y, { scale: options.scale, lengths: options.lengths }));
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

/** The inside of a handle. @throws InputError after its dispose() */
export function openHandle(where: string, handle: DatasetHandle): Contents {
  const contents = CONTENTS.get(handle);
  if (!contents || contents.disposed) throw new InputError(`${where}: the data set was disposed. Make a new one with dataset().`);
  return contents;
}

/**
 * A handle on data that `fit`, `evaluate`, `predict`, `verify` and `gradientCheck` take in place of arrays. At the first call
 * of a model the data go to its device and stay there until the handle or the model is disposed or the model is compiled
 * anew; bytes stay bytes. One handle serves any number of models and losses: at each call it is checked against the model
 * as arrays are, what was found right once not again. Arrays too large for a buffer of the device stay in memory and come
 * in slices.
 *
 * The arrays are read when they are needed and not copied where their type allows: do not change them while the handle is
 * in use.
 * @param x (rows × features), as for fit()
 * @param y class indices (rows) or targets (rows × outputs), as for fit(); not needed for predict()
 * @param options `scale`: what one stored unit of x is worth; required for a Uint8Array, else default 1. `lengths`: how many
 * steps of each sequence are no padding; default all
 * @throws InputError if x or y is no array, or for a wrong option; what else may be wrong with data is told by the calls
 */
export function dataset(x: Features, y: Targets, options?: DatasetOptions): LabelledDatasetHandle;
export function dataset(x: Features, y?: undefined, options?: DatasetOptions): DatasetHandle;
export function dataset(x: Features, y?: Targets, options: DatasetOptions = {}): DatasetHandle {
  return new DatasetHandle(x, y, options);
}
