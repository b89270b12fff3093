// What fit(), evaluate(), predict() and their like were called with: arrays or a handle, then options. All that may be given, and all
// that may be wrong with it; loaded for calls that arguments.ts does not take. The arrays are the library's own copies.

import { InputError } from "../../errors.ts";
import { checkCount, checkOptions, show } from "../../model/checks.ts";
import { takesLabels, type Loss } from "../../model/losses.ts";
import type { Call, CallData, Validated } from "./call.ts";
import { CallbackList, type Trainee } from "./callback-list.ts";
import { checkFitOptions, checkSplit } from "./check-fit-options.ts";
import { checkInputs, checkTargets, type Dataset, type Features, type InputOptions, type Inputs, type Targets } from "../data/data.ts";
import { contentsOf, isHandle, type Contents, type DatasetHandle } from "../data/dataset.ts";
import { withWeights, type WeightOptions } from "../data/sample-weights.ts";
import type { FitOptions, RunOptions } from "./fit-options.ts";
import type { VerifyOptions } from "./options.ts";
import type { DataShape } from "../data/shape.ts";

interface Arrays {
  readonly x: Features;
  readonly y: Targets;
}

type DataSource = Arrays | DatasetHandle;

/** (x, y, options) or (handle, options). */
function splitArguments<O extends object>(
  where: string,
  x: Features | DatasetHandle,
  y: Targets | O | undefined,
  last: O | undefined,
): { source: DataSource; given: O | undefined } {
  if (!isHandle(x)) return { source: { x, y: y as Targets }, given: last };
  checkRest(where, y, last);
  return { source: x, given: y as O | undefined };
}

/** @throws InputError if what comes behind a handle looks like y */
function checkRest(where: string, second: unknown, third: unknown): void {
  if (third === undefined && !Array.isArray(second) && !ArrayBuffer.isView(second)) return;
  throw new InputError(
    `${where}: a data set brings its own y; behind it come the options alone. Got ` +
      `${show(third === undefined ? second : third)} as well.`,
  );
}

/** @throws InputError if a scale, lengths or sample weights are given with a handle */
function checkBeside(where: string, { scale, lengths, sampleWeight }: InputOptions & WeightOptions): void {
  if (lengths !== undefined) {
    throw new InputError(`${where}: the lengths of a data set are its own; got some beside it. Pass them to dataset(x, y, { lengths }).`);
  }
  if (sampleWeight !== undefined) {
    throw new InputError(
      `${where}: the sampleWeight of a data set is its own; got one beside it. Pass it to dataset(x, y, { sampleWeight }).`,
    );
  }
  if (scale === undefined) return;
  throw new InputError(
    `${where}: the scale of a data set is its own; got ${show(scale)} beside it. Pass it to ` + "dataset(x, y, { scale }).",
  );
}

/** What checks of x depend on. */
const keyOf = ({ sequences, inputSteps, inputWidth, vocabulary }: DataShape): string =>
  `${sequences} ${inputSteps} ${inputWidth} ${vocabulary}`;

/** What checks y depends on beside its rows: labels and probabilities are checked as such. */
const kindOf = (loss: Loss): string =>
  takesLabels(loss) || loss.name === "binaryCrossentropy" || loss.name === "categoricalCrossentropy" ? loss.name : "numbers";

/** x of a handle. */
const inputsOf = (where: string, contents: Contents, shape: DataShape): Inputs =>
  contents.checked(`x ${keyOf(shape)}`, () => checkInputs(where, contents.x, shape, contents.options));

/** x of a handle, as predict() takes it. */
const withoutY = (where: string, contents: Contents, shape: DataShape): Dataset =>
  contents.checked(keyOf(shape), () => ({ ...inputsOf(where, contents, shape), y: null }));

/** x and y of a handle. */
function withY(where: string, contents: Contents, shape: DataShape, loss: Loss): Dataset {
  const { y } = contents;
  if (y === undefined) throw new InputError(`${where}: the data set has no y. Make it with dataset(x, y).`);
  return contents.checked(`${keyOf(shape)} ${shape.outputSteps} ${shape.outputWidth} ${kindOf(loss)}`, () => {
    const inputs = inputsOf(where, contents, shape),
      dataset = { ...inputs, y: checkTargets(where, y, inputs, shape, loss) };
    return withWeights(where, dataset, shape, loss, { sampleWeight: contents.options.sampleWeight }, false);
  });
}

