// The vocabulary of a training step: named tensors and the steps between them. Says what is computed, never how.
//
// Notation (Nielsen, Neural Networks and Deep Learning, ch. 2; one row per example)
//   B batch   W (fanIn, fanOut)   z = a_prev·W + b   a = σ(z)   δ = ∂C/∂z
//   BP1 δᴸ = ∇ₐC ⊙ σ′(zᴸ)   BP2 δˡ = (δˡ⁺¹·(Wˡ⁺¹)ᵀ) ⊙ σ′(zˡ)   BP3 ∂C/∂b = Σ_rows δ   BP4 ∂C/∂W = a_prevᵀ·δ
// Names: z1 a1 d1 (after dropout) w1 b1 delta1 grad_w1 grad_b1 …, numbered by dense layer from 1.

import type { ElementwiseActivation } from "../model/activations.ts";
import type { Loss, MetricName } from "../model/losses.ts";
import type { Optimizer } from "../model/optimizers.ts";

/** "batch": as many rows as the mini-batch holds; the last of an epoch may hold fewer than the plan was made for. */
export type Rows = number | "batch";

export type Role =
  /** Given from outside: the data set and the order of its rows. */
  | "data"
  /** Weights, and what the optimizer keeps beside them: live from step to step, updated in place. */
  | "parameter" | "state"
  /** Lives within one step. */
  | "intermediate"
  /** Read back: the loss and metrics of the step, or the network's answers. */
  | "result";

/** A matrix (rows, cols), row-major. A vector is one row; a scalar is (1, 1); one number an example is (batch, 1). */
export interface Tensor {
  readonly name: string;
  readonly role: Role;
  readonly rows: Rows;
  readonly cols: number;
}

/** Which operand of a product is stored transposed. */
export type ProductForm =
  /** out (M,N) = left (M,K) · right (K,N): the forward pass. */
  | "normal"
  /** out (M,N) = left (M,K) · right (N,K)ᵀ: the pull-back of BP2, δ·Wᵀ. */
  | "rightTransposed"
  /** out (M,N) = left (K,M)ᵀ · right (K,N): the weight gradient of BP4, aᵀ·δ. */
  | "leftTransposed";

/** How a metric compares: `accuracy` depends on what the targets are. */
export type MetricKind = Exclude<MetricName, "accuracy"> | "sparseAccuracy" | "categoricalAccuracy" | "binaryAccuracy";

/** What a step does, with the names of its operands in order. Shapes follow from the tensors. */
export type Step =
  /** Rows `order[offset + i]` of a data set. float32 = stored number · scale. inputs: data, order. */
  | { readonly op: "gather"; readonly source: DataType; readonly scale: number } & Operands
  /** A matrix product, a bias row added to each row when there is a third input. */
  | { readonly op: "product"; readonly form: ProductForm } & Operands
  /** BP3: Σ over rows. */
  | { readonly op: "rowSum" } & Operands
  | { readonly op: "activation"; readonly activation: ElementwiseActivation } & Operands
  /** σ′, from z or from a: see model/activations.ts. */
  | { readonly op: "activationDerivative"; readonly activation: ElementwiseActivation } & Operands
  | { readonly op: "hadamard" } & Operands
  /** Each row: e^(z−max) / Σ e^(z−max). */
  | { readonly op: "softmax" } & Operands
  /** δ = a ⊙ (g − Σ_row g⊙a), the Jacobian of softmax applied to g = ∇ₐC. inputs: a, g. */
  | { readonly op: "softmaxPullback" } & Operands
  /** 0 with probability rate, else v/(1−rate); the mask is random by (seed, step, layer, element), so that the
   *  gradient passes through the same mask as the value. */
  | { readonly op: "dropout"; readonly rate: number; readonly layer: number } & Operands
  /** The loss of each row. inputs: a (the logits z for a cross-entropy), target. */
  | { readonly op: "lossRows"; readonly loss: Loss } & Operands
  /** BP1 before ⊙σ′: ∇ₐC/B, or δᴸ = (a − y)/B for a cross-entropy. The batch mean 1/B enters here and nowhere else. */
  | { readonly op: "lossGradient"; readonly loss: Loss } & Operands
  /** The metric of each row. inputs: a, target. */
  | { readonly op: "metricRows"; readonly metric: MetricKind } & Operands
  /** l1·Σ|w| + l2·Σw². */
  | { readonly op: "penalty"; readonly l1: number; readonly l2: number } & Operands
  /** g + l1·sign(w) + 2·l2·w. inputs: g, w. */
  | { readonly op: "penaltyGradient"; readonly l1: number; readonly l2: number } & Operands
  | { readonly op: "clipValue"; readonly limit: number } & Operands
  /** min(1, limit / ‖all inputs together‖₂). */
  | { readonly op: "clipFactor"; readonly limit: number } & Operands
  /** inputs: tensor, scalar factor. */
  | { readonly op: "scale" } & Operands
  /** inputs: w, g, states…; outputs: w, states…, in place. */
  | { readonly op: "update"; readonly optimizer: Optimizer } & Operands
  /** [mean of loss rows + Σ penalties, mean of each metric's rows]. inputs: loss rows, metrics…, penalties…. */
  | { readonly op: "summarize"; readonly metrics: number } & Operands;

export interface Operands {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export type Op = Step["op"];
export type StepOf<O extends Op> = Extract<Step, { op: O }>;

/** How a data set's numbers are stored on the device: bytes stay bytes, labels are whole numbers. */
export type DataType = "float32" | "uint8" | "uint32";

export interface Graph {
  readonly purpose: "train" | "evaluate" | "predict";
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** In an order that can be executed one after the other. */
  readonly steps: readonly Step[];
  /** What the network answers: logits if the loss takes logits. */
  readonly output: string;
  /** The key of every random choice within a step. */
  readonly seed: number;
}

/** The numbers that change from step to step; everything else is in the graph. */
export interface StepScalars {
  /** Examples in this mini-batch. */
  readonly rows: number;
  /** Where in `order` they start. */
  readonly offset: number;
  /** Number of the weight update, from 0. */
  readonly step: number;
  readonly learningRate: number;
  readonly correctedRate: number;
}

export const rowsOf = (tensor: Tensor, batch: number): number => (tensor.rows === "batch" ? batch : tensor.rows);
export const sizeOf = (tensor: Tensor, batch: number): number => rowsOf(tensor, batch) * tensor.cols;

/** The tensor of that name. A missing one is a mistake of this library, not of its user. */
export function tensorOf(graph: Pick<Graph, "tensors">, name: string): Tensor {
  const tensor = graph.tensors.get(name);
  if (tensor === undefined) throw new Error(`graph has no tensor "${name}"`);
  return tensor;
}
