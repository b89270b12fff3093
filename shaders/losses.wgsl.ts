// loss_gradient: what BP1 starts from, one number at a time. loss_rows: the loss of one row.
//   cross-entropies   gradient (a − y)/B with a the probabilities; rows from the logits z, so that no logarithm of 0 occurs
//   squared errors, huber   gradient and rows from a
// 1/B is step.inverse_rows: the mean over the batch (and over time) enters here and nowhere else.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { sumsOutputs, takesLabels, type Loss, type LossName } from "../src/model/losses.ts";
import { LOG1P_SERIES } from "./activations.wgsl.ts";
import { formulaOf, literal } from "./kernel.wgsl.ts";

/** What one number adds to the loss of its row and has for a gradient, for the losses that are sums over outputs. */
export interface LossTexts {
  /** Statements that declare `term` from the prediction p and the target y. */
  readonly row: (loss: Loss) => string;
  /** Of a and y, times the reciprocal of cols where the loss is the mean over outputs. */
  readonly gradient: (loss: Loss, cols: number) => string;
  /** Statements before it. */
  readonly before?: string;
}

/** Of the losses that are sums over outputs; those behind a softmax are not. */
export type LossTable = Readonly<
  Partial<Record<Exclude<LossName, "categoricalCrossentropy" | "sparseCategoricalCrossentropy">, LossTexts>>
>;

export interface LossFormulas {
  readonly losses: LossTable;
  /** What a target counts as where labels are smoothed. */
  readonly smooth?: (y: string, loss: Loss, cols: number) => string;
}

/** A target as the loss compares with it. */
const targetText = (y: string, loss: Loss, cols: number, { smooth }: LossFormulas): string =>
  loss.labelSmoothing ? formulaOf({ smooth }, "smooth")(y, loss, cols) : y;

/** The others are in uncommon.wgsl.ts. */
export const SUMS = {
  meanSquaredError: { row: () => "let term = (p - y) * (p - y);", gradient: (_, cols) => `${literal(2 / cols)} * (a - y)` },
  halfSquaredError: { row: () => "let term = 0.5 * (p - y) * (p - y);", gradient: () => "(a - y)" },
  binaryCrossentropy: {
    // From the logit: −y·ln σ(p) − (1 − y)·ln(1 − σ(p)). Both numbers that are added are ≥ 0.
    row: () => `let e = exp(-abs(p));
      ${LOG1P_SERIES("e")}
      let term = p * (select(0.0, 1.0, p > 0.0) - y) + l;`,
    gradient: (_, cols) => `(a - y) * ${literal(1 / cols)}`,
  },
} satisfies LossTable;

function gradientFormula(loss: Loss, cols: number, losses: LossTable): string {
  switch (loss.name) {
    case "categoricalCrossentropy":
      return "(a - y)";
    case "sparseCategoricalCrossentropy":
      return "(a - select(0.0, 1.0, y == col))";
    default:
      return formulaOf(losses, loss.name).gradient(loss, cols);
  }
}

/**
 * fn name(a, y, col): y is the target of this number, or the row's class index, a u32, for the sparse loss.
 * @param mean one over the rows that the loss is a mean of
 */
export function lossGradientFunction(name: string, loss: Loss, cols: number, mean: string, formulas: LossFormulas): string {
  const { losses } = formulas,
    target = loss.labelSmoothing ? "label" : "y",
    { before = "" } = losses[loss.name as keyof LossTable] ?? {};
  const first = loss.labelSmoothing ? `let y = ${targetText(target, loss, cols, formulas)};` : before;
  return wgsl`
fn ${name}(a: f32, ${target}: ${takesLabels(loss) ? "u32" : "f32"}, col: u32) -> f32 {
  ${first}return ${gradientFormula(loss, cols, losses)} * ${mean};
}
`;
}

/**
 * Σ (a − y)² / cols as statements that leave it in `value`. The square of a large error is divided before it is taken, so that only a
 * mean that is too large overflows; that of a small one after the sum, so that it does not vanish on the way.
 */
export const meanSquareStatements = (cols: number, a: (col: string) => string, y: (col: string) => string): string =>
  cols === 1
    ? wgsl`
    let error = ${a("0u")} - ${y("0u")};
    var value = error * error;
`
    : wgsl`
    var value = 0.0;
    var large = 0.0;
    for (var col = 0u; col < ${cols}u; col++) {
      let error = ${a("col")} - ${y("col")};
      let is_large = abs(error) > ${literal(2 ** 32)};
      let square = error * (error * select(1.0, ${literal(1 / cols)}, is_large));
      value += select(square, 0.0, is_large);
      large += select(0.0, square, is_large);
    }
    value = value * ${literal(1 / cols)} + large;
`;

/**
 * The loss of row `row` as statements that leave it in `value`. `p(col)` reads the prediction (logits for a
 * cross-entropy), `y(col)` the target, or the class index as a u32.
 */
export function lossRowStatements(
  loss: Loss,
  cols: number,
  p: (col: string) => string,
  label: (col: string) => string,
  formulas: LossFormulas,
) {
  const { losses } = formulas,
    y = (col: string) => targetText(label(col), loss, cols, formulas);
  if (loss.name === "categoricalCrossentropy" || loss.name === "sparseCategoricalCrossentropy") {
    const sparse = loss.name === "sparseCategoricalCrossentropy";
    // −Σ y·ln softmax(z) = Σ y·(ln(1 + rest) + max − z), rest = Σ e^(z−max) without the maximum's own 1, which would take its digits.
    return wgsl`
    var top = ${p("0u")};
    var best = 0u;
    for (var col = 1u; col < ${cols}u; col++) {
      let p = ${p("col")};
      best = select(best, col, p > top);
      top = max(top, p);
    }
    var rest = 0.0;
    for (var col = 0u; col < ${cols}u; col++) { rest += select(exp(${p("col")} - top), 0.0, col == best); }
    let some = min(rest, 1.0);
    ${LOG1P_SERIES("some")}
    let log_sum = select(log(1.0 + rest), l, rest <= 1.0);
    var value = 0.0;
    #if ${sparse}
    value = log_sum + (top - ${p(y("0u"))});
    #else
    for (var col = 0u; col < ${cols}u; col++) { value += ${y("col")} * (log_sum + (top - ${p("col")})); }
    #endif
`;
  }
  if (loss.name === "meanSquaredError") return meanSquareStatements(cols, p, y);
  return wgsl`
    var value = 0.0;
    for (var col = 0u; col < ${cols}u; col++) {
      let p = ${p("col")};
      let y = ${y("col")};
      ${formulaOf(losses, loss.name).row(loss)}
      value += term;
    }
    value *= ${literal(1 / (sumsOutputs(loss) ? 1 : cols))};
`;
}
