// The vocabulary of a training step: named tensors and the ops between them. Says what is computed, never how.
//
// Notation (Nielsen, Neural Networks and Deep Learning, ch. 2; one row per example)
//   B batch   W (fanIn, fanOut)   z = a_prev·W + b   a = σ(z)   δ = ∂C/∂z
//   BP1 δᴸ = ∇ₐC ⊙ σ′(zᴸ)   BP2 δˡ = (δˡ⁺¹·(Wˡ⁺¹)ᵀ) ⊙ σ′(zˡ)   BP3 ∂C/∂b = Σ_rows δ   BP4 ∂C/∂W = a_prevᵀ·δ
// Names: z1 a1 d1 (after dropout) w1 b1 delta1 grad_w1 grad_b1 …, numbered by dense layer from 1.
// A recurrent layer (graph/recurrent.ts) numbers along: u1 kernel U, w1 recurrent kernel W, b1, z1 = x·U + b, h1 states.

import type { ElementwiseActivation, RecurrentActivation } from "../model/activations.ts";
import type { Loss } from "../model/losses.ts";
import type { Gates } from "../model/network.ts";
import type { Optimizer } from "../model/optimizers.ts";
import type { UncommonMetricKind } from "./metric-kinds.ts";

/**
 * "batch": so many rows for each example of the mini-batch as the tensor has `timesteps`; the last mini-batch of an epoch may
 * hold fewer examples than the plan was made for.
 */
export type Rows = number | "batch";

export type Role =
  /** Given from outside: the data set and the order of its rows. */
  | "data"
  /** Weights, and what the optimizer keeps beside them: live from step to step, updated in place. */
  | "parameter"
  | "state"
  /** (batch, units): where a stateful layer stopped. Lives from mini-batch to mini-batch; 0 where StepScalars.fresh. */
  | "carried"
  /** Lives within one step. */
  | "intermediate"
  /** Read back: the loss and metrics of the step, or the network's answers. */
  | "result";

/**
 * A matrix (rows, cols), row-major. A vector is one row; a scalar is (1, 1); one number an example is (batch, 1). A sequence
 * is (batch·timesteps, cols), the steps of an example one after the other: row b·timesteps + t.
 */
export interface Tensor {
  readonly name: string;
  readonly role: Role;
  readonly rows: Rows;
  readonly cols: number;
  /** Rows of each example where `rows` is "batch": its time steps T; 1 if left out. */
  readonly timesteps?: number;
}

/** Which operand of a product is stored transposed. */
export type ProductForm =
  /** out (M,N) = left (M,K) · right (K,N): the forward pass. */
  | "normal"
  /** out (M,N) = left (M,K) · right (N,K)ᵀ: the pull-back of BP2, δ·Wᵀ. */
  | "rightTransposed"
  /** out (M,N) = left (K,M)ᵀ · right (K,N): the weight gradient of BP4, aᵀ·δ. */
  | "leftTransposed";

/** What a page loads at once: `accuracy` depends on the loss and on how many outputs there are (docs/metrics.md). */
export type CommonMetricKind =
  "meanSquaredError" | "meanAbsoluteError" | "sparseAccuracy" | "categoricalAccuracy" | "binaryAccuracy" | "binaryLogitAccuracy";

/** What one row is compared by. */
export type MetricKind = CommonMetricKind | UncommonMetricKind;

