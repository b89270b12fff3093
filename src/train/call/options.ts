// What sequential(), compile(), evaluate(), predict() and verify() take. (What fit() takes is in fit-options.ts.)

import type { Layer } from "../../model/layers.ts";
import type { Loss, LossName } from "../../model/losses.ts";
import type { Optimizer, OptimizerName } from "../../model/optimizers.ts";
import type { Precision } from "../../schedule/precision.ts";
import type { BackendKind } from "../backend/backend.ts";
import type { WeightOptions } from "../data/sample-weights.ts";
import type { Lengths } from "../data/shape.ts";

/** What sequential() takes. */
export interface SequentialOptions {
  /** In order; the first needs inputShape. More can follow by add(). */
  layers?: readonly Layer[];
  /** Decides initial weights, shuffling and dropout: a whole number from 0 to 2^53−1; default 0. */
  seed?: number;
}

/** What compile() takes as `device`: a GPUDevice, or a function that gives one whenever one is needed, also after a loss. */
export type DeviceSource = () => GPUDevice | Promise<GPUDevice>;

/** What compile() takes. */
export interface CompileOptions {
  /** A name, or what sgd(), adam(), adamW(), rmsprop() or adagrad() gave. */
  optimizer: OptimizerName | Optimizer;
  /** A name, or what a loss function such as binaryCrossentropy({ fromLogits: true }) gave. */
  loss: LossName | Loss;
  /**
   * "accuracy" ("acc"), "meanSquaredError" ("mse"), "meanAbsoluteError" ("mae"); default none. They compare predict()'s answers with y.
   * Accuracy means by the loss: sparseCategoricalCrossentropy, the largest answer is of the class; binaryCrossentropy, label by label above
   * 0.5 (logits: above 0); any other, the largest number of both in the same place, or of one unit both above 0.5 or neither.
   */
  metrics?: readonly string[];
  /**
   * How a GPU stores what the forward pass leaves in memory: "f16" takes half the bytes, 2⁻¹¹ of each number off, and clamps
   * activations to ±65504; needs the WebGPU feature "shader-f16", and no other backend stands in for it. Sums are f32, and so
   * are weights, gradients, the loss, and tiny networks as a whole. Default "f32".
   */
  precision?: Precision;
  /**
   * "webgpu", "wasm" (WebAssembly: float32 on the CPU) and "cpu" (the float64 reference) fail where there is none. "auto" (default)
   * takes a GPU that is no emulation, has computed small networks right before (remembered by adapter and browser), and is expected to be
   * quicker for this network; else WebAssembly; else "cpu", and says so on the console.
   */
  backend?: "auto" | BackendKind;
  /**
   * Threads that backend "wasm" may divide steps among, a whole number from 1 to 8; default as many as there are cores. It changes
   * speed, not results. Pages need to be cross-origin isolated for more than one: their server sends the headers
   * `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`.
   */
  threads?: number;
  /**
   * A device of your own to run on, or a function that gives one and is asked for another when it was lost; none is ever
   * destroyed. Not with backend "cpu". The type is that of TypeScript's own DOM library from version 6 on; before that,
   * install `@webgpu/types`.
   */
  device?: GPUDevice | DeviceSource;
  /**
   * Measures on the GPU at hand how the larger matrix products are best cut, in place of a model's guess; default false. The
   * first call with a new batch size then takes up to about 2 seconds a product longer, and some for compiling. Results stay
   * within the same rounding bounds; other cuts add in another order, so only runs with the same choices repeat bit for bit.
   * Choices are remembered by adapter, its limits, product and kernel: in a page by IndexedDB, in Node by
   * deltaprop/autotune.json in the user's cache folder ($XDG_CACHE_HOME, ~/.cache, ~/Library/Caches, %LOCALAPPDATA%);
   * where that fails they are measured again. Under backend "auto" a real GPU and WebAssembly also race for the network, on made-up rows,
   * and the faster one is taken and remembered by adapter and network. The other backends ignore it.
   */
  autotune?: boolean;
  /**
   * What is logged on the console of what the model runs; default 0, nothing. 1: each plan, when it is first run. 2: its launches, too, with
   * their tensors and equations. 3: also how long steps take, at the end of a call and once a second, and on a GPU with
   * timestamp queries how long each launch takes. Level 3 makes training slower, since each launch then has a compute pass of its own;
   * results stay the same bit for bit. Browsers round timestamps, Chrome to 0.1 ms: what is told is a mean over many steps.
   */
  debug?: 0 | 1 | 2 | 3;
}

/** What of it says where the model runs. */
export type BackendOptions = Pick<CompileOptions, "backend" | "device" | "precision" | "threads" | "debug">;

/** What evaluate() and predict() take. */
export interface DataOptions {
  /** Rows at a time, a whole number ≥ 1; it changes speed, not results; default 128. */
  batchSize?: number;
  /** What one stored unit of x is worth, other than 0: 1 / 255 for pixels; required for a Uint8Array, else default 1. */
  scale?: number;
  /** Of sequences of unequal length, padded at the end to the network's steps: how many steps of each are no padding; default all. */
  lengths?: Lengths;
}

/** What evaluate() takes. */
export interface EvaluateOptions extends DataOptions, WeightOptions {}

/** Rows of a mini-batch where nothing else is said. */
export const DEFAULT_BATCH = 32;

/** For messages on misspelt options; of the calls that take data, validate-all.ts says it. */
export const OPTIONS = {
  sequential: ["layers", "seed"],
  compile: ["optimizer", "loss", "metrics", "precision", "backend", "threads", "device", "autotune", "debug"],
} as const;

/** What verify() takes; its batchSize is 32 by default. */
export interface VerifyOptions extends EvaluateOptions {
  /** Training steps to run; default 1. */
  steps?: number;
}
