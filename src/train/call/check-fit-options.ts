// What is wrong with the options of fit(). Loaded with validate-all.ts, for calls whose options are no common ones or hold a mistake.

import { InputError } from "../../errors.ts";
import { checkCount, checkFlag, checkOptions, show } from "../../model/checks.ts";
import type { CheckpointStore } from "../../storage/checkpoint-store.ts";
import { isHandle } from "../data/dataset.ts";
import { checkCallbacks } from "./callback-list.ts";
import { splitRows, type FitOptions } from "./fit-options.ts";

const KNOWN = [
  "epochs",
  "batchSize",
  "initialEpoch",
  "steps",
  "stepsPerEpoch",
  "validationSplit",
  "validationData",
  "validationSteps",
  "shuffle",
  "scale",
  "lengths",
  "sampleWeight",
  "classWeight",
  "signal",
  "onNaN",
  "checkpoint",
  "resumeFrom",
  "callbacks",
  "verbose",
];

function checkStore(name: string, store: unknown): void {
  const { read, write } = (store ?? {}) as Partial<CheckpointStore>;
  if (typeof read === "function" && typeof write === "function") return;
  throw new InputError(
    `fit(): ${name} must be a store with read() and write(); got ${show(store)}. Pass what indexedDBStore(), opfsStore() ` +
      "or fileStore() gave.",
  );
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
  const isPair = Array.isArray(validationData) && [2, 3].includes(validationData.length);
  if (validationData && !isPair && !isHandle(validationData)) {
    throw new InputError(
      `fit(): validationData must be [x, y], [x, y, sampleWeight] or what dataset(x, y) gave; got ${show(validationData)}.`,
    );
  }
  if (options.steps !== undefined && options.epochs !== undefined) {
    throw new InputError(
      `fit(): set epochs or steps; got both (epochs ${show(options.epochs)}, steps ${show(options.steps)}). ` +
        "steps counts mini-batches, whatever the number of passes.",
    );
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
  checkCallbacks(options.callbacks);
  if (options.resumeFrom !== undefined) checkStore("resumeFrom", options.resumeFrom);
  if (options.checkpoint !== undefined) {
    options.checkpoint = checkOptions("fit(): checkpoint", options.checkpoint, ["store", "every"]);
    checkStore("checkpoint.store", options.checkpoint.store);
    if (options.checkpoint.every !== undefined) checkCount("fit(): checkpoint", "every", options.checkpoint.every);
  }
  checkEpochs(options);
  checkCount("fit()", "batchSize", options.batchSize ?? 32);
  return options;
}

function checkEpochs(options: FitOptions): void {
  const { epochs = 1, initialEpoch = 0 } = options;
  for (const name of ["epochs", "steps", "stepsPerEpoch", "validationSteps"] as const) checkCount("fit()", name, options[name] ?? 1);
  if (!(Number.isSafeInteger(initialEpoch) && initialEpoch >= 0 && initialEpoch < epochs)) {
    throw new InputError(
      `fit(): initialEpoch must be a whole number from 0 to ${epochs - 1}, below epochs, which is where training ends; ` +
        `got ${show(initialEpoch)}.`,
    );
  }
  const { steps, stepsPerEpoch, validationSteps, validationSplit = 0, validationData } = options;
  if (steps !== undefined && stepsPerEpoch !== undefined) {
    throw new InputError(
      `fit(): set steps or stepsPerEpoch; got both (steps ${show(steps)}, stepsPerEpoch ${show(stepsPerEpoch)}). ` +
        "stepsPerEpoch counts the mini-batches of each of the epochs, steps those of all there are.",
    );
  }
  if (validationSteps !== undefined && validationSplit === 0 && !validationData) {
    throw new InputError(
      `fit(): validationSteps is ${show(validationSteps)}, but there is nothing to validate on. Set validationSplit or ` +
        "validationData, or leave it out.",
    );
  }
}

/** @throws InputError if no rows are left to train on, or to validate with */
export function checkSplit({ validationSplit = 0 }: FitOptions, rows: number): void {
  if (splitRows(rows, validationSplit)) return;
  const trained = Math.floor(rows * (1 - validationSplit));
  throw new InputError(
    `fit(): validationSplit ${validationSplit} of ${rows} rows leaves ${trained} to train on and ` +
      `${rows - trained} to validate with. Give more rows or another share.`,
  );
}
