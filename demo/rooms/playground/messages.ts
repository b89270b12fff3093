// What the page and its worker tell each other.

import type { GivenTensor, InspectedTensor, Weight } from "../../../src/index.ts";
import type { TrainerEvents } from "../../lib/trainer.ts";
import type { PlaygroundConfig } from "./config.ts";

/** What changes while the network learns on. */
export type Live = Pick<PlaygroundConfig, "rate" | "batch" | "pace">;

/** The network as it stands, and what came since the last look. */
export interface Look {
  /** The losses of the mini-batches since the last look. */
  readonly losses: Float32Array;
  /** Mini-batches so far. */
  readonly steps: number;
  /** Null before the first step. */
  readonly stepsPerSecond: number | null;
  readonly train: Score;
  readonly test: Score;
  /** The network's answers on the grid of MAP_SIDE². */
  readonly map: Float32Array;
  /** Of each hidden layer what its neurons answer on the grid of NEURON_SIDE²: (grid × units). */
  readonly responses: readonly Float32Array[];
  readonly weights: readonly Weight[];
}

export interface Score {
  readonly loss: number;
  readonly accuracy: number;
}

/** One training step on one example, taken apart. */
export interface StepApart {
  /** Steps that were trained before it. */
  readonly after: number;
  readonly config: PlaygroundConfig;
  readonly given: readonly GivenTensor[];
  readonly tensors: readonly InspectedTensor[];
}

export interface Events extends TrainerEvents {
  onLook(look: Look): void;
}
