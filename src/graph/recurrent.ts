// Backpropagation through time in the graph: what a recurrent layer, and losses of masked or weighted rows, add to the ops of an MLP.
// Time lies inside the tensors: a sequence is one tensor of B·T rows, row b·T + t, and no op is repeated for each t.
//
//   z = x·U + b               a product over B·T rows (or embeddingLookup)
//   h(t) = σ(z(t) + h(t−1)·W) recurrentForward: rows of a mini-batch do not depend on one another
//   δ(t) = (g(t) + δ(t+1)·Wᵀ) ⊙ σ′(h(t))   recurrentBackward: ∂C/∂z(t), with g = ∂C/∂h from the layers above
//   (with gates: gated.ts)
//   ∂C/∂W = h(t−1)ᵀ·δ   ∂C/∂U = xᵀ·δ   ∂C/∂b = Σ δ   ∂C/∂x = δ·Uᵀ   products over B·T rows
//
// Source: Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78 (1990).

import type { Network, NetworkLayer } from "../model/network.ts";
import type { GraphBuilder, Made } from "./builder.ts";
import { gatedBackward, gatedForward, recurrentDelta } from "./gated.ts";
import { LENGTHS, SAMPLE_WEIGHTS, timestepsOf, tensorOf, type BesideRows, type DataType, type Graph } from "./types.ts";

type RecurrentStage = Extract<NetworkLayer, { type: "recurrent" }>;

/** Their sum over the mini-batch. */
const COUNT = "step_count";

const isMasked = (g: GraphBuilder): boolean => g.tensors.has(LENGTHS);
const lengths = (g: GraphBuilder): string[] => (isMasked(g) ? [LENGTHS] : []);

/**
 * The states carried from mini-batch to mini-batch are those of one purpose, so that an evaluation between two training steps
 * leaves the training's alone.
 */
export const carriedName = (state: string, purpose: Graph["purpose"]): string => `${purpose}_${state}`;

/** h of all steps from z of all steps. */
export function recurrentForward(g: GraphBuilder, stage: RecurrentStage, z: string, h: string, purpose: Graph["purpose"]): string {
  const { activation, stateful, kernel, width, gates } = stage;
  const carried = (name: string) => (stateful ? [g.tensor(carriedName(name, purpose), "batch", width, "carried")] : []);
  if (gates) return gatedForward(g, { ...stage, gates }, z, h, lengths(g), carried);
  return g.push({
    type: "recurrentForward",
    activation,
    masked: isMasked(g),
    stateful,
    inputs: [z, kernel.symbol, ...lengths(g), ...carried(h)],
    outputs: [g.alike(h, z)],
  });
}

/** δ = ∂C/∂z of all steps from `upstream`, ∂C/∂h as the layers above have it. */
export function recurrentBackward(g: GraphBuilder, stage: RecurrentStage, h: string, upstream: string, delta: string): string {
  const { activation, kernel, gates, stateful } = stage;
  if (gates)
    return gatedBackward(g, { ...stage, gates }, h, upstream, delta, lengths(g), (name) => (stateful ? [carriedName(name, "train")] : []));
  return g.push({
    type: "recurrentBackward",
    activation,
    masked: isMasked(g),
    inputs: [upstream, h, kernel.symbol, ...lengths(g)],
    outputs: [g.alike(delta, h)],
  });
}

/** ∂C/∂W from δ, and the gradient of a bias of W's own. */
export function recurrentGradients(g: GraphBuilder, stage: RecurrentStage, h: string, delta: string): readonly Made[] {
  const own = stage.gates?.cell === "gru" ? recurrentDelta(delta) : delta,
    { kernel, recurrentBias } = stage;
  const ofKernel: Made = [kernel, (name) => g.product("leftTransposed", previousStates(g, stage, h), own, name)];
  if (!recurrentBias) return [ofKernel];
  return [
    ofKernel,
    [recurrentBias, (name) => g.push({ type: "rowSum", inputs: [own], outputs: [g.tensor(name, 1, tensorOf(g, own).cols)] })],
  ];
}

/** h(t−1) of all steps, the left factor of ∂C/∂W. */
const previousStates = (g: GraphBuilder, { stateful }: RecurrentStage, h: string): string =>
  g.push({ type: "previousStep", stateful, inputs: stateful ? [h, carriedName(h, "train")] : [h], outputs: [g.alike(`previous_${h}`, h)] });

