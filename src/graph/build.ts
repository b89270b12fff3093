// From a network and its recipe to the graph of one step: forward, loss, backward (BP1–BP4), update.

import { derivativeSource } from "../model/activations.ts";
import { matchingActivation, takesLabels, type MetricName } from "../model/losses.ts";
import type { Network, Parameter, Recipe, Stage } from "../model/network.ts";
import { optimizerStates } from "../model/optimizers.ts";
import type { DataType, Graph, MetricKind, ProductForm, Role, Rows, Step, Tensor } from "./types.ts";

/** How x is stored: one stored unit is worth `scale`. */
export interface FeatureFormat {
  readonly type: "float32" | "uint8";
  readonly scale: number;
}

export const FLOAT_FEATURES: FeatureFormat = { type: "float32", scale: 1 };

/** One stage as the forward pass left it: what the backward pass needs to know. */
interface Passed {
  readonly stage: Stage;
  readonly input: string;
  readonly output: string;
  /** Number of the dense layer that this stage belongs to; 0 before the first. */
  readonly layer: number;
}

/** ∂C/∂z is called δ; every other gradient is named after what it belongs to. */
const gradientName = (name: string): string => (name.startsWith("z") ? `delta${name.slice(1)}` : `grad_${name}`);

class GraphBuilder {
  readonly tensors = new Map<string, Tensor>();
  readonly steps: Step[] = [];

  tensor(name: string, rows: Rows, cols: number, role: Role = "intermediate"): string {
    if (this.tensors.has(name)) throw new Error(`graph already has a tensor "${name}"`);
    this.tensors.set(name, Object.freeze({ name, role, rows, cols }));
    return name;
  }

  /** A new tensor of the shape of `like`. */
  alike(name: string, like: string): string {
    const { rows, cols } = this.get(like);
    return this.tensor(name, rows, cols);
  }

  get(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new Error(`graph has no tensor "${name}"`);
    return tensor;
  }

  product(form: ProductForm, left: string, right: string, out: string, bias?: string): string {
    const rows = this.get(left)[form === "leftTransposed" ? "cols" : "rows"];
    const cols = this.get(right)[form === "rightTransposed" ? "rows" : "cols"];
    if (cols === "batch") throw new Error(`product ${out}: the batch cannot be a column dimension`);
    this.tensor(out, rows, cols);
    this.steps.push({ op: "product", form, inputs: bias ? [left, right, bias] : [left, right], outputs: [out] });
    return out;
  }

  push(step: Step): string {
    this.steps.push(step);
    return step.outputs[0];
  }
}

function gather(g: GraphBuilder, name: string, cols: number, source: DataType, scale: number): string {
  if (!g.tensors.has("order")) g.tensor("order", 1, 1, "data");
  g.tensor(`data_${name}`, 1, cols, "data");
  g.tensor(name, "batch", cols);
  return g.push({ op: "gather", source, scale, inputs: [`data_${name}`, "order"], outputs: [name] });
}

function declareParameters(g: GraphBuilder, network: Network): void {
  for (const { symbol, shape } of network.parameters) {
    const [rows, cols] = shape.length === 2 ? shape : [1, shape[0]];
    g.tensor(symbol, rows, cols, "parameter");
  }
}

function forward(g: GraphBuilder, network: Network, x: string, training: boolean): Passed[] {
  const passed: Passed[] = [];
  let input = x;
  let layer = 0;
  const name = (letter: string): string => {
    const first = `${letter}${layer}`;
    let unique = first;
    for (let n = 2; g.tensors.has(unique); n++) unique = `${first}_${n}`;
    return unique;
  };
  network.stages.forEach((stage, index) => {
    if (stage.type === "dropout" && (!training || stage.rate === 0)) return;
    let output: string;
    switch (stage.type) {
      case "dense":
        layer++;
        output = g.product("normal", input, stage.kernel.symbol, name("z"), stage.bias?.symbol);
        break;
      case "activation":
        output = g.push(stage.activation === "softmax"
          ? { op: "softmax", inputs: [input], outputs: [g.alike(name("a"), input)] }
          : { op: "activation", activation: stage.activation, inputs: [input], outputs: [g.alike(name("a"), input)] });
        break;
      case "dropout":
        output = g.push({ op: "dropout", rate: stage.rate, layer: index, inputs: [input],
          outputs: [g.alike(name("d"), input)] });
        break;
    }
    passed.push({ stage, input, output, layer });
    input = output;
  });
  return passed;
}

