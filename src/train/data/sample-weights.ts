// What the loss of each row is multiplied by: sampleWeight and classWeight, checked and brought into the form that backends upload. Loaded
// with validate-all.ts. As in Keras 3 the weighted losses are averaged over the number of rows (reduction "sum_over_batch_size"), not over
// the sum of the weights, and metrics are not weighted.

import { InputError } from "../../errors.ts";
import { show } from "../../model/checks.ts";
import { takesLabels, type Loss } from "../../model/losses.ts";
import { flatten, type Dataset, type Features } from "./data.ts";
import type { DataShape } from "./shape.ts";

/** What a loss is multiplied by, by class. */
export type ClassWeights = Readonly<Record<number, number>> | ReadonlyMap<number, number> | readonly number[];

/** What calls that compute a loss take beside the data. */
export interface WeightOptions {
  /**
   * What the loss of each row is multiplied by: one number ≥ 0 a row; where every time step is answered one a row, or one a step
   * (rows × steps). The weighted losses are averaged over the number of rows, whatever the weights sum to; metrics are not weighted. Default 1.
   */
  readonly sampleWeight?: Features;
  /**
   * The same by class: `{ 0: 1, 1: 5 }` counts rows of class 1 five times; numbers ≥ 0, 1 for classes that are left out. The class of a
   * row is its label, the largest of its targets, or of one target the nearest whole number. Not together with sampleWeight.
   */
  readonly classWeight?: ClassWeights;
}

const isWeight = (value: unknown): value is number => typeof value === "number" && value >= 0 && Math.fround(value) < Infinity;

/** @returns one number for each row that is answered. @throws InputError for a number that is no weight, or another count of them */
function fromSamples(where: string, given: Features, { rows }: Dataset, { outputSteps: steps }: DataShape): Float32Array<ArrayBuffer> {
  const { flat } = flatten(where, "sampleWeight", given),
    { length } = flat;
  if (length !== rows && length !== rows * steps) {
    throw new InputError(
      `${where}: sampleWeight has ${length} numbers but x has ${rows} rows` +
        (steps === 1 ? ". Give one weight a row." : ` of ${steps} steps that are answered. Give one weight a row, or one a step.`),
    );
  }
  const bad = Array.prototype.findIndex.call(flat, (value: unknown) => !isWeight(value));
  if (bad >= 0) {
    throw new InputError(
      `${where}: sampleWeight must hold finite numbers ≥ 0; number ${bad} is ${show(flat[bad])}. Leave a row out by the weight 0; to ` +
        "learn away from an answer, change its target or shift the weights.",
    );
  }
  return length === rows ? Float32Array.from({ length: rows * steps }, (_, i) => flat[Math.floor(i / steps)]) : Float32Array.from(flat);
}

/** @throws InputError for what is no class of this network, or no weight */
function byClass(where: string, given: ClassWeights, { outputWidth }: DataShape): ReadonlyMap<number, number> {
  if (typeof given !== "object" || given === null || ArrayBuffer.isView(given)) {
    throw new InputError(`${where}: classWeight must be an object of numbers by class, such as { 0: 1, 1: 5 }; got ${show(given)}.`);
  }
  const entries: (readonly [unknown, unknown])[] = given instanceof Map ? [...given] : Object.entries(given);
  return new Map(
    entries.map(([key, weight]) => {
      const label = Number(key);
      if (!Number.isInteger(label) || (outputWidth > 1 && !(label >= 0 && label < outputWidth))) {
        throw new InputError(
          `${where}: classWeight must be by classes, whole numbers${outputWidth > 1 ? ` from 0 to ${outputWidth - 1}` : ""}; got one for ` +
            `${show(key)}. Fix it, or the units of the last layer.`,
        );
      }
      if (!isWeight(weight)) {
        throw new InputError(`${where}: classWeight must hold finite numbers ≥ 0; that of class ${label} is ${show(weight)}.`);
      }
      return [label, weight] as const;
    }),
  );
}

/** To the nearest whole number, a half to the even one, as NumPy does. */
function rounded(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value % 1) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

/** The class that each row answers. */
function classesOf(y: ArrayLike<number>, { outputWidth: width }: DataShape, loss: Loss): number[] {
  if (takesLabels(loss) || width === 1) return Array.from(y, rounded);
  return Array.from({ length: y.length / width }, (_, row) => {
    let best = 0;
    for (let j = 1; j < width; j++) if (y[row * width + j] > y[row * width + best]) best = j;
    return best;
  });
}

/**
 * The data set with the weights of its rows.
 * @param forTraining whether classWeight leaves alone what is only evaluated, which it does in fit()
 * @throws InputError naming what is wrong with them
 */
export function withWeights(
  where: string,
  dataset: Dataset,
  shape: DataShape,
  loss: Loss,
  { sampleWeight, classWeight }: WeightOptions,
  forTraining: boolean,
): Dataset {
  if (sampleWeight === undefined && classWeight === undefined) return dataset;
  if (classWeight !== undefined && (sampleWeight !== undefined || dataset.sampleWeights)) {
    throw new InputError(
      `${where}: set sampleWeight or classWeight; got both. Multiply the weight of each row by that of its class, and pass sampleWeight.`,
    );
  }
  const { format } = dataset;
  if (classWeight === undefined) {
    return {
      ...dataset,
      format: { ...format, weighted: "always" },
      sampleWeights: fromSamples(where, sampleWeight!, dataset, shape),
    };
  }
  const weights = byClass(where, classWeight, shape);
  return {
    ...dataset,
    format: { ...format, weighted: forTraining ? "train" : "always" },
    sampleWeights: Float32Array.from(classesOf(dataset.y!, shape, loss), (label) => weights.get(label) ?? 1),
  };
}
