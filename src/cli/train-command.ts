// `deltaprop train`: flags and files in, a trained and tested model out. Everything that can be refused is refused
// before a browser starts.

import { fileStore } from "../index.ts";
import { confusionTable } from "./confusion.ts";
import { checkDataFits, checkSplit, loadData, type DataSet } from "./data.ts";
import type { JobHost } from "./fit-events.ts";
import type { JobData, JobEvent, JobRequest, JobResult } from "./job.ts";
import { checkModel } from "./model-spec.ts";
import { addTrainOptions, flagsFor, resolveOptions, type Flags, type TrainOptions } from "./options.ts";
import { describeCheckpoints, howToGoOn, trainingFailed } from "./outcome.ts";
import { count, decimals, duration, orNull, percent, Progress, SOFTWARE } from "./progress.ts";
import { digestOf, flagsForRun, keepRun, type Beginning } from "./run-folder.ts";
import { runOn } from "./run-on.ts";
import { checkWritable, modelBytes, parseModel, readLoaded, saveWeights, type SavedModel } from "./saved-model.ts";
import { showFitEvent } from "./show-event.ts";
import { stopOnSignals } from "./signals.ts";
import { describeFactor, wasmSamplesPerSecond } from "./wasm-factor.ts";

interface TrainRun {
  readonly options: TrainOptions;
  readonly saved: SavedModel | null;
  readonly data: DataSet;
}

async function prepare(typed: Flags): Promise<TrainRun> {
  const { flags, run } = await flagsForRun("train", typed, addTrainOptions);
  const loaded = flags.load === undefined ? null : await readLoaded(flags.load);
  const saved = loaded === null ? null : parseModel(loaded, flags.load!);
  const options = resolveOptions(flags, saved?.spec ?? null);
  await checkModel(options.model);
  if (options.save !== null) await checkWritable(options.save);
  const data = await loadData(options.data);
  checkDataFits(data, options.model.layers);
  checkSplit(data.train.rows, options.validationSplit);
  if (options.runFolder) {
    const { train, test } = data,
      weights = (saved?.weights ?? []).map((weight) => weight.data);
    const inputs = digestOf([train.images, train.labels, test.images, test.labels, ...weights]);
    const beginning: Beginning = { command: "train", flags: flagsFor(options), save: options.save, inputs, loaded, text: null };
    await keepRun(options.runFolder, beginning, run, addTrainOptions);
  }
  return { options, saved, data };
}

function onEvent(event: JobEvent, progress: Progress, options: TrainOptions): void {
  if (event.type === "verified") progress.line(`${event.report}\n`);
  else showFitEvent(event, progress, options);
}

async function run({ options, saved, data }: TrainRun, host: JobHost<JobEvent>, progress: Progress): Promise<JobResult> {
  const { model, backend, epochs, batchSize, validationSplit, verifySteps, autotune, runFolder } = options;
  const request: JobRequest = {
    model,
    backend,
    epochs,
    batchSize,
    validation: validationSplit,
    verifySteps,
    autotune,
    checkpoints: runFolder,
  };
  const jobData: JobData = { train: data.train, test: data.test, weights: saved?.weights ?? null };
  return runOn(options.runtime, { kind: "digits", request, data: jobData }, host, (line) => progress.line(line));
}

function describeRun({ options, data, saved }: TrainRun): string {
  const { model, batchSize, epochs } = options;
  const how = [
    model.activation,
    model.loss,
    model.optimizer,
    model.learningRate === null ? null : `lr ${model.learningRate}`,
    `batch ${batchSize}`,
    model.dropout > 0 ? `dropout ${model.dropout}` : null,
    model.l2 > 0 ? `l2 ${model.l2}` : null,
    `seed ${model.seed}`,
  ].filter((part) => part !== null);
  return [
    `deltaprop ${epochs === 0 ? "evaluates" : "trains"} ${model.layers.join("-")} (${how.join(", ")})`,
    `data: ${count(data.train.rows)} training and ${count(data.test.rows)} test digits (${data.source})`,
    ...(saved === null ? [] : [`weights: ${options.load}`]),
    ...(options.runFolder === null ? [] : [describeCheckpoints(options.runFolder)]),
  ].join("\n");
}

