// A call of a method that takes data: as it came, and as it is when all of it was checked.

import type { Loss } from "../../model/losses.ts";
import type { Dataset } from "../data/data.ts";
import type { DatasetHandle } from "../data/dataset.ts";
import type { DataShape } from "../data/shape.ts";
import type { CallbackList, Trainee } from "./callback-list.ts";

/** A call as it came: (x, y, options) or (handle, options); predict() has no y. */
export interface Call {
  readonly method: "fit" | "evaluate" | "predict" | "verify" | "inspectStep" | "gradientCheck";
  readonly x: unknown;
  readonly y: unknown;
  readonly last: unknown;
  readonly shape: DataShape;
  readonly loss: Loss;
  /** What fit() trains, for its callbacks. */
  readonly trainee?: Trainee;
}

/** Data as a backend takes them, and the handle that they came by, if any. */
export interface CallData {
  readonly dataset: Dataset;
  readonly handle: DatasetHandle | null;
}

/** A call with nothing wrong in it. */
export interface Validated<O> {
  readonly data: CallData;
  readonly validation: CallData | null;
  /** Of fit(): the callbacks that were given, where they are more than a few functions. */
  readonly callbacks?: CallbackList;
  readonly options: O;
}