/** An operation: what it does, with the names of its operands in order. Shapes follow from the tensors. */
export type Op =
  /** Rows `order[offset + i]` of a data set. float32 = stored number · scale. inputs: data, order. */
  | ({ readonly type: "gather"; readonly source: DataType; readonly scale: number } & Operands)
  /** A matrix product, a bias row added to each row when there is a third input. */
  | ({ readonly type: "product"; readonly form: ProductForm } & Operands)
  /** BP3: Σ over rows. */
  | ({ readonly type: "rowSum" } & Operands)
  | ({ readonly type: "activation"; readonly activation: ElementwiseActivation } & Operands)
  /** σ′, from z or from a: see model/activations.ts. */
  | ({ readonly type: "activationDerivative"; readonly activation: ElementwiseActivation } & Operands)
  | ({ readonly type: "hadamard" } & Operands)
  /** Each row: e^(z−max) / Σ e^(z−max). */
  | ({ readonly type: "softmax" } & Operands)
  /** δ = a ⊙ (g − Σ_row g⊙a), the Jacobian of softmax applied to g = ∇ₐC. inputs: a, g. */
  | ({ readonly type: "softmaxPullback" } & Operands)
  /** 0 with probability rate, else v/(1−rate); the mask is random by (seed, step, layer, element), so that the
   *  gradient passes through the same mask as the value. `held`: so many rows one after the other, the steps of a
   *  sequence, share the mask of element ⌊row / held⌋·cols + col; 1 if left out. `chunked`: rows are counted from the first
   *  one of the whole mini-batch (StepScalars.whole). */
  | ({
      readonly type: "dropout";
      readonly rate: number;
      readonly layer: number;
      readonly held?: number;
      readonly chunked?: boolean;
    } & Operands)
  /** The loss of each row. inputs: a (the logits z for a cross-entropy), target. */
  | ({ readonly type: "lossRows"; readonly loss: Loss } & Operands)
  /** BP1 before ⊙σ′: ∇ₐC/B, or δᴸ = (a − y)/B for a cross-entropy. The batch mean 1/B enters here and nowhere else. */
  | ({ readonly type: "lossGradient"; readonly loss: Loss } & Operands)
  /** What a metric is the mean of, or made of. inputs: a (the logits of a loss that takes logits), target. */
  | ({ readonly type: "metricRows"; readonly metric: MetricKind } & Operands)
  /** l1·Σ|w| + l2·Σw². */
  | ({ readonly type: "penalty"; readonly l1: number; readonly l2: number } & Operands)
  /** g + l1·sign(w) + 2·l2·w. inputs: g, w. */
  | ({ readonly type: "penaltyGradient"; readonly l1: number; readonly l2: number } & Operands)
  | ({ readonly type: "clipValue"; readonly limit: number } & Operands)
  /** min(1, limit / ‖all inputs together‖₂). */
  | ({ readonly type: "clipFactor"; readonly limit: number } & Operands)
  /** inputs: tensor, scalar factor. */
  | ({ readonly type: "scale" } & Operands)
  /** inputs: w, g, states…; outputs: w, states…, in place. */
  | ({ readonly type: "update"; readonly optimizer: Optimizer } & Operands)
  /** The gradients of a mini-batch's chunks added up, in place: Σ + g, or g where StepScalars.fresh. inputs: g, Σ; output: Σ. */
  | ({ readonly type: "accumulate" } & Operands)
  /** [mean of loss rows + Σ penalties, mean of each metric's rows, the count]. inputs: loss rows, metrics…, penalties…, and
   *  where `counted` the number of outputs that the means are over, which is handed on. */
  | ({ readonly type: "summarize"; readonly metrics: number; readonly counted?: boolean } & Operands)
  | SequenceOp
  | NormalizationOp;

/**
 * The ops of sequences and of weighted rows. T time steps of an example lie in rows b·T + t; none of these mixes examples but countSteps and
 * embeddingGradient. `lengths` (batch, 1): step t of example b is padding where t ≥ lengths[b].
 */
