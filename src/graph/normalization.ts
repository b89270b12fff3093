// Batch and layer normalization in the graph: what they add to the ops of an MLP. n is the normalized x, ε a constant.
//
//   n = (x − μ) / √(v + ε)      μ, v: mean and biased variance of each column over the R rows of the mini-batch; moving ones where it is
//                               not trained; of each row over its columns in layer normalization
//   z = γ ⊙ n + β
//   ∂C/∂β = Σ δ    ∂C/∂γ = Σ δ⊙n    g = ∂C/∂n = γ ⊙ δ
//   ∂C/∂x = (g − (Σ g + n ⊙ Σ g⊙n) / R) / √(v + ε)      through μ and v too: Σ over rows, or over the columns of a row
//   ∂C/∂x = g / √(v + ε)                                of a layer that is not trained: μ and v are the moving ones
//
// Sources: Ioffe and Szegedy, "Batch Normalization", 2015, §3; Ba, Kiros and Hinton, "Layer Normalization", 2016.

import { UnsupportedError } from "../errors.ts";
import type { MovingStatistics, Parameter, NetworkLayer } from "../model/network.ts";
import type { GraphBuilder, Made } from "./builder.ts";
import { LENGTHS, timestepsOf, tensorOf, type Graph } from "./types.ts";

type NormalizeStage = Extract<NetworkLayer, { type: "normalize" }>;
type AffineStage = Extract<NetworkLayer, { type: "affine" }>;

/** The tensors of a normalization are called after its output: "n2" has "mean_n2" and "variance_n2". */
const meanOf = (n: string): string => `mean_${n}`;
const varianceOf = (n: string): string => `variance_${n}`;

const vector = (g: GraphBuilder, name: string, like: string): string => g.tensor(name, 1, tensorOf(g, like).cols);

function moment(g: GraphBuilder, kind: "mean" | "variance" | "product", inputs: readonly string[], out: string): string {
  return g.push({ type: "moment", kind, inputs, outputs: [vector(g, out, inputs[0])] });
}

/** @throws UnsupportedError where padding would count as rows of the mini-batch */
function refusePadding(g: GraphBuilder, { name }: NormalizeStage, x: string): void {
  if (!g.tensors.has(LENGTHS) || timestepsOf(tensorOf(g, x)) === 1) return;
  throw new UnsupportedError(
    `fit(): ${name} (batchNormalization) would take the statistics of a mini-batch of padded steps too: lengths were given, and ` +
      "sequences reach it. Put it behind a simpleRNN without returnSequences, use layerNormalization, or leave lengths out.",
  );
}

/** Mean and variance of the mini-batch, of which the moving ones take their share. */
function batchStatistics(g: GraphBuilder, { mean, variance, momentum }: MovingStatistics, x: string, n: string): readonly string[] {
  const move = ({ symbol }: Parameter, by: string): string =>
    g.push({ type: "normalize", kind: "moving", momentum, inputs: [symbol, by], outputs: [symbol] });
  const ofMean = moment(g, "mean", [x], meanOf(n));
  move(mean, ofMean);
  const ofVariance = moment(g, "variance", [x, ofMean], varianceOf(n));
  move(variance, ofVariance);
  return [ofMean, ofVariance];
}

const isBatch = (stage: NormalizeStage): stage is NormalizeStage & MovingStatistics => stage.mean !== undefined;

/** n from x. */
function normalize(g: GraphBuilder, stage: NormalizeStage, x: string, n: string, purpose: Graph["purpose"]): string {
  const { epsilon } = stage,
    outputs = [g.alike(n, x)];
  if (!isBatch(stage)) return g.push({ type: "normalizeRows", kind: "normalize", epsilon, inputs: [x], outputs });
  const ofBatch = purpose === "train" && !stage.frozen;
  if (ofBatch) refusePadding(g, stage, x);
  const statistics = ofBatch ? batchStatistics(g, stage, x, n) : [stage.mean.symbol, stage.variance.symbol];
  return g.push({ type: "normalize", kind: "normalize", epsilon, inputs: [x, ...statistics], outputs });
}

/** ∂C/∂x from `upstream`, ∂C/∂n. */
function normalizeGradient(g: GraphBuilder, stage: NormalizeStage, x: string, n: string, upstream: string, out: string): string {
  const { epsilon } = stage;
  if (!isBatch(stage)) {
    return g.push({ type: "normalizeRows", kind: "pullBack", epsilon, inputs: [upstream, n, x], outputs: [g.alike(out, x)] });
  }
  if (stage.frozen) {
    return g.push({ type: "normalize", kind: "rescale", epsilon, inputs: [upstream, stage.variance.symbol], outputs: [g.alike(out, x)] });
  }
  const sum = g.push({ type: "rowSum", inputs: [upstream], outputs: [vector(g, `sum_${out}`, x)] });
  const dot = moment(g, "product", [upstream, n], `dot_${out}`);
  return g.push({
    type: "normalize",
    kind: "pullBack",
    epsilon,
    inputs: [upstream, n, varianceOf(n), sum, dot],
    outputs: [g.alike(out, x)],
  });
}

/** γ ⊙ n + β. */
const affine = (g: GraphBuilder, { gamma, bias }: AffineStage, n: string, out: string): string =>
  g.push({
    type: "normalize",
    kind: "affine",
    scale: gamma !== null,
    center: bias !== null,
    inputs: [n, ...(gamma ? [gamma.symbol] : []), ...(bias ? [bias.symbol] : [])],
    outputs: [g.alike(out, n)],
  });

/** ∂C/∂n = γ ⊙ δ. */
const affineGradient = (g: GraphBuilder, { gamma }: AffineStage, delta: string, out: string): string =>
  gamma === null
    ? delta
    : g.push({
        type: "normalize",
        kind: "affine",
        scale: true,
        center: false,
        inputs: [delta, gamma.symbol],
        outputs: [g.alike(out, delta)],
      });

/** One of the two stages on the way forward. @param name makes a name of a letter and the layer's number, which goes on by `layers` first */
export const normalizeForward = (
  g: GraphBuilder,
  stage: NormalizeStage | AffineStage,
  input: string,
  name: (letter: string, layers?: number) => string,
  purpose: Graph["purpose"],
): string => (stage.type === "normalize" ? normalize(g, stage, input, name("n", 1), purpose) : affine(g, stage, input, name("z")));

/** One of the two stages on the way back, from `upstream`, the gradient at its output, to that at its input. */
export const normalizeBackward = (
  g: GraphBuilder,
  stage: NormalizeStage | AffineStage,
  input: string,
  output: string,
  upstream: string,
  out: string,
): string =>
  stage.type === "normalize" ? normalizeGradient(g, stage, input, output, upstream, out) : affineGradient(g, stage, upstream, out);

/** ∂C/∂γ, if there is a γ, with what makes it under a name. That of β is the sum of δ over the rows, as of any bias. */
export const scaleGradient = (g: GraphBuilder, { gamma }: AffineStage, n: string, delta: string): Made[] =>
  gamma ? [[gamma, (name) => moment(g, "product", [delta, n], name)]] : [];