function metricKind(metric: MetricName, network: Network, recipe: Recipe): MetricKind {
  if (metric !== "accuracy") return metric;
  if (takesLabels(recipe.loss)) return "sparseAccuracy";
  return network.outputWidth === 1 ? "binaryAccuracy" : "categoricalAccuracy";
}

/** What the loss says of each row; `summarize` turns it into `results` once all that is done row by row is done. */
interface Cost {
  /** What the loss' gradient is taken of, and the tensor that this gradient belongs to. */
  readonly prediction: string;
  readonly gradientOf: string;
  readonly summarize: () => void;
}

function costOf(g: GraphBuilder, network: Network, recipe: Recipe, passed: Passed[], y: string): Cost {
  const { loss } = recipe;
  const output = passed[passed.length - 1].output;
  const matching = matchingActivation(loss);
  // A cross-entropy reads the logits (no overflow) and its gradient reads the probabilities.
  const logits = loss.fromLogits ? output : passed[passed.length - 1].input;
  let prediction = output;
  if (matching !== null && loss.fromLogits) {
    prediction = g.alike("probabilities", output);
    g.push(matching === "softmax"
      ? { op: "softmax", inputs: [output], outputs: [prediction] }
      : { op: "activation", activation: "sigmoid", inputs: [output], outputs: [prediction] });
  }
  const lossRows = g.push({ op: "lossRows", loss, inputs: [matching === null ? prediction : logits, y],
    outputs: [g.tensor("loss_rows", "batch", 1)] });
  const metricRows = recipe.metrics.map((metric) => g.push({
    op: "metricRows", metric: metricKind(metric, network, recipe),
    inputs: [metric === "accuracy" ? prediction : output, y], outputs: [g.tensor(`${metric}_rows`, "batch", 1)],
  }));
  return {
    prediction,
    gradientOf: matching === null ? prediction : logits,
    summarize: () => summarize(g, network, [lossRows, ...metricRows]),
  };
}

function summarize(g: GraphBuilder, network: Network, rows: readonly string[]): void {
  const penalties = network.parameters.flatMap(({ symbol, regularizer }) => regularizer === null ? [] : [g.push({
    op: "penalty", l1: regularizer.l1, l2: regularizer.l2, inputs: [symbol],
    outputs: [g.tensor(`penalty_${symbol}`, 1, 1)],
  })]);
  g.push({ op: "summarize", metrics: rows.length - 1, inputs: [...rows, ...penalties],
    outputs: [g.tensor("results", 1, rows.length, "result")] });
}

/** BP4 or BP3 gave `dataGradient`; adds the penalty's gradient. */
function addPenalty(g: GraphBuilder, parameter: Parameter, gradient: (name: string) => string): string {
  const name = `grad_${parameter.symbol}`;
  if (parameter.regularizer === null) return gradient(name);
  const dataGradient = gradient(`data_${name}`);
  const { l1, l2 } = parameter.regularizer;
  return g.push({ op: "penaltyGradient", l1, l2, inputs: [dataGradient, parameter.symbol],
    outputs: [g.alike(name, parameter.symbol)] });
}

function clip(g: GraphBuilder, parameter: Parameter, gradient: string, recipe: Recipe, globalFactor?: string): string {
  const { clipNorm, clipValue } = recipe.optimizer;
  const clipped = () => g.alike(`clipped_${parameter.symbol}`, parameter.symbol);
  if (clipValue !== undefined) {
    return g.push({ op: "clipValue", limit: clipValue, inputs: [gradient], outputs: [clipped()] });
  }
  let factor = globalFactor;
  if (clipNorm !== undefined) {
    factor = g.push({ op: "clipFactor", limit: clipNorm, inputs: [gradient],
      outputs: [g.tensor(`clip_factor_${parameter.symbol}`, 1, 1)] });
  }
  if (factor === undefined) return gradient;
  return g.push({ op: "scale", inputs: [gradient, factor], outputs: [clipped()] });
}

function update(g: GraphBuilder, parameter: Parameter, gradient: string, recipe: Recipe): void {
  const states = optimizerStates(recipe.optimizer).map(({ name }) => {
    const { rows, cols } = g.get(parameter.symbol);
    return g.tensor(`${name}_${parameter.symbol}`, rows, cols, "state");
  });
  g.push({ op: "update", optimizer: recipe.optimizer, inputs: [parameter.symbol, gradient, ...states],
    outputs: [parameter.symbol, ...states] });
}