export function lastStep(g: GraphBuilder, h: string, out: string): string {
  return g.push({ type: "lastStep", inputs: [h], outputs: [g.tensor(out, "batch", tensorOf(g, h).cols)] });
}

export const lastStepGradient = (g: GraphBuilder, h: string, upstream: string, out: string): string =>
  g.push({ type: "lastStepGradient", inputs: [upstream], outputs: [g.alike(out, h)] });

/** x·U + b where each x is a whole number that stands for a one-hot row. */
export function embeddingLookup(g: GraphBuilder, index: string, table: string, out: string, bias?: string): string {
  g.tensor(out, "batch", tensorOf(g, table).cols, "intermediate", timestepsOf(tensorOf(g, index)));
  return g.push({ type: "embeddingLookup", inputs: bias === undefined ? [index, table] : [index, table, bias], outputs: [out] });
}

export const embeddingGradient = (g: GraphBuilder, index: string, delta: string, table: string, out: string): string =>
  g.push({ type: "embeddingGradient", inputs: [index, delta], outputs: [g.alike(out, table)] });

/** The carried states become those of the last step: the very end, when nothing reads the old ones any more. */
export function carryStates(g: GraphBuilder, purpose: Graph["purpose"]): void {
  for (const { name, role } of [...g.tensors.values()]) {
    if (role === "carried") g.push({ type: "carry", inputs: [name.slice(purpose.length + 1)], outputs: [name] });
  }
}

/** What the data set says of each row beside x and y. */
export function gatherBeside(
  g: GraphBuilder,
  { outputSteps }: Network,
  purpose: Graph["purpose"],
  { masked, weighted }: BesideRows,
  gather: (g: GraphBuilder, name: string, cols: number, source: DataType, scale: number, steps?: number) => string,
): void {
  if (masked) gather(g, LENGTHS, 1, "uint32", 1);
  if (weighted && (purpose === "train" || (purpose === "evaluate" && weighted === "always")))
    gather(g, SAMPLE_WEIGHTS, 1, "float32", 1, outputSteps);
}

/** Whether losses and metrics of padded steps must be left out: there are such steps, and each has an answer. */
const masksRows = (g: GraphBuilder, rows: string): boolean => isMasked(g) && timestepsOf(tensorOf(g, rows)) > 1;

/** The rows that are no padding, scaled so that what is averaged over all rows is averaged over these. */
const maskRows = (g: GraphBuilder, rows: string, out: string): string =>
  g.push({ type: "maskRows", inputs: [rows, LENGTHS, countSteps(g)], outputs: [g.alike(out, rows)] });

const isWeighted = (g: GraphBuilder): boolean => g.tensors.has(SAMPLE_WEIGHTS);
const weightRows = (g: GraphBuilder, rows: string, out: string): string =>
  g.push({ type: "weightRows", inputs: [rows, SAMPLE_WEIGHTS], outputs: [g.alike(out, rows)] });

/** Losses and metrics of rows as means are taken of them: the loss, which comes first, by its weights; all without padding, and the count. */
export function countRows(g: GraphBuilder, everyRow: readonly string[]): { rows: readonly string[]; count: readonly string[] } {
  const [loss, ...metrics] = everyRow,
    rows = isWeighted(g) ? [weightRows(g, loss, `weighted_${loss}`), ...metrics] : everyRow;
  if (!masksRows(g, loss)) return { rows, count: [] };
  return { rows: rows.map((name) => maskRows(g, name, `masked_${name}`)), count: [countSteps(g)] };
}

/** The gradient of what countRows() makes of the loss, called `name`. @param gradient makes that of the rows' own losses */
export function countGradient(g: GraphBuilder, of: string, name: string, gradient: (name: string) => string): string {
  const weighs = isWeighted(g),
    masks = masksRows(g, of);
  const everyRow = gradient(weighs || masks ? `every_${name}` : name),
    weighted = weighs ? weightRows(g, everyRow, masks ? `weighted_${name}` : name) : everyRow;
  return masks ? maskRows(g, weighted, name) : weighted;
}

/** Σ lengths, made once. */
function countSteps(g: GraphBuilder): string {
  if (!g.tensors.has(COUNT)) g.push({ type: "countSteps", inputs: [LENGTHS], outputs: [g.tensor(COUNT, 1, 1)] });
  return COUNT;
}
