// modelCheckpoint(): saves the weights after epochs or mini-batches, as Keras' ModelCheckpoint does.

import {
  encodeSafetensors,
  InputError,
  type Callback,
  type CallbackState,
  type CheckpointStore,
  type FitRun,
  type Logs,
} from "../index.ts";
import { checkCount, checkFlag } from "../model/checks.ts";
import { checkPath, filesOf, type CheckpointFiles } from "./files.ts";
import { checkNumber, checkWhole, Monitor, optionsOf, readNumbers, type MonitorOptions } from "./monitor.ts";

/** What modelCheckpoint() takes. */
export interface ModelCheckpointOptions extends MonitorOptions {
  /**
   * The name of the file, which is safetensors whatever it is; may hold the epoch, from 1, and the logs, written as in Python:
   * "{epoch:02d}-{val_loss:.2f}.safetensors". With saveFreq in mini-batches also {batch}.
   */
  filepath: string;
  /** Where it is written; default files, by path, in Node and Deno. */
  store?: CheckpointStore;
  /** 1 prints each file; default 0. */
  verbose?: 0 | 1;
  /** Only where `monitor` has got better; default false. */
  saveBestOnly?: boolean;
  /** "epoch" (default): after each. A number: after so many mini-batches; each step is then waited for, which costs speed. */
  saveFreq?: "epoch" | number;
  /** With saveBestOnly: what has to be bettered first; default none. */
  initialValueThreshold?: number;
}

const WHERE = "modelCheckpoint()";
const KNOWN = ["monitor", "mode", "filepath", "store", "verbose", "saveBestOnly", "saveFreq", "initialValueThreshold"] as const;
/** {name}, {name:03d}, {name:.2f}, {name:.1e} */
const FIELD = /\{(\w+)(?::(0?)(\d*)(?:\.(\d+))?([dfe]?))?\}/g;

/** Fields replaced by numbers, as Python's str.format does. */
function formatPath(path: string, numbers: Readonly<Record<string, number>>): string {
  return path.replace(
    FIELD,
    (_, name: string, zero: string | undefined, width: string | undefined, digits: string | undefined, type: string | undefined) => {
      const value = numbers[name],
        places = digits === undefined ? 6 : Number(digits);
      const text =
        type === "f"
          ? value.toFixed(places)
          : type === "e"
            ? value.toExponential(places).replace(/([+-])(\d)$/, "$10$2")
            : digits === undefined
              ? String(value)
              : String(Number(value.toPrecision(Math.max(1, places))));
      return text.padStart(Number(width ?? 0), zero === "0" ? "0" : " ");
    },
  );
}

class ModelCheckpoint implements Callback {
  readonly name = "modelCheckpoint";
  readonly #monitor: Monitor;
  readonly #path: string;
  readonly #files: CheckpointFiles;
  readonly #bestOnly: boolean;
  readonly #every: number | null;
  readonly #threshold: number | null;
  readonly #verbose: number;
  #run: FitRun | null = null;
  #best: number | null = null;
  #batches = 0;
  #epoch = 0;
  readonly onBatchEnd?: Callback["onBatchEnd"];
  readonly onEpochEnd?: Callback["onEpochEnd"];

  constructor(given: ModelCheckpointOptions) {
    const options = optionsOf(WHERE, given, KNOWN),
      { saveFreq = "epoch", initialValueThreshold = null, verbose = 0 } = options;
    this.#monitor = new Monitor(WHERE, options);
    this.#path = checkPath(WHERE, "filepath", options.filepath);
    this.#files = filesOf(WHERE, options.store);
    this.#bestOnly = checkFlag(WHERE, "saveBestOnly", options.saveBestOnly, false);
    this.#every = saveFreq === "epoch" ? null : checkCount(WHERE, 'saveFreq, unless it is "epoch",', saveFreq);
    this.#threshold = initialValueThreshold === null ? null : checkNumber(WHERE, "initialValueThreshold", initialValueThreshold);
    this.#verbose = checkWhole(WHERE, "verbose", verbose);
    if (this.#every === null) this.onEpochEnd = (epoch, logs) => this.#save(epoch, logs, { epoch: epoch + 1, ...logs });
    else this.onBatchEnd = (batch, logs) => this.#batchEnd(batch, logs, this.#every!);
  }

  begin(run: FitRun): void {
    const names = this.#every === null ? run.names : run.names.filter((name) => !name.startsWith("val_"));
    if (this.#bestOnly) this.#monitor.begin(names);
    const known = ["epoch", ...(this.#every === null ? [] : ["batch"]), ...names];
    const unknown = [...this.#path.matchAll(FIELD)].map(([, name]) => name).find((name) => !known.includes(name));
    if (unknown !== undefined) throw new InputError(`${WHERE}: filepath names {${unknown}}; there are ${known.join(", ")}.`);
    this.#run = run;
    this.#best = this.#threshold;
    this.#batches = this.#epoch = 0;
  }

  onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
  }

  /** Returns a promise for every mini-batch, so that no step runs ahead of the weights that are read. */
  async #batchEnd(batch: number, logs: Logs, every: number): Promise<void> {
    if (++this.#batches % every === 0) await this.#save(this.#epoch, logs, { epoch: this.#epoch + 1, batch: batch + 1, ...logs });
  }

  async #save(epoch: number, logs: Logs, numbers: Readonly<Record<string, number>>): Promise<void> {
    if (this.#bestOnly) {
      const current = logs[this.#monitor.name];
      if (!this.#monitor.isBetter(current, this.#best)) return;
      this.#best = current;
    }
    const path = formatPath(this.#path, numbers),
      weights = await this.#run!.readWeights();
    await this.#files.write(path, encodeSafetensors(weights));
    if (this.#verbose > 0) console.log(`epoch ${epoch + 1}: the weights are saved in ${path}`);
  }

  getState(): CallbackState {
    return { values: { best: this.#best, batches: this.#batches, epoch: this.#epoch }, weights: null };
  }

  setState({ values }: CallbackState): void {
    ({
      best: this.#best,
      batches: this.#batches,
      epoch: this.#epoch,
    } = readNumbers(WHERE, values, { best: "number or null", batches: "whole", epoch: "whole" }));
  }
}

/**
 * Saves the weights as safetensors, with the names of getWeights(); decodeSafetensors() and setWeights() bring them back. An error of the
 * store ends fit(). (All that training needs to go on is saved by fit({ checkpoint }).)
 * @throws InputError for an option that is wrong; in fit() if the logs will not hold what it names; UnsupportedError in a page without a store
 */
export const modelCheckpoint = (options: ModelCheckpointOptions): Callback => new ModelCheckpoint(options);
