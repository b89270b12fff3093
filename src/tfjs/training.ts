// fit() of a model, in TensorFlow.js' terms: its callbacks, logs and history around fit() of deltaprop.

import { InputError, type Callbacks, type Sequential as CoreSequential } from "../index.ts";
import { CallbackList, type CallbackArguments, type GivenCallbacks, type Logs, type TrainedModel } from "./callbacks.ts";
import { environment } from "./environment.ts";
import { unsupported } from "./missing.ts";
import type { Metric } from "./metrics.ts";
import type { Tensor, TensorLike } from "./tensor.ts";
import type { Optimizer } from "./train.ts";

export interface FitArgs {
  /** Passes over the data; default 1. */
  epochs?: number;
  /** Rows of a mini-batch; default 32. */
  batchSize?: number;
  /** Default true. */
  shuffle?: boolean;
  validationSplit?: number;
  validationData?: readonly [TensorLike | readonly Tensor[], TensorLike | readonly Tensor[]];
  callbacks?: GivenCallbacks;
  initialEpoch?: number;
  yieldEvery?: "auto" | "batch" | "epoch" | "never" | number;
  verbose?: number | boolean;
  /** What the loss of each row is multiplied by, by class; other classes count 1. */
  classWeight?: Readonly<Record<number, number>> | null;
  /** The same row by row, each ≥ 0: deltaprop's; TensorFlow.js has none. */
  sampleWeight?: TensorLike | null;
  [ignored: string]: unknown;
}

/** What fit() resolves with. */
export class History {
  readonly epoch: number[] = [];
  readonly history: Record<string, number[]> = {};
  constructor(readonly params: Record<string, unknown>) {}

  /** @internal */
  push(epoch: number, logs: Logs): void {
    this.epoch.push(epoch);
    for (const [key, value] of Object.entries(logs)) (this.history[key] ??= []).push(value);
  }
}

const KNOWN = [
  "epochs",
  "batchSize",
  "shuffle",
  "validationSplit",
  "validationData",
  "callbacks",
  "initialEpoch",
  "yieldEvery",
  "verbose",
  "classWeight",
  "sampleWeight",
];

/** @throws UnsupportedError for options that would change the result */
export function checkArgs(args: FitArgs): void {
  if (args.shuffle !== undefined && typeof args.shuffle !== "boolean")
    throw unsupported(`fit({ shuffle: ${JSON.stringify(args.shuffle)} })`, "Pass true or false.");
  const ignored = Object.keys(args).filter((name) => !KNOWN.includes(name) && args[name] !== undefined);
  if (ignored.length > 0) environment.warnOnce(`fit() ignores ${ignored.join(", ")}.`);
  const { epochs = 1, initialEpoch = 0 } = args;
  if (!(Number.isInteger(initialEpoch) && initialEpoch >= 0 && initialEpoch < epochs)) {
    throw new InputError(`fit(): initialEpoch must be a whole number below epochs (${epochs}); got ${initialEpoch}.`);
  }
}

/** What training reads and moves of the model. */
export interface FitCall {
  readonly model: TrainedModel;
  readonly core: CoreSequential;
  readonly optimizer: Optimizer;
  readonly metrics: readonly Metric[];
  readonly args: FitArgs;
  readonly samples: number;
  /** Brings the weights to the host. */
  refresh(): Promise<void>;
  /** Of the weights on the host: TensorFlow.js leaves penalties out of validation. */
  penalty(): number;
}

/** deltaprop's callbacks, which call the program's. */
export class Reporter {
  readonly #list: CallbackList;
  readonly history: History;
  readonly #renamed: ReadonlyMap<string, string>;
  #epoch: number;
  #rate: number;
  /** Of the epoch under way: sums over its rows, for an epoch that is stopped. */
  #sums: Logs = {};
  #rows = 0;