/**
 * @param trains whether classWeight is of training alone
 * @throws InputError naming what is wrong with x, y or their weights, or with the handle
 */
function labelled(
  where: string,
  source: DataSource,
  shape: DataShape,
  loss: Loss,
  options: InputOptions & WeightOptions,
  trains = false,
): CallData {
  const handle = isHandle(source) ? source : null;
  if (handle) checkBeside(where, options);
  const dataset = isHandle(source) ? withY(where, contentsOf(source), shape, loss) : fromArrays(where, source, shape, loss, options);
  return { dataset: withWeights(where, dataset, shape, loss, options, trains), handle };
}

function fromArrays(where: string, { x, y }: Arrays, shape: DataShape, loss: Loss, options: InputOptions): Dataset {
  const inputs = checkInputs(where, x, shape, options);
  return { ...inputs, y: checkTargets(where, y, inputs, shape, loss) };
}

/** @throws InputError naming what is wrong with x, or with the handle */
function unlabelled(where: string, x: Features | DatasetHandle, shape: DataShape, options: InputOptions): CallData {
  if (isHandle(x)) {
    checkBeside(where, options);
    return { dataset: withoutY(where, contentsOf(x), shape), handle: x };
  }
  return { dataset: { ...checkInputs(where, x, shape, options), y: null }, handle: null };
}

/** What fit() validates on: arrays have the scale of the training data, and no padding. @throws InputError */
function validationSource(
  where: string,
  given: NonNullable<FitOptions["validationData"]>,
  shape: DataShape,
  loss: Loss,
  train: DataSource,
  options: InputOptions,
): CallData {
  if (isHandle(given)) return labelled(where, given, shape, loss, {});
  const { scale } = isHandle(train) ? contentsOf(train).options : options;
  const [x, y, sampleWeight] = given;
  return labelled(where, { x, y }, shape, loss, { scale, sampleWeight: sampleWeight ?? undefined });
}

const WEIGHTS = ["sampleWeight", "classWeight"] as const;

/** For messages on misspelt options; what fit() takes is in check-fit-options.ts. */
const KNOWN = {
  evaluate: ["batchSize", "scale", "lengths", ...WEIGHTS],
  predict: ["batchSize", "scale", "lengths"],
  verify: ["steps", "batchSize", "scale", "lengths", ...WEIGHTS],
  gradientCheck: ["scale", "lengths", ...WEIGHTS],
  inspectStep: ["scale", "lengths", ...WEIGHTS],
} as const;

function checkCallOptions(method: Call["method"], given: object | null | undefined): object {
  if (method === "fit") return checkFitOptions(given);
  const where = `${method}()`,
    options: VerifyOptions = checkOptions(where, given, KNOWN[method]);
  checkCount(where, "steps", options.steps ?? 1);
  checkCount(where, "batchSize", options.batchSize ?? 1);
  return options;
}

/** @throws InputError naming what is wrong with the data or the options */
export function validateAll<O extends object>({ method, x, y, last, shape, loss, trainee }: Call): Validated<O> {
  const where = `${method}()`,
    data = x as Features | DatasetHandle;
  const { source, given } =
    method === "predict"
      ? { source: data, given: last as O | undefined }
      : splitArguments(where, data, y as Targets, last as O | undefined);
  const options = checkCallOptions(method, given) as O;
  if (method === "predict") return { data: unlabelled(where, data, shape, options), validation: null, options };
  const taken = labelled(where, source as DataSource, shape, loss, options, method === "fit"),
    { validationData }: FitOptions = options;
  const validation = validationData
    ? validationSource("fit(): validationData", validationData, shape, loss, source as DataSource, options)
    : null;
  if (method === "fit") checkSplit(options, taken.dataset.rows);
  if (!trainee) return { data: taken, validation, options };
  return { data: taken, validation, ...(withCallbacks(options, trainee, validation !== null) as { callbacks: CallbackList; options: O }) };
}

/** Callbacks begin when all else was found right. Epochs are numbered for them: training counts its own from 0. */
function withCallbacks(given: FitOptions, trainee: Trainee, validates: boolean): { callbacks: CallbackList; options: RunOptions } {
  const { initialEpoch = 0, epochs = 1 } = given;
  const callbacks = new CallbackList(given, trainee, validates || (given.validationSplit ?? 0) > 0);
  return { callbacks, options: { ...given, epochs: epochs - initialEpoch, callbacks: callbacks.hooks } };
}

export { invalidWeights as weightsRefusal } from "./validate-weights.ts";