/** The gradient of the cost at the stage's input, from `upstream`, that at its output (BP2 cut into its three steps). */
function pullBack(g: GraphBuilder, { stage, input, output }: Passed, upstream: string): string {
  const name = gradientName(input);
  switch (stage.type) {
    case "dense":
      return g.product("rightTransposed", upstream, stage.kernel.symbol, name);
    case "dropout":
      throw new Error("dropout is pulled back where its layer number is known");
    case "activation": {
      if (stage.activation === "softmax") {
        return g.push({ op: "softmaxPullback", inputs: [output, upstream], outputs: [g.alike(name, input)] });
      }
      const slope = g.push({ op: "activationDerivative", activation: stage.activation,
        inputs: [derivativeSource(stage.activation) === "z" ? input : output], outputs: [g.alike(`slope_${input}`, input)] });
      return g.push({ op: "hadamard", inputs: [upstream, slope], outputs: [g.alike(name, input)] });
    }
  }
}

function backward(
  g: GraphBuilder, network: Network, recipe: Recipe, passed: Passed[], start: string, cost: Cost,
): void {
  const pending: { parameter: Parameter; gradient: string }[] = [];
  const global = recipe.optimizer.globalClipNorm;
  // Once weights are updated nothing may read the old ones: a layer's update comes after the pull-back through it.
  const finish = (parameter: Parameter, gradient: string) => {
    if (global !== undefined) pending.push({ parameter, gradient });
    else update(g, parameter, clip(g, parameter, gradient, recipe), recipe);
  };
  let upstream = start;
  const first = passed.findIndex(({ stage }) => stage.type === "dense");
  let last = passed.length - 1;
  while (passed[last].output !== cost.gradientOf) last--;
  const lastDense = passed.findLastIndex(({ stage }) => stage.type === "dense");
  for (let i = last; i >= first; i--) {
    const { stage, input } = passed[i];
    if (i === lastDense) cost.summarize();
    const below = upstream;
    if (i > first) {
      upstream = stage.type === "dropout"
        ? g.push({ op: "dropout", rate: stage.rate, layer: network.stages.indexOf(stage), inputs: [below],
            outputs: [g.alike(gradientName(input), input)] })
        : pullBack(g, passed[i], below);
    }
    if (stage.type !== "dense") continue;
    const { kernel, bias } = stage;
    finish(kernel, addPenalty(g, kernel, (name) => g.product("leftTransposed", input, below, name)));
    if (bias) {
      finish(bias, addPenalty(g, bias, (name) => g.push({ op: "rowSum", inputs: [below],
        outputs: [g.tensor(name, 1, stage.width)] })));
    }
  }
  if (global === undefined) return;
  const factor = g.push({ op: "clipFactor", limit: global, inputs: pending.map(({ gradient }) => gradient),
    outputs: [g.tensor("clip_factor", 1, 1)] });
  for (const { parameter, gradient } of pending) {
    update(g, parameter, clip(g, parameter, gradient, recipe, factor), recipe);
  }
}

function targets(g: GraphBuilder, network: Network, recipe: Recipe): string {
  return takesLabels(recipe.loss) ? gather(g, "y", 1, "uint32", 1) : gather(g, "y", network.outputWidth, "float32", 1);
}

/** The graph of one training step, or of the forward pass with loss and metrics, or of the answers alone. */
export function buildGraph(
  network: Network, recipe: Recipe, purpose: Graph["purpose"], features: FeatureFormat = FLOAT_FEATURES,
): Graph {
  const g = new GraphBuilder();
  declareParameters(g, network);
  const x = gather(g, "x", network.inputWidth, features.type, features.scale);
  const y = purpose === "predict" ? null : targets(g, network, recipe);
  const passed = forward(g, network, x, purpose === "train");
  const output = passed[passed.length - 1].output;
  if (y === null) {
    g.tensors.set(output, { ...g.get(output), role: "result" });
  } else {
    const cost = costOf(g, network, recipe, passed, y);
    if (purpose === "train") {
      const start = g.push({ op: "lossGradient", loss: recipe.loss, inputs: [cost.prediction, y],
        outputs: [g.alike(gradientName(cost.gradientOf), cost.gradientOf)] });
      backward(g, network, recipe, passed, start, cost);
    } else {
      cost.summarize();
    }
  }
  return Object.freeze({ purpose, tensors: g.tensors, steps: g.steps, output, seed: network.seed });
}
