// What is wrong with the options of fit(). Loaded with given.ts, for calls whose options are no common ones or hold a mistake.

import { InputError } from "../../errors.ts";
import { checkCount, checkFlag, checkOptions, show } from "../../model/checks.ts";
import type { CheckpointStore } from "../../storage/checkpoint-store.ts";
import { isHandle } from "../data/dataset.ts";
import { CALLBACKS, isCallback, type FitOptions } from "./fit-options.ts";

const KNOWN = ["epochs", "batchSize", "steps", "validationSplit", "validationData", "shuffle", "scale", "lengths", "signal", "onNaN",
  "checkpoint", "resumeFrom",
  "callbacks", "verbose"];

/** An object may hold more than callbacks, but nothing that looks like one and would never be called. */
function checkCallbacks(callbacks: object): void {
  if (typeof callbacks !== "object" || Array.isArray(callbacks)) {
    throw new InputError(`fit(): callbacks must be an object of functions; got ${show(callbacks)}.`);
  }
  const unknown = Object.keys(callbacks).find((key) => /^on[A-Z]/.test(key) && !isCallback(key));
  if (unknown !== undefined) {
    throw new InputError(`fit(): unknown callback ${unknown}. Known: ${CALLBACKS.join(", ")}.`);
  }
  for (const [key, value] of CALLBACKS.map((name) => [name, (callbacks as Record<string, unknown>)[name]] as const)) {
    if (value !== undefined && value !== null && typeof value !== "function") {
      throw new InputError(`fit(): callbacks.${key} must be a function; got ${show(value)}.`);
    }
  }
}

function checkStore(name: string, store: unknown): void {
  const { read, write } = (store ?? {}) as Partial<CheckpointStore>;
  if (typeof read === "function" && typeof write === "function") return;
  throw new InputError(`fit(): ${name} must be a store with read() and write(); got ${show(store)}. Pass what indexedDBStore(), opfsStore() ` +
    "or fileStore() gave.");
}

/** The options that were given, without those that are null. @throws InputError naming the option that is wrong */
export function checkFitOptions(given: FitOptions | null | undefined): FitOptions {
  const options = checkOptions("fit()", given, KNOWN);
  const { validationSplit = 0, validationData, signal } = options;
  if (!(typeof validationSplit === "number" && validationSplit >= 0 && validationSplit < 1)) {
    throw new InputError(`fit(): validationSplit must be in [0, 1); got ${show(validationSplit)}.`);
  }
  if (validationSplit > 0 && validationData) {
    throw new InputError("fit(): set validationSplit or validationData; got both.");
  }
  const isPair = Array.isArray(validationData) && validationData.length === 2;
  if (validationData && !isPair && !isHandle(validationData)) {
    throw new InputError(`fit(): validationData must be [x, y] or what dataset(x, y) gave; got ${show(validationData)}.`);
  }
  if (options.steps !== undefined && options.epochs !== undefined) {
    throw new InputError(`fit(): set epochs or steps; got both (epochs ${show(options.epochs)}, steps ${show(options.steps)}). ` +
      "steps counts mini-batches, whatever the number of passes.");
  }
  if (signal && typeof signal.aborted !== "boolean") {
    throw new InputError(`fit(): signal must be an AbortSignal; got ${show(signal)}. Pass controller.signal.`);
  }
  checkFlag("fit()", "shuffle", options.shuffle, true);
  if (![undefined, 0, 1, 2].includes(options.verbose)) {
    throw new InputError(`fit(): verbose must be 0, 1 or 2; got ${show(options.verbose)}.`);
  }
  const { onNaN = "stop" } = options;
  if (!["stop", "rollback", "ignore"].includes(onNaN)) {
    throw new InputError(`fit(): onNaN must be "stop", "rollback" or "ignore"; got ${show(onNaN)}.`);
  }
  checkCallbacks(options.callbacks ?? {});
  if (options.resumeFrom !== undefined) checkStore("resumeFrom", options.resumeFrom);
  if (options.checkpoint !== undefined) {
    options.checkpoint = checkOptions("fit(): checkpoint", options.checkpoint, ["store", "every"]);
    checkStore("checkpoint.store", options.checkpoint.store);
    if (options.checkpoint.every !== undefined) checkCount("fit(): checkpoint", "every", options.checkpoint.every);
  }
  checkCount("fit()", "epochs", options.epochs ?? 1);
  if (options.steps !== undefined) checkCount("fit()", "steps", options.steps);
  checkCount("fit()", "batchSize", options.batchSize ?? 32);
  return options;
}
