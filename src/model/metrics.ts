// Metrics by name. What each is made of is in graph/measures.ts; docs/metrics.md says what they mean. Loaded for networks with metrics that
// few have: what compile() checks of others is isCommon() of train/compiled/extras.ts.

import { InputError } from "../errors.ts";
import { show } from "./checks.ts";
import { LOSSES, takesLabels, type Loss } from "./losses.ts";

/** The names of all metrics: those of losses, and others. */
export const METRICS = Object.freeze([
  "accuracy",
  ...LOSSES,
  "binaryAccuracy",
  "categoricalAccuracy",
  "sparseCategoricalAccuracy",
  "topKCategoricalAccuracy",
  "sparseTopKCategoricalAccuracy",
  "precision",
  "recall",
  "truePositives",
  "trueNegatives",
  "falsePositives",
  "falseNegatives",
  "rootMeanSquaredError",
  "r2Score",
  "cosineSimilarity",
] as const);
/** Names that compile() takes for metrics. */
export type MetricName = (typeof METRICS)[number];

/** Checks one entry of `metrics`. */
export function checkMetric(name: unknown, loss: Loss): MetricName {
  if (!(METRICS as readonly unknown[]).includes(name)) {
    throw new InputError(`compile(): a metric is one of ${METRICS.join(", ")}; got ${show(name)}.`);
  }
  const metric = name as MetricName,
    isSparse = metric.startsWith("sparse");
  if (metric !== "accuracy" && takesLabels(loss) !== isSparse) {
    throw new InputError(
      `compile(): metric ${metric} compares ${isSparse ? "class indices" : "rows of targets"}, but ${loss.name} takes ` +
        `${isSparse ? "rows of targets" : "class indices"}. Use ${isSparse ? "sparseCategoricalCrossentropy with class indices" : '"accuracy", or categoricalCrossentropy with one-hot rows'}.`,
    );
  }
  return metric;
}
