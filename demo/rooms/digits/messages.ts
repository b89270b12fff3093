// What the page and its worker tell each other.

import type { Progress as Run, TrainerEvents } from "../../lib/trainer.ts";
import type { DigitsConfig } from "./config.ts";
import type { TensorHistogram } from "./inspect.ts";

/** What changes while the network learns on. */
export type Live = Pick<DigitsConfig, "rate" | "batch">;

export interface DataInfo {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly side: number;
  readonly classes: number;
}

/** What came since the last time. */
export interface Progress extends Run {
  readonly losses: Float32Array;
  readonly accuracies: Float32Array;
  /** Passes over the training digits so far, with their fraction. */
  readonly epochs: number;
  /** Null before the first step. */
  readonly samplesPerSecond: number | null;
}

export interface Validation {
  readonly steps: number;
  readonly loss: number;
  readonly accuracy: number;
}

export interface Events extends TrainerEvents {
  onProgress(progress: Progress): void;
  onValidation(validation: Validation): void;
}

export interface Histograms {
  /** Of each layer's kernel and bias. */
  readonly weights: readonly TensorHistogram[];
  /** Of ∂C/∂W and ∂C/∂b on the first mini-batch; null where the weights are no numbers. */
  readonly gradients: readonly TensorHistogram[] | null;
}
