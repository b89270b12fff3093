// The backward half of a training step: δ from layer to layer (BP2), weight gradients (BP3, BP4), clipping, update.

import { derivativeSource } from "../model/activations.ts";
import type { Parameter, Recipe, NetworkLayer } from "../model/network.ts";
import { optimizerStates } from "../model/optimizers.ts";
import type { GraphBuilder, Made } from "./builder.ts";
import type * as Normalization from "./normalization.ts";
import type * as Sequences from "./recurrent.ts";
import { tensorOf, type OpOf } from "./types.ts";

/**
 * What ops of sequences are built with, and of normalizations where a network has them: one without such layers needs none of it, and
 * need not load it.
 */
export type SequenceGraph = typeof Sequences & Partial<typeof Normalization>;

/** @throws what is a mistake of this library, not of its user */
export function needed(sequences: SequenceGraph | null): SequenceGraph {
  if (sequences === null) throw new Error("graph: what builds ops of sequences was not given");
  return sequences;
}

/** One stage as the forward pass left it: what the backward pass needs to know. */
export interface Passed {
  readonly stage: NetworkLayer;
  /** Its place among the network's stages, which decides its dropout mask. */
  readonly index: number;
  readonly input: string;
  readonly output: string;
}

/** A dropout op but for its operands: the way back meets the mask of the way forward. */
export const dropoutOf = (
  { rate, held }: Extract<NetworkLayer, { type: "dropout" }>,
  index: number,
): Omit<OpOf<"dropout">, "inputs" | "outputs"> => ({ type: "dropout", rate, layer: index, ...(held > 1 ? { held } : {}) });

/** ∂C/∂z is called δ; every other gradient is named after what it belongs to. */
export const gradientName = (name: string): string => (name.startsWith("z") ? `delta${name.slice(1)}` : `grad_${name}`);

/** BP4 or BP3 gave `dataGradient`; adds the penalty's gradient. */
function addPenalty(g: GraphBuilder, parameter: Parameter, gradient: (name: string) => string): string {
  const name = `grad_${parameter.symbol}`;
  if (parameter.regularizer === null) return gradient(name);
  const dataGradient = gradient(`data_${name}`);
  const { l1, l2 } = parameter.regularizer;
  return g.push({ type: "penaltyGradient", l1, l2, inputs: [dataGradient, parameter.symbol], outputs: [g.alike(name, parameter.symbol)] });
}

function clip(g: GraphBuilder, parameter: Parameter, gradient: string, recipe: Recipe, globalFactor?: string): string {
  const { clipNorm, clipValue } = recipe.optimizer;
  const clipped = () => g.alike(`clipped_${parameter.symbol}`, parameter.symbol);
  if (clipValue !== undefined) {
    return g.push({ type: "clipValue", limit: clipValue, inputs: [gradient], outputs: [clipped()] });
  }
  let factor = globalFactor;
  if (clipNorm !== undefined) {
    factor = g.push({
      type: "clipFactor",
      limit: clipNorm,
      inputs: [gradient],
      outputs: [g.tensor(`clip_factor_${parameter.symbol}`, 1, 1)],
    });
  }
  if (factor === undefined) return gradient;
  return g.push({ type: "scale", inputs: [gradient, factor], outputs: [clipped()] });
}

function update(g: GraphBuilder, parameter: Parameter, gradient: string, recipe: Recipe): void {
  const states = optimizerStates(recipe.optimizer).map(({ name }) => {
    const { rows, cols } = tensorOf(g, parameter.symbol);
    return g.tensor(`${name}_${parameter.symbol}`, rows, cols, "state");
  });
  g.push({
    type: "update",
    optimizer: recipe.optimizer,
    inputs: [parameter.symbol, gradient, ...states],
    outputs: [parameter.symbol, ...states],
  });
}

/** The gradient of the cost at the stage's input, from `upstream`, that at its output (BP2 cut into its three ops). */
function pullBack(g: GraphBuilder, { stage, index, input, output }: Passed, upstream: string, sequences: SequenceGraph | null): string {
  const name = gradientName(input);
  switch (stage.type) {
    case "dense":
      return g.product("rightTransposed", upstream, stage.kernel.symbol, name);
    case "dropout":
      return g.push({ ...dropoutOf(stage, index), inputs: [upstream], outputs: [g.alike(name, input)] });
    case "recurrent":
      return needed(sequences).recurrentBackward(g, stage, output, upstream, name);
    case "lastStep":
      return needed(sequences).lastStepGradient(g, input, upstream, name);
    case "activation": {
      if (stage.activation === "softmax") {
        return g.push({ type: "softmaxPullback", inputs: [output, upstream], outputs: [g.alike(name, input)] });
      }
      const slope = g.push({
        type: "activationDerivative",
        activation: stage.activation,
        inputs: [derivativeSource(stage.activation) === "z" ? input : output],
        outputs: [g.alike(`slope_${input}`, input)],
      });
      return g.push({ type: "hadamard", inputs: [upstream, slope], outputs: [g.alike(name, input)] });
    }
    default:
      return needed(sequences).normalizeBackward!(g, stage, input, output, upstream, name);
  }
}