export type SequenceOp =
  /** Row i of the output is row index[i] of the table, the bias row added: x·U + b for one-hot x. inputs: index (R, 1) whole
   *  numbers, table (V, H), bias (1, H) if there is one. */
  | ({ readonly type: "embeddingLookup" } & Operands)
  /** (V, H): row v is the sum of the δ rows i with index[i] = v, i ascending. inputs: index (R, 1), δ (R, H). */
  | ({ readonly type: "embeddingGradient" } & Operands)
  /** h(t) = σ(z(t) + h(t−1)·W), t ascending; h(t) = h(t−1) at padding. h(−1) = 0, or the carried state. (B·T, H).
   *  inputs: z (B·T, H), W (H, H), lengths if `masked`, the carried state (B, H) if `stateful`. With `gates` more: graph/gated.ts. */
  | ({ readonly type: "recurrentForward"; readonly activation: RecurrentActivation; readonly gates?: Gates } & Conditions & Operands)
  /** δ(t) = G(t) ⊙ σ′(h(t)) with G(t) = g(t) + δ(t+1)·Wᵀ, t descending; at padding δ(t) = 0 and G(t−1) = g(t−1) + G(t).
   *  Nothing comes from behind the last step, and nothing goes to before the first. (B·T, H).
   *  inputs: g = ∂C/∂h from above (B·T, H), h (B·T, H), W (H, H), lengths if `masked`. With `gates` more: graph/gated.ts. */
  | ({
      readonly type: "recurrentBackward";
      readonly activation: RecurrentActivation;
      readonly masked: boolean;
      readonly gates?: Gates;
    } & Operands)
  /** Row t is h(t−1), row 0 the state that the sequence began with: 0, or the carried one. inputs: h (B·T, H), the carried
   *  state (B, H) if `stateful`. A view: nothing need be copied. */
  | ({ readonly type: "previousStep"; readonly stateful: boolean } & Operands)
  /** (B, H): row T−1 of each example. At padding h stays, so that this is the last step that counts. */
  | ({ readonly type: "lastStep" } & Operands)
  /** (B·T, H): g in the last row of each example, 0 elsewhere. inputs: g (B, H). */
  | ({ readonly type: "lastStepGradient" } & Operands)
  /** The last row of each example becomes the carried state, in place, when all that reads the old one is done. inputs: h. */
  | ({ readonly type: "carry" } & Operands)
  /** Σ lengths: how many rows are not padding. */
  | ({ readonly type: "countSteps" } & Operands)
  /** v·(B·T / count), and 0 in rows that are padding: what was to be averaged over B·T rows is averaged over those that
   *  count. inputs: v (B·T, C), lengths, count (1, 1). */
  | ({ readonly type: "maskRows" } & Operands)
  /** Row r of v times weight r. What is averaged afterwards is divided by the number of rows, not by the sum of the weights: Keras'
   *  "sum_over_batch_size". inputs: v (R, C), weights (R, 1). */
  | ({ readonly type: "weightRows" } & Operands);

/**
 * The steps of batch and layer normalization. R rows: those of the mini-batch, each step of a sequence one. μ, v, γ, β and sums are (1, C).
 * Only moments mix rows.
 */
export type NormalizationOp =
  /** Over all rows: Σ x / R; Σ (x − μ)² / R; Σ a ⊙ b. (1, C). inputs: x; x, μ; a, b. */
  | ({ readonly type: "moment"; readonly kind: "mean" | "variance" | "product" } & Operands)
  /** (x − μ) / √(v + ε). inputs: x (R, C), μ, v. */
  | ({ readonly type: "normalize"; readonly kind: "normalize"; readonly epsilon: number } & Operands)
  /** γ ⊙ x + β, or either alone: also the way back, γ ⊙ δ. inputs: x (R, C), γ if `scale`, β if `center`. */
  | ({ readonly type: "normalize"; readonly kind: "affine"; readonly scale: boolean; readonly center: boolean } & Operands)
  /** ∂C/∂x of normalize, through μ and v too: (g − (Σ g + n ⊙ Σ g⊙n) / R) / √(v + ε). inputs: g = ∂C/∂n (R, C), n (R, C), v, Σ g, Σ g⊙n. */
  | ({ readonly type: "normalize"; readonly kind: "pullBack"; readonly epsilon: number } & Operands)
  /** g / √(v + ε), where v does not depend on x. inputs: g (R, C), v (1, C). */
  | ({ readonly type: "normalize"; readonly kind: "rescale"; readonly epsilon: number } & Operands)
  /** m ← momentum·m + (1 − momentum)·s, in place. inputs: m, s; output: m. */
  | ({ readonly type: "normalize"; readonly kind: "moving"; readonly momentum: number } & Operands)
  /** Each row by its own mean and variance over its C features: (x − μ) / √(v + ε); or ∂C/∂x of that, as above with sums over the row and C
   *  for R. inputs: x (R, C); g = ∂C/∂n, n, x (R, C). */
  | ({ readonly type: "normalizeRows"; readonly kind: "normalize" | "pullBack"; readonly epsilon: number } & Operands);

