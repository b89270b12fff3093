// What the page and its worker tell each other.

import type { GivenWeight } from "../../../src/index.ts";
import type { TrainerEvents } from "../../lib/trainer.ts";
import type { TextConfig } from "./config.ts";

/** What changes while the network learns on. */
export type Live = Pick<TextConfig, "rate">;

/** What to learn: the text, its characters, and weights to start from in place of the seed's. */
export interface Material {
  readonly text: string;
  readonly vocabulary: readonly string[];
  readonly weights?: readonly GivenWeight[];
}

export interface Progress {
  /** Of each new mini-batch, e^loss. */
  readonly perplexities: Float32Array;
  /** Of the last few mini-batches. */
  readonly perplexity: number;
  readonly steps: number;
  /** Passes over the text, with their fraction. */
  readonly passes: number;
  readonly stepsPerSecond: number;
  readonly charactersPerSecond: number;
}

/** What the network makes of the part of the text that it never learns from. */
export interface HeldOut {
  readonly steps: number;
  readonly perplexity: number;
}

/** How to write. */
export interface Wish {
  readonly temperature: number;
  /** Characters of the vocabulary. */
  readonly prompt: string;
  /** Another number, another text. */
  readonly turn: number;
}

export interface Expected {
  readonly character: string;
  readonly probability: number;
}

export interface Sample {
  readonly steps: number;
  /** NaN before the first step. */
  readonly perplexity: number;
  readonly prompt: string;
  readonly temperature: number;
  /** Null where the weights are no finite numbers. */
  readonly text: string | null;
  /** The likeliest characters after the prompt, the likeliest first, with their probabilities at the temperature. */
  readonly next: readonly Expected[];
  /** Whether it is one of those that show how far the network has come. */
  readonly kept: boolean;
}

export interface Events extends TrainerEvents {
  onProgress(progress: Progress): void;
  onHeldOut(held: HeldOut): void;
  onSample(sample: Sample): void;
}