/** Whether it is dense or affine: the gradients of its weights need no more than the δ at its output. */
const hasWeights = ({ stage }: Passed): boolean => "bias" in stage;

/** Whether it has weights that are trained: those of a layer all are, or none is. */
const isTrained = ({ stage }: Passed): boolean =>
  (stage.type === "dense" && !stage.kernel.frozen) || (stage.type === "affine" && !(stage.gamma ?? stage.bias)!.frozen);

/** A weight tensor with what builds its gradient. */
interface Weighted {
  readonly parameter: Parameter;
  readonly build: () => string;
}

function dataGradients(g: GraphBuilder, { stage, input, output }: Passed, delta: string, sequences: SequenceGraph | null): readonly Made[] {
  if (stage.type === "recurrent") {
    return needed(sequences).recurrentGradients(g, stage, output, delta);
  }
  const { bias, width } = stage as Extract<NetworkLayer, { type: "dense" | "affine" }>;
  const others: readonly Made[] =
    stage.type === "dense"
      ? [
          [
            stage.kernel,
            (name) =>
              stage.picks
                ? needed(sequences).embeddingGradient(g, input, delta, stage.kernel.symbol, name)
                : g.product("leftTransposed", input, delta, name),
          ],
        ]
      : needed(sequences).scaleGradient!(g, stage as Extract<NetworkLayer, { type: "affine" }>, input, delta);
  return bias ? [...others, [bias, (name) => g.push({ type: "rowSum", inputs: [delta], outputs: [g.tensor(name, 1, width)] })]] : others;
}

/** BP4 and BP3 of one dense layer, or BP4 of a recurrence, of the mini-batch or of all its time steps; γ and β of a normalization. */
const weightGradients = (g: GraphBuilder, passed: Passed, delta: string, sequences: SequenceGraph | null): Weighted[] =>
  dataGradients(g, passed, delta, sequences)
    .filter(([{ frozen }]) => !frozen)
    .map(([parameter, gradient]) => ({ parameter, build: () => addPenalty(g, parameter, gradient) }));

/**
 * Everything after the loss' gradient.
 * @param start that gradient, which belongs to the tensor `from`
 * @param sequences for recurrent networks
 * @param onRowsDone called where all that is done row by row around the loss is done
 */
export function backward(
  g: GraphBuilder,
  recipe: Recipe,
  passed: readonly Passed[],
  start: string,
  from: string,
  sequences: SequenceGraph | null,
  onRowsDone: () => void,
): void {
  const first = passed.findIndex(isTrained);
  const { globalClipNorm } = recipe.optimizer;
  const waiting: { parameter: Parameter; gradient: string }[] = [];
  let upstream = start;
  let i = passed.findIndex(({ output }) => output === from);
  // A recurrent kernel's gradient is a product with the δ that came out of its pull-back: it waits until that is over.
  let recurrences: Weighted[] = [];
  const goBack = (): void => {
    const stage = passed[i--];
    upstream = pullBack(g, stage, upstream, sequences);
    if (stage.stage.type === "recurrent") recurrences.push(...weightGradients(g, stage, upstream, sequences));
  };
  while (!hasWeights(passed[i])) goBack();
  onRowsDone();
  while (i >= first) {
    const weighted = [...recurrences, ...weightGradients(g, passed[i], upstream, sequences)];
    recurrences = [];
    // Down to the δ of the next layer with weights at once: ⊙σ′ then shares a launch with the product. And the weights are updated
    // after the pull-back through them, which needs the old ones.
    if (i > first) {
      do {
        goBack();
      } while (!hasWeights(passed[i]));
    } else {
      i--;
    }
    for (const { parameter, build } of weighted) {
      const gradient = build();
      // A norm over all gradients needs all of them before the first update.
      if (globalClipNorm !== undefined) waiting.push({ parameter, gradient });
      else update(g, parameter, clip(g, parameter, gradient, recipe), recipe);
    }
  }
  if (globalClipNorm === undefined) return;
  const factor = g.push({
    type: "clipFactor",
    limit: globalClipNorm,
    inputs: waiting.map(({ gradient }) => gradient),
    outputs: [g.tensor("clip_factor", 1, 1)],
  });
  waiting.forEach(({ parameter, gradient }) => update(g, parameter, clip(g, parameter, gradient, recipe, factor), recipe));
}
