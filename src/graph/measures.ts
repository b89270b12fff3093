// What metrics are made of: one or several means over rows, and how the metric of an epoch follows from them. So it is exact over the
// epoch, and no mean of what mini-batches came to. Loaded for networks with metrics that few have. Formulas: Keras 3's.

import { InputError } from "../errors.ts";
import { checkLossFits, matchingActivation, toLoss, type LossName } from "../model/losses.ts";
import { checkMetric, type MetricName } from "../model/metrics.ts";
import type { Network, Recipe } from "../model/network.ts";
import { metricKind, type Column } from "./build.ts";
import type { MetricKind } from "./types.ts";

export interface Measures {
  /** Each once, whichever metrics read it. */
  readonly columns: readonly Column[];
  /** Columns and the loss. */
  readonly means: number;
  /** Loss and metrics from the means of loss and columns, as Readout.read. */
  readonly read: (means: readonly number[], rows: number, counted: boolean) => readonly number[];
}

/** What one metric is made of. */
interface Measure {
  readonly columns: readonly Column[];
  /** From the means of its columns, over so many outputs. */
  readonly value: (means: readonly number[], outputs: number) => number;
}

/** R² reads three numbers of each output. */
const MAX_R2_OUTPUTS = 16;

const kindColumn = (metric: MetricKind): Column => ({ name: metric, does: { type: "metricRows", metric } });
const mean = ([value]: readonly number[]): number => value;

/** A part of a whole; 0 of nothing, as in Keras. */
const share = (part: number, rest: number): number => (part + rest === 0 ? 0 : part / (part + rest));

/** A mean of whole numbers times how many it is over is whole, up to the rounding of float32. */
function countOf(share: number, outputs: number): number {
  const count = share * outputs,
    whole = Math.round(count);
  return Math.abs(count - whole) <= 1e-5 * Math.max(whole, 1) ? whole : count;
}

/** 1 − Σ(a − y)² / Σ(y − ȳ)²; 0 where y does not vary by more than its squares are rounded. */
function r2Of(y: number, squared: number, errors: number): number {
  const variance = squared - y * y;
  return Math.abs(variance) <= 2 ** -21 * squared ? 0 : 1 - errors / variance;
}

/** A loss as a metric: cross-entropies of the logits, as the loss itself. */
function lossMeasure(name: LossName, network: Network, recipe: Recipe): Measure {
  const fromLogits = recipe.loss.fromLogits && matchingActivation(recipe.loss) === matchingActivation(toLoss(name));
  const loss = toLoss(name === recipe.loss.name ? { ...recipe.loss, labelSmoothing: undefined } : { name, fromLogits });
  checkLossFits(loss, network.lastActivation, network.outputWidth);
  if (matchingActivation(loss) !== null && !fromLogits && network.stages.at(-1)?.type !== "activation") {
    throw new InputError(
      `compile(): metric ${name} needs what goes into the last ${matchingActivation(loss)}, which a simpleRNN does not ` +
        "keep. Let dense() follow it.",
    );
  }
  return { columns: [{ name, does: { type: "lossRows", loss }, ofLogits: matchingActivation(loss) !== null }], value: mean };
}

const counts = (...kinds: readonly MetricKind[]): Pick<Measure, "columns"> => ({ columns: kinds.map(kindColumn) });

function measureOf(metric: MetricName, network: Network, recipe: Recipe): Measure {
  switch (metric) {
    case "accuracy":
    case "meanSquaredError":
    case "meanAbsoluteError":
      return { columns: [{ name: metric, does: { type: "metricRows", metric: metricKind(metric, network, recipe) } }], value: mean };
    case "binaryAccuracy":
    case "categoricalAccuracy":
    case "cosineSimilarity":
      return { ...counts(metric), value: mean };
    case "sparseCategoricalAccuracy":
      return { ...counts("sparseAccuracy"), value: mean };
    case "topKCategoricalAccuracy":
      return { ...counts("topKAccuracy"), value: mean };
    case "sparseTopKCategoricalAccuracy":
      return { ...counts("sparseTopKAccuracy"), value: mean };
    case "rootMeanSquaredError":
      return { ...counts("meanSquaredError"), value: ([square]) => Math.sqrt(square) };
    case "precision":
      return { ...counts("truePositives", "falsePositives"), value: ([right, wrong]) => share(right, wrong) };
    case "recall":
      return { ...counts("truePositives", "falseNegatives"), value: ([found, missed]) => share(found, missed) };
    case "truePositives":
    case "trueNegatives":
    case "falsePositives":
    case "falseNegatives":
      return { ...counts(metric), value: ([each], outputs) => countOf(each, outputs) };
    case "r2Score": {
      const { outputWidth } = network;
      if (outputWidth > MAX_R2_OUTPUTS) {
        throw new InputError(
          `compile(): metric r2Score is of at most ${MAX_R2_OUTPUTS} outputs; got ${outputWidth}. Use rootMeanSquaredError.`,
        );
      }
      const each = Array.from({ length: outputWidth }, (_, j) => [`target_${j}`, `squaredTarget_${j}`, `squaredError_${j}`] as const);
      return {
        ...counts(...each.flat()),
        value: (means) => each.reduce((sum, _, j) => sum + r2Of(means[3 * j], means[3 * j + 1], means[3 * j + 2]), 0) / outputWidth,
      };
    }
    default:
      return lossMeasure(metric, network, recipe);
  }
}

/** Of all metrics of the recipe. @throws InputError if one is not known, or does not fit loss or last layer */
export function measuresOf(network: Network, recipe: Recipe): Measures {
  const measures = recipe.metrics.map((metric) => measureOf(checkMetric(metric, recipe.loss), network, recipe)),
    { outputSteps } = network;
  const all = new Map(measures.flatMap(({ columns }) => columns).map((column) => [column.name, column]));
  const columns = [...all.values()],
    at = measures.map((measure) => measure.columns.map(({ name }) => 1 + columns.findIndex((column) => column.name === name)));
  return {
    columns,
    means: 1 + columns.length,
    read: (means, rows, counted) => [
      means[0],
      ...measures.map(({ value }, m) =>
        value(
          at[m].map((i) => means[i]),
          counted ? rows : rows * outputSteps,
        ),
      ),
    ],
  };
}
