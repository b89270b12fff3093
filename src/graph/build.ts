// From a network and its recipe to the graph of one step: forward, loss, backward (BP1–BP4), update.

import { matchingActivation, takesLabels } from "../model/losses.ts";
import type { MetricName } from "../model/metrics.ts";
import type { Network, Recipe } from "../model/network.ts";
import { backward, dropoutOf, gradientName, needed, type Passed, type SequenceGraph } from "./backward.ts";
import { GraphBuilder } from "./builder.ts";
import { tensorOf, type BesideRows, type DataType, type CommonMetricKind, type Graph, type OpOf } from "./types.ts";

/** How x is stored: one stored unit is worth `scale`; whole numbers that pick rows of a kernel are uint32, their scale 1. */
export interface FeatureFormat extends BesideRows {
  readonly type: DataType;
  readonly scale: number;
}

export const FLOAT_FEATURES: FeatureFormat = { type: "float32", scale: 1 };

/** @param steps rows of one example: a row of the data set holds all its steps */
function gather(g: GraphBuilder, name: string, cols: number, source: DataType, scale: number, steps = 1): string {
  if (!g.tensors.has("order")) g.tensor("order", 1, 1, "data");
  g.tensor(`data_${name}`, 1, cols * steps, "data");
  g.tensor(name, "batch", cols, "intermediate", steps);
  return g.push({ type: "gather", source, scale, inputs: [`data_${name}`, "order"], outputs: [name] });
}

function declareParameters(g: GraphBuilder, network: Network): void {
  for (const { symbol, shape } of network.parameters) {
    const [rows, cols] = shape.length === 2 ? shape : [1, shape[0]];
    g.tensor(symbol, rows, cols, "parameter");
  }
}

function forward(g: GraphBuilder, network: Network, x: string, purpose: Graph["purpose"], sequences: SequenceGraph | null): Passed[] {
  const passed: Passed[] = [];
  let input = x;
  let layer = 0;
  const name = (letter: string, layers = 0): string => {
    const first = `${letter}${(layer += layers)}`;
    let unique = first;
    for (let n = 2; g.tensors.has(unique); n++) unique = `${first}_${n}`;
    return unique;
  };
  network.stages.forEach((stage, index) => {
    if (stage.type === "dropout" && (purpose !== "train" || stage.rate === 0)) return;
    let output: string;
    switch (stage.type) {
      case "dense":
        layer++;
        output = stage.picks
          ? needed(sequences).embeddingLookup(g, input, stage.kernel.symbol, name("z"), stage.bias?.symbol)
          : g.product("normal", input, stage.kernel.symbol, name("z"), stage.bias?.symbol);
        break;
      case "activation":
        output = g.push(
          stage.activation === "softmax"
            ? { type: "softmax", inputs: [input], outputs: [g.alike(name("a"), input)] }
            : { type: "activation", activation: stage.activation, inputs: [input], outputs: [g.alike(name("a"), input)] },
        );
        break;
      case "dropout":
        output = g.push({ ...dropoutOf(stage, index), inputs: [input], outputs: [g.alike(name("d"), input)] });
        break;
      case "recurrent":
        output = needed(sequences).recurrentForward(g, stage, input, name("h"), purpose);
        break;
      case "lastStep":
        output = needed(sequences).lastStep(g, input, name("last"));
        break;
      default:
        output = needed(sequences).normalizeForward!(g, stage, input, name, purpose);
    }
    passed.push({ stage, index, input, output });
    input = output;
  });
  return passed;
}

/** How a metric that a page loads at once compares. */
export function metricKind(metric: MetricName, { outputWidth }: Network, { loss }: Recipe): CommonMetricKind {
  if (metric !== "accuracy") return metric as CommonMetricKind;
  if (takesLabels(loss)) return "sparseAccuracy";
  // Each output of a sigmoid answers a question of its own.
  if (matchingActivation(loss) === "sigmoid") return loss.fromLogits ? "binaryLogitAccuracy" : "binaryAccuracy";
  return outputWidth === 1 ? "binaryAccuracy" : "categoricalAccuracy";
}

/** What is taken of each row beside the loss, and averaged. */
export interface Column {
  readonly name: string;
  readonly does: Pick<OpOf<"metricRows">, "type" | "metric"> | Pick<OpOf<"lossRows">, "type" | "loss">;
  /** Reads logits, also where the answers are probabilities. */
  readonly ofLogits?: boolean;
}

/** What the loss says of each row; `summarize` turns it into `results` once all that is done row by row is done. */
interface Cost {
  /** What the loss' gradient is taken of, and the tensor that this gradient belongs to. */
  readonly prediction: string;
  readonly gradientOf: string;
  readonly summarize: () => void;
}