interface Conditions {
  readonly masked: boolean;
  readonly stateful: boolean;
}

/** What an MLP has no use for. */
export type SequenceOpName = SequenceOp["type"];

export interface Operands {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export type OpName = Op["type"];
export type OpOf<O extends OpName> = Extract<Op, { type: O }>;

/** How a data set's numbers are stored on the device: bytes stay bytes, labels are whole numbers. */
export type DataType = "float32" | "uint8" | "uint32";

export interface Graph {
  /** "accumulate" and "apply" are the two parts of a training step on chunks of a mini-batch: chunks.ts. */
  readonly purpose: "train" | "evaluate" | "predict" | "accumulate" | "apply";
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** In an order that can be executed one after the other. */
  readonly ops: readonly Op[];
  /** What the network answers: logits if the loss takes logits. */
  readonly output: string;
  /** The key of every random choice within a step. */
  readonly seed: number;
}

/** What a data set says of its rows beside x and y. */
export interface BesideRows {
  /** How many steps of each sequence are no padding. */
  readonly masked?: boolean;
  /** What the loss of each row is multiplied by: in every graph with a loss, or in those that train. */
  readonly weighted?: "always" | "train";
}

/** The numbers that change from step to step; everything else is in the graph. */
export interface StepScalars {
  /** Examples in this mini-batch. */
  readonly rows: number;
  /** Where in `order` they start. */
  readonly offset: number;
  /** Number of the weight update, from 0; below 2^53. */
  readonly step: number;
  readonly learningRate: number;
  readonly correctedRate: number;
  /** The sequences, or the sums over chunks, begin with this step: carried states and sums are 0, whatever they hold. */
  readonly fresh?: boolean;
  /** Of the mini-batch that these rows are a chunk of: its rows, over which the means are, and which of them comes first here. */
  readonly whole?: { readonly rows: number; readonly first: number };
}

/** The tensor of whole numbers that say how many steps of each example are no padding. */
export const LENGTHS = "lengths";

/** The tensor of the sample weights: a number ≥ 0 for each row that is answered. */
export const SAMPLE_WEIGHTS = "sample_weights";

/** T of a sequence, 1 of anything else. */
export const timestepsOf = (tensor: Tensor): number => tensor.timesteps ?? 1;
export const rowsOf = (tensor: Tensor, batch: number): number => (tensor.rows === "batch" ? batch * timestepsOf(tensor) : tensor.rows);
export const sizeOf = (tensor: Tensor, batch: number): number => rowsOf(tensor, batch) * tensor.cols;

/** The rows that means are over, of a tensor that has so many in this step. */
export const meanRows = (rows: number, { rows: examples, whole }: StepScalars): number => (rows / examples) * (whole?.rows ?? examples);

/** The tensor of that name. A missing one is a mistake of this library, not of its user. */
export function tensorOf(graph: Pick<Graph, "tensors">, name: string): Tensor {
  const tensor = graph.tensors.get(name);
  if (tensor === undefined) throw new Error(`graph has no tensor "${name}"`);
  return tensor;
}