  constructor(readonly training: FitCall) {
    const { args, metrics, samples, optimizer } = training;
    this.#list = new CallbackList(args.callbacks);
    this.#epoch = args.initialEpoch ?? 0;
    this.#rate = optimizer.learningRate;
    this.#renamed = new Map(metrics.map(({ core, key }) => [core, key]));
    this.history = new History({
      epochs: args.epochs ?? 1,
      initialEpoch: this.#epoch,
      batchSize: args.batchSize ?? 32,
      samples,
      steps: Math.ceil(samples / (args.batchSize ?? 32)),
      verbose: args.verbose ?? 1,
      metrics: ["loss", ...metrics.map(({ key }) => key)],
    });
  }

  /** Only what the program listens to: without a function for batches, mini-batches run ahead on the device. */
  get callbacks(): Callbacks {
    const onBatches = this.#list.has("onBatchBegin", "onBatchEnd", "onYield");
    return {
      onTrainBegin: () => this.#begin(onBatches),
      onEpochBegin: () => {
        this.#sums = {};
        this.#rows = 0;
        return this.#tell("onEpochBegin", this.#epoch, {});
      },
      ...(onBatches && { onBatchEnd: (batch: number, logs: Logs) => this.#batchEnd(batch, logs) }),
      onEpochEnd: (_: number, logs: Logs) => this.#epochEnd(logs),
    };
  }

  async #begin(onBatches: boolean): Promise<void> {
    this.#list.start(this.training.model, this.history.params);
    await this.#tell("onTrainBegin", {});
    // Anything assigned ends running ahead, so that weights read in a callback are those after its mini-batch.
    if (onBatches) this.training.core.learningRate = this.#rate;
  }

  async #tell(name: keyof CallbackArguments, ...given: unknown[]): Promise<void> {
    const { core, model, optimizer } = this.training;
    await this.#list.call(name, ...given);
    if (optimizer.learningRate !== this.#rate) core.learningRate = this.#rate = optimizer.learningRate;
    if (model.stopTraining && !core.stopTraining) core.stopTraining = true;
  }

  #named(logs: Logs): Logs {
    return Object.fromEntries(
      Object.entries(logs).map(([name, value]) => {
        const validation = name.startsWith("val_"),
          own = validation ? name.slice(4) : name;
        return [`${validation ? "val_" : ""}${this.#renamed.get(own) ?? own}`, value];
      }),
    );
  }

  async #batchEnd(batch: number, logs: Logs): Promise<void> {
    const { yieldEvery = "auto" } = this.training.args,
      { size, ...values } = this.#named(logs),
      all = { batch, size, ...values };
    this.#rows += size;
    for (const [key, value] of Object.entries(values)) this.#sums[key] = (this.#sums[key] ?? 0) + value * size;
    await this.training.refresh();
    await this.#tell("onBatchBegin", batch, { batch, size });
    await this.#tell("onBatchEnd", batch, all);
    if (yieldEvery !== "never" && yieldEvery !== "epoch") await this.#tell("onYield", this.#epoch, batch, all);
  }

  async #epochEnd(logs: Logs): Promise<void> {
    await this.training.refresh();
    const named = this.#named(logs);
    if ("val_loss" in named) named.val_loss -= this.training.penalty();
    this.history.push(this.#epoch, named);
    this.#rows = 0;
    await this.#tell("onEpochEnd", this.#epoch, named);
    this.#epoch++;
  }

  /** An epoch that a callback stopped counts as far as it came, as in TensorFlow.js. */
  async finish(): Promise<History> {
    if (this.#rows > 0 && this.training.model.stopTraining) {
      const rows = this.#rows,
        logs = Object.fromEntries(Object.entries(this.#sums).map(([key, sum]) => [key, sum / rows]));
      this.history.push(this.#epoch, logs);
      await this.#list.call("onEpochEnd", this.#epoch, logs);
    }
    await this.#list.call("onTrainEnd", {});
    return this.history;
  }
}