export function jsonLine(result: JobResult, seed: number): string {
  const { adapter, backend, epochs, steps, seconds, samplesPerSecond, trainLoss, testLoss, testAccuracy } = result;
  return JSON.stringify({
    adapter,
    backend,
    epochs,
    steps,
    seconds,
    samplesPerSecond,
    trainLoss: orNull(trainLoss),
    testLoss: orNull(testLoss),
    testAccuracy: orNull(testAccuracy),
    seed,
  });
}

function reportTest({ options, data }: TrainRun, result: JobResult, progress: Progress): void {
  if (result.stopped) {
    progress.line(`Stopped after ${count(result.steps)} steps.`);
    if (options.runFolder) progress.line(howToGoOn(options.runFolder));
  } else if (result.testAccuracy !== null && result.testLoss !== null) {
    progress.line(`\n${confusionTable(data.test.labels, result.predictions, options.model.layers.at(-1)!)}\n`);
    const trained =
      result.stepsHere === 0
        ? ""
        : `  (${count(result.stepsHere)} steps in ${duration(result.seconds)}, ` + `${count(result.samplesPerSecond)} samples/s)`;
    progress.line(`test: loss ${decimals(result.testLoss)}  accuracy ${percent(result.testAccuracy)}${trained}`);
  }
}

/** @returns whether the weights are where the user wanted them. @throws InputError if they cannot be written */
function save({ options }: TrainRun, result: JobResult, say: (line: string) => void): boolean | Promise<boolean> {
  if (options.save === null || (result.stopped && result.steps === 0)) return true;
  return saveWeights(options.save, result.weights, modelBytes(result.weights, options.model), say);
}

/** Where the GPU was an emulated one and the time is not needed otherwise. */
async function compareWithWasm({ options, data }: TrainRun, result: JobResult, progress: Progress): Promise<void> {
  const { model, backend, epochs, batchSize, validationSplit } = options;
  if (result.stopped || result.stepsHere === 0 || options.json || !result.adapter.endsWith(SOFTWARE)) return;
  const request: JobRequest = {
    model,
    backend,
    epochs,
    batchSize,
    validation: validationSplit,
    verifySteps: 0,
    autotune: false,
    checkpoints: null,
  };
  const line = describeFactor(
    result.samplesPerSecond,
    await wasmSamplesPerSecond(request, { train: data.train, test: data.test, weights: null }),
  );
  if (line) progress.line(line);
}

/** @returns the exit code: 1 if weights to be saved are no numbers */
async function finish(plan: TrainRun, result: JobResult, progress: Progress): Promise<number> {
  const saved: string[] = [];
  try {
    // Before anything is said of them: nobody may be there to hear it.
    return (await save(plan, result, (line) => saved.push(line))) ? 0 : 1;
  } finally {
    reportTest(plan, result, progress);
    for (const line of saved) progress.line(line);
    if (plan.options.json) process.stdout.write(`${jsonLine(result, plan.options.model.seed)}\n`);
  }
}

/** @returns the exit code: 0, 1 if weights to be saved are no numbers, or 128 + the number of the signal that stopped it */
export async function trainCommand(flags: Flags): Promise<number> {
  const plan = await prepare(flags),
    { options } = plan;
  const progress = new Progress(options.json ? process.stderr : process.stdout, options.epochs);
  const stop = stopOnSignals(() => {
    progress.close();
    progress.line("Stopping at the next step … (Ctrl-C again quits at once)");
  });
  progress.line(describeRun(plan));
  try {
    const emit = (event: JobEvent) => onEvent(event, progress, options);
    const host = { emit, signal: stop.signal, store: options.runFolder ? fileStore(options.runFolder.folder) : undefined };
    const result = await run(plan, host, progress).catch((error: unknown) => trainingFailed(error, options, progress));
    const code = await finish(plan, result, progress);
    await compareWithWasm(plan, result, progress);
    return stop.exitCode() || code;
  } catch (error) {
    if (!stop.isReason(error)) throw error;
    progress.line("Stopped before the training began.");
    return stop.exitCode();
  } finally {
    progress.close();
    stop.release();
  }
}
