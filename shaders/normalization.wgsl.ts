// Batch and layer normalization (graph/types.ts: NormalizationOp). R rows, C columns; μ, v, γ, β and sums (1, C). All are expressions or
// statements for one number, one term of a sum over rows, or one row.
//   term of a mean      x · 1/R        of a variance   (x − μ)² · 1/R     of a product   a · b
//   normalize           (x − μ) / √(v + ε)
//   rescale             g / √(v + ε)
//   pull back           (g − (Σ g + n · Σ g·n) · 1/R) / √(v + ε)
// Rounding: a variance is a sum of squares of differences, never a difference of squares: nothing cancels but x − μ.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { literal, type NumberAt, type StoreAt } from "./kernel.wgsl.ts";

export const overDeviation = (value: string, variance: string, epsilon: number): string =>
  `(${value}) / sqrt(${variance} + ${literal(epsilon)})`;

export const normalized = (x: string, mean: string, variance: string, epsilon: number): string =>
  overDeviation(`${x} - ${mean}`, variance, epsilon);

export const pulledBack = (
  g: string,
  n: string,
  variance: string,
  sum: string,
  dot: string,
  inverseRows: string,
  epsilon: number,
): string => overDeviation(`${g} - (${sum} + ${n} * ${dot}) * ${inverseRows}`, variance, epsilon);

/** A function of two: a term of a variance. */
export const SQUARED_DIFFERENCE = wgsl`
fn squared_difference(x: f32, mean: f32) -> f32 {
  let difference = x - mean;
  return difference * difference;
}
`;

/** Sets `variance`, and `mean`, of a row. */
const statistics = (cols: number, x: NumberAt): string => wgsl`
    var mean = 0.0;
    for (var col = 0u; col < ${cols}u; col++) { mean += ${x("col")}; }
    mean /= ${literal(cols)};
    var variance = 0.0;
    for (var col = 0u; col < ${cols}u; col++) { let difference = ${x("col")} - mean; variance += difference * difference; }
    variance /= ${literal(cols)};`;

export const normalizeRowStatements = (cols: number, epsilon: number, x: NumberAt, store: StoreAt): string => wgsl`${statistics(cols, x)}
    let deviation = sqrt(variance + ${literal(epsilon)});
    for (var col = 0u; col < ${cols}u; col++) { ${store("col", `(${x("col")} - mean) / deviation`)} }
`;

export const pullBackRowStatements = (
  cols: number,
  epsilon: number,
  g: NumberAt,
  n: NumberAt,
  x: NumberAt,
  store: StoreAt,
): string => wgsl`${statistics(cols, x)}
    let deviation = sqrt(variance + ${literal(epsilon)});
    var sum = 0.0;
    var dot = 0.0;
    for (var col = 0u; col < ${cols}u; col++) { sum += ${g("col")}; dot += ${g("col")} * ${n("col")}; }
    for (var col = 0u; col < ${cols}u; col++) { ${store("col", `(${g("col")} - (sum + ${n("col")} * dot) / ${literal(cols)}) / deviation`)} }
`;