function costOf(
  g: GraphBuilder,
  network: Network,
  recipe: Recipe,
  passed: Passed[],
  y: string,
  sequences: SequenceGraph | null,
  columns?: readonly Column[],
): Cost {
  const { loss } = recipe;
  const output = passed[passed.length - 1].output;
  const matching = matchingActivation(loss);
  // A cross-entropy reads the logits (no overflow) and its gradient reads the probabilities.
  const logits = loss.fromLogits ? output : passed[passed.length - 1].input;
  let prediction = output;
  if (matching !== null && loss.fromLogits) {
    prediction = g.alike("probabilities", output);
    g.push(
      matching === "softmax"
        ? { type: "softmax", inputs: [output], outputs: [prediction] }
        : { type: "activation", activation: "sigmoid", inputs: [output], outputs: [prediction] },
    );
  }
  const { timesteps } = tensorOf(g, output),
    rowsLike = (name: string) => g.tensor(name, "batch", 1, "intermediate", timesteps);
  const lossRows = g.push({
    type: "lossRows",
    loss,
    inputs: [matching === null ? prediction : logits, y],
    outputs: [rowsLike("loss_rows")],
  });
  const metricRows = (
    columns ?? recipe.metrics.map((name): Column => ({ name, does: { type: "metricRows", metric: metricKind(name, network, recipe) } }))
  ).map(({ name, ofLogits, does }) => g.push({ ...does, inputs: [ofLogits ? logits : output, y], outputs: [rowsLike(`${name}_rows`)] }));
  return {
    prediction,
    gradientOf: matching === null ? prediction : logits,
    summarize: () => summarize(g, network, [lossRows, ...metricRows], sequences),
  };
}

function summarize(g: GraphBuilder, network: Network, everyRow: readonly string[], sequences: SequenceGraph | null): void {
  const { rows, count } = sequences?.countRows(g, everyRow) ?? { rows: everyRow, count: [] },
    counted = count.length > 0;
  const penalties = network.parameters.flatMap(({ symbol, regularizer }) =>
    regularizer === null
      ? []
      : [
          g.push({
            type: "penalty",
            l1: regularizer.l1,
            l2: regularizer.l2,
            inputs: [symbol],
            outputs: [g.tensor(`penalty_${symbol}`, 1, 1)],
          }),
        ],
  );
  g.push({
    type: "summarize",
    metrics: rows.length - 1,
    ...(counted ? { counted } : {}),
    inputs: [...rows, ...penalties, ...count],
    outputs: [g.tensor("results", 1, rows.length + Number(counted), "result")],
  });
}

function targets(g: GraphBuilder, network: Network, recipe: Recipe): string {
  const { outputWidth, outputSteps } = network;
  return takesLabels(recipe.loss) ? gather(g, "y", 1, "uint32", 1, outputSteps) : gather(g, "y", outputWidth, "float32", 1, outputSteps);
}

/**
 * The graph of one training step, or of the forward pass with loss and metrics, or of the answers alone.
 * @param sequences graph/recurrent.ts, for a network with recurrent layers; with graph/normalization.ts for one with normalizations
 * @param columns of graph/measures.ts, for metrics that are not each the mean of what a row was answered like
 */
export function buildGraph(
  network: Network,
  recipe: Recipe,
  purpose: Graph["purpose"],
  features: FeatureFormat = FLOAT_FEATURES,
  sequences: SequenceGraph | null = null,
  columns?: readonly Column[],
): Graph {
  const g = new GraphBuilder();
  declareParameters(g, network);
  const x = gather(g, "x", network.inputWidth, features.type, features.scale, network.inputSteps);
  if (features.masked || features.weighted) needed(sequences).gatherBeside(g, network, purpose, features, gather);
  const y = purpose === "predict" ? null : targets(g, network, recipe);
  const passed = forward(g, network, x, purpose, sequences);
  const output = passed[passed.length - 1].output;
  if (y === null) {
    g.tensors.set(output, { ...tensorOf(g, output), role: "result" });
  } else {
    const cost = costOf(g, network, recipe, passed, y, sequences, columns);
    if (purpose === "train") {
      const name = gradientName(cost.gradientOf),
        gradient = (out: string): string =>
          g.push({ type: "lossGradient", loss: recipe.loss, inputs: [cost.prediction, y], outputs: [g.alike(out, cost.gradientOf)] });
      const start = sequences ? sequences.countGradient(g, cost.gradientOf, name, gradient) : gradient(name);
      backward(g, recipe, passed, start, cost.gradientOf, sequences, cost.summarize);
    } else {
      cost.summarize();
    }
  }
  sequences?.carryStates(g, purpose);
  return Object.freeze({ purpose, tensors: g.tensors, ops: g.ops, output, seed: network.seed });
}
