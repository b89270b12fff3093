// A call of a method that takes data: as it came, and as it is when all of it was checked.

import type { Loss } from "../../model/losses.ts";
import type { Dataset } from "../data/data.ts";
import type { DatasetHandle } from "../data/dataset.ts";
import type { Shape } from "../data/shape.ts";

/** A call as it came: (x, y, options) or (handle, options); predict() has no y. */
export interface Call {
  readonly method: "fit" | "evaluate" | "predict" | "verify" | "inspectStep" | "gradientCheck";
  readonly x: unknown;
  readonly y: unknown;
  readonly last: unknown;
  readonly shape: Shape;
  readonly loss: Loss;
}

/** Data as a backend takes them, and the handle that they came by, if any. */
export interface Given {
  readonly dataset: Dataset;
  readonly handle: DatasetHandle | null;
}

/** A call with nothing wrong in it. */
export interface Taken<O> {
  readonly data: Given;
  readonly validation: Given | null;
  readonly options: O;
}
