// csvLogger(): the logs of each epoch as a line of a table, as Keras' CSVLogger writes it.

import { FormatError, InputError, type Callback, type CallbackState, type CheckpointStore, type Logs } from "../index.ts";
import { checkFlag, show } from "../model/checks.ts";
import { checkPath, filesOf, type CheckpointFiles } from "./files.ts";
import { optionsOf } from "./monitor.ts";

/** What csvLogger() takes. */
export interface CsvLoggerOptions {
  /** The name of the file; without it and a store the table is kept in `text` alone. */
  filename?: string;
  /** Where it is written, by default as training.csv; without it files, by path, in Node and Deno. */
  store?: CheckpointStore;
  /** Between two cells; default ",". */
  separator?: string;
  /** Goes on with the file that is there; default false. */
  append?: boolean;
}

/** What csvLogger() gives. */
export interface CsvLogger extends Callback {
  /** The table so far: a line of names and one an epoch, each ended by "\r\n". */
  readonly text: string;
}

const WHERE = "csvLogger()";

class Logger implements CsvLogger {
  readonly name = "csvLogger";
  readonly #files: CheckpointFiles | null;
  readonly #path: string;
  readonly #separator: string;
  readonly #append: boolean;
  #keys: readonly string[] | null = null;
  #resumed = false;
  text = "";

  constructor(given: CsvLoggerOptions | undefined) {
    const { filename, store, separator = ",", append } = optionsOf(WHERE, given, ["filename", "store", "separator", "append"]);
    if (typeof separator !== "string" || separator === "")
      throw new InputError(`${WHERE}: separator must be a text; got ${show(separator)}.`);
    this.#path = checkPath(WHERE, "filename", filename ?? "training.csv");
    this.#files = filename === undefined && store === undefined ? null : filesOf(WHERE, store);
    this.#separator = separator;
    this.#append = checkFlag(WHERE, "append", append, false);
  }

  begin(): void {
    if (!(this.#append && this.#files === null)) this.text = "";
    this.#keys = null;
    this.#resumed = false;
  }

  async onTrainBegin(): Promise<void> {
    if (!this.#files || this.#resumed) return;
    const found = this.#append ? await this.#files.read(this.#path) : null;
    this.text = found ? new TextDecoder().decode(found) : "";
    if (!found) await this.#write();
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    this.#keys ??= Object.keys(logs).sort();
    if (this.text === "") this.#line(["epoch", ...this.#keys]);
    this.#line([String(epoch), ...this.#keys.map((key) => (key in logs ? String(logs[key]) : "NA"))]);
    await this.#write();
  }

  #line(cells: readonly string[]): void {
    this.text += `${cells.join(this.#separator)}\r\n`;
  }

  async #write(): Promise<void> {
    await this.#files?.write(this.#path, new TextEncoder().encode(this.text));
  }

  getState(): CallbackState {
    return { values: { text: this.text, keys: this.#keys }, weights: null };
  }

  setState({ values }: CallbackState): void {
    const { text, keys } = Object(values) as { readonly text?: unknown; readonly keys?: unknown };
    if (typeof text !== "string" || !(keys === null || (Array.isArray(keys) && keys.every((key) => typeof key === "string")))) {
      throw new FormatError(
        `fit(): resumeFrom: the state of ${WHERE} must hold its text and keys; got ${show(values)}. The checkpoint is damaged.`,
      );
    }
    this.text = text;
    this.#keys = keys;
    this.#resumed = true;
  }
}

/**
 * Writes the logs of each epoch (counted from 0), names in the order of the alphabet, "NA" for what an epoch has not. A fit() that goes on
 * from a checkpoint goes on with the table of that moment. An error of the store ends fit().
 * @throws InputError for an option that is wrong; UnsupportedError for a filename in a page without a store
 */
export const csvLogger = (options?: CsvLoggerOptions): CsvLogger => new Logger(options);
