// The confusion matrix as text: how many digits of each class were taken for which.

import { NO_CLASS } from "./job.ts";

/** counts[actual][predicted]; the last column counts the rows without a class, those predicted as NO_CLASS. */
export function confusionCounts(labels: ArrayLike<number>, predictions: readonly number[], classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => Array<number>(classes + 1).fill(0));
  predictions.forEach((predicted, row) => {
    counts[labels[row]][predicted === NO_CLASS ? classes : predicted]++;
  });
  return counts;
}

/** Wider tables do not fit a terminal and say little. */
const MAX_CLASSES = 20;

/** Rows are what the digit is, columns what the model says; the last column is the share of the row that is right. */
export function confusionTable(labels: ArrayLike<number>, predictions: readonly number[], classes: number): string {
  if (classes > MAX_CLASSES) return `confusion matrix: left out, ${classes} classes are too many to print`;
  const counts = confusionCounts(labels, predictions, classes);
  // A column for rows without a class only where there are any.
  const columns = predictions.includes(NO_CLASS) ? classes + 1 : classes;
  const titles = Array.from({ length: columns }, (_, predicted) => (predicted < classes ? predicted : "NaN"));
  const width = Math.max(3, ...counts.flat().map((count) => String(count).length)) + 1;
  const cells = (values: readonly (number | string)[]) => values.map((value) => String(value).padStart(width)).join("");
  const rows = counts.map((row, actual) => {
    const total = row.reduce((a, b) => a + b, 0);
    const share = total === 0 ? "–" : `${((100 * row[actual]) / total).toFixed(1)} %`;
    const shown = row.slice(0, columns).map((count) => (count === 0 ? "·" : count));
    return `${String(actual).padStart(6)} │${cells(shown)} │ ${share.padStart(7)}`;
  });
  return [
    "confusion matrix (rows: the digit; columns: what the model says)",
    `       │${cells(titles)} │   right`,
    `───────┼${"─".repeat(width * columns)}─┼────────`,
    ...rows,
  ].join("\n");
}
