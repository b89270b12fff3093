// gradientCheck() as a function, beside the method of the same name.

import type { GradientReport } from "../reference/gradient-check.ts";
import type { Features, InputOptions, Targets } from "./data/data.ts";
import type { LabelledDatasetHandle } from "./data/dataset.ts";
import type { Sequential } from "./sequential.ts";

/** Backpropagation against central differences, in float64: see Sequential.gradientCheck. */
export function gradientCheck(model: Sequential, x: Features, y: Targets, options?: InputOptions): Promise<GradientReport>;
export function gradientCheck(model: Sequential, data: LabelledDatasetHandle): Promise<GradientReport>;
export function gradientCheck(
  model: Sequential,
  x: Features | LabelledDatasetHandle,
  y?: Targets,
  options?: InputOptions,
): Promise<GradientReport> {
  // The method tells arrays and handles apart.
  return model.gradientCheck(x as Features, y as Targets, options);
}
