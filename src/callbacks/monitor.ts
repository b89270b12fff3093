// Which number of the logs a callback watches, and when one is better than another: by the rule of Keras' MonitorCallback.

import { FormatError, InputError } from "../index.ts";
import { checkFloat32, checkOptions, show } from "../model/checks.ts";

/** What is watched, and which way is better. */
export interface MonitorOptions {
  /** A key of the logs of an epoch; default "val_loss". */
  monitor?: string;
  /** Whether a smaller or a larger number is better; "auto" (default): by the name of the metric. */
  mode?: "auto" | "min" | "max";
}

/** Metrics by what their names say. */
const RISES = /acc|precision|recall|auc|r2|f1|score|true_?(positives|negatives)|cosine/i;
const FALLS = /loss|error|^ms|^ma|rmse|entropy|squared|huber|hinge|poisson|divergence|logcosh|false_?(positives|negatives)/i;

/** The options that were given. @throws InputError naming one that is not known */
export const optionsOf = <O extends object>(where: string, given: O | undefined, known: readonly (keyof O & string)[]): O =>
  checkOptions(where, given, known);

/** A whole number ≥ 0. @throws InputError */
export function checkWhole(where: string, name: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InputError(`${where}: ${name} must be a whole number ≥ 0; got ${show(value)}.`);
}

export const checkNumber = (where: string, name: string, value: unknown, rule: "any" | "≥ 0" = "any"): number =>
  checkFloat32(where, name, value, rule);

export class Monitor {
  readonly name: string;
  readonly #mode: string;
  readonly #minDelta: number;
  #rises = false;

  /** @param minDelta what counts as better; its sign does not matter. @throws InputError */
  constructor(
    readonly where: string,
    { monitor = "val_loss", mode = "auto" }: MonitorOptions,
    minDelta = 0,
  ) {
    if (typeof monitor !== "string")
      throw new InputError(`${where}: monitor must be a key of the logs, such as "val_loss"; got ${show(monitor)}.`);
    if (!["auto", "min", "max"].includes(mode)) throw new InputError(`${where}: mode must be "auto", "min" or "max"; got ${show(mode)}.`);
    this.name = monitor;
    this.#mode = mode;
    this.#minDelta = Math.abs(checkNumber(where, "minDelta", minDelta));
  }

  /** @param names of the logs to come. @throws InputError if it is none of them, or it is not known which way is better */
  begin(names: readonly string[]): void {
    const { where, name } = this,
      metric = name.replace(/^val_/, "");
    if (!names.includes(name)) {
      throw new InputError(
        `${where}: monitor is ${show(name)}, but the logs will hold ${names.join(", ")}. ` +
          (name.startsWith("val_") && names.includes(metric)
            ? "Give fit() validationSplit or validationData, or monitor one of these."
            : "Monitor one of these, or name the metric in compile()."),
      );
    }
    if (this.#mode === "auto" && metric !== "loss" && !RISES.test(metric) && !FALLS.test(metric)) {
      throw new InputError(`${where}: it is not known whether a larger ${name} is better. Set mode to "max" or "min".`);
    }
    this.#rises = this.#mode === "max" || (this.#mode === "auto" && metric !== "loss" && RISES.test(metric));
  }

  /** Whether it is better than another by more than minDelta; NaN never is. @param than null for the worst there is */
  isBetter(current: number, than: number | null): boolean {
    return this.#rises ? current - this.#minDelta > (than ?? -Infinity) : current + this.#minDelta < (than ?? Infinity);
  }
}

/** Reads a state from a checkpoint: numbers by name, of which some may be null. @throws FormatError if it is no such state */
export function readNumbers<N extends string>(
  where: string,
  values: unknown,
  rules: Readonly<Record<N, "whole" | "number" | "number or null">>,
): Record<N, number> {
  const found = values as Readonly<Record<string, unknown>> | null,
    numbers: Partial<Record<N, unknown>> = {};
  for (const [name, rule] of Object.entries<string>(rules) as [N, string][]) {
    const value = typeof found === "object" && found !== null && Object.hasOwn(found, name) ? found[name] : undefined;
    const fits =
      rule === "number or null" && value === null
        ? true
        : typeof value === "number" && Number.isFinite(value) && (rule !== "whole" || (Number.isSafeInteger(value) && value >= 0));
    if (!fits)
      throw new FormatError(
        `fit(): resumeFrom: the state of ${where} must hold ${name}, a ${rule}; got ${show(value)}. The checkpoint is damaged.`,
      );
    numbers[name] = value;
  }
  return numbers as Record<N, number>;
}
