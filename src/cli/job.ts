// The training job: the same code in Node and in the page, on the public API alone. It gets plain values and arrays,
// tells what happens through a callback, and returns results and weights. It prints nothing and reads no file.

import { GpuError } from "../errors.ts";
import type { LabelledImages } from "../formats/idx.ts";
import type { NamedTensor } from "../formats/safetensors.ts";
import type { Sequential } from "../index.ts";
import type { BackendName } from "./backends.ts";
import type { CommandDebugLevel } from "./debug-level.ts";
import { checkpointOptions, fitEvents, secondsSince, type Checkpoints, type FitEvent, type JobHost } from "./fit-events.ts";
import { buildModel, recipeOf, takesClassIndices, type ModelSpec } from "./model-spec.ts";

/** Everything but the arrays: it travels to the page as JSON. */
export interface JobRequest {
  readonly model: ModelSpec;
  readonly backend: BackendName;
  readonly epochs: number;
  readonly batchSize: number;
  /** Fraction of the training rows, the last ones, kept for validation; 0 for none; "test" validates on the test rows. */
  readonly validation: number | "test";
  /** Steps to run and compare with the reference before training, on the first rows in their own order. */
  readonly verifySteps: number;
  /** compile()'s option; default false. */
  readonly autotune?: boolean;
  /** compile()'s option; default 0. */
  readonly debug?: CommandDebugLevel;
  readonly checkpoints: Checkpoints | null;
}

export interface JobData {
  readonly train: LabelledImages;
  readonly test: LabelledImages;
  /** Weights to start from, in the order of the layers; null to start from the seed. */
  readonly weights: readonly NamedTensor[] | null;
}

export type JobEvent = FitEvent | { readonly type: "verified"; readonly report: string };

export interface JobResult {
  readonly adapter: string;
  readonly backend: string;
  /** Stopped by Ctrl-C: then nothing was tested. */
  readonly stopped: boolean;
  readonly epochs: number;
  readonly steps: number;
  /** How many of them this process trained: the others came with a checkpoint. */
  readonly stepsHere: number;
  /** Of training and validation, with the first compilation of the shaders. */
  readonly seconds: number;
  readonly samplesPerSecond: number;
  readonly trainLoss: number | null;
  readonly testLoss: number | null;
  readonly testAccuracy: number | null;
  /** The class of each test row, or NO_CLASS; empty when stopped. */
  readonly predictions: number[];
  readonly weights: NamedTensor[];
}

/** What one unit of a pixel byte is worth. */
const SCALE = 1 / 255;
/** In place of a class where the outputs are NaN. */
export const NO_CLASS = -1;

/** Class indices, or one-hot rows (rows, classes) for the losses that take rows. */
export function targetsOf({ labels, rows }: LabelledImages, spec: ModelSpec): Uint32Array | Float32Array {
  if (takesClassIndices(spec.loss)) return Uint32Array.from(labels);
  const classes = spec.layers[spec.layers.length - 1];
  const targets = new Float32Array(rows * classes);
  labels.forEach((label, row) => {
    targets[row * classes + label] = 1;
  });
  return targets;
}

async function verify(model: Sequential, request: JobRequest, data: JobData, host: JobHost<JobEvent>): Promise<void> {
  const { verifySteps: steps, batchSize } = request,
    { train } = data;
  if (model.backend === "cpu") {
    throw new GpuError(
      "--verify compares an engine with the float64 reference, but this is the reference itself. Leave --verify out, or use --backend wasm.",
    );
  }
  const rows = Math.min(train.rows, steps * batchSize);
  const images = train.images.subarray(0, rows * train.features),
    labels = train.labels.subarray(0, rows);
  const targets = targetsOf({ ...train, labels, rows }, request.model);
  const report = await model.verify(images, targets, { steps, batchSize, scale: SCALE });
  host.emit({ type: "verified", report: report.toString() });
  if (!report.ok) {
    throw new GpuError(
      "--verify: this adapter's numbers differ from the float64 reference by more than rounding " +
        "explains; the report above names the first tensor that does. Please report it with the adapter's name.",
    );
  }
}

async function train(model: Sequential, request: JobRequest, data: JobData, host: JobHost) {
  const { epochs, batchSize, validation, checkpoints } = request,
    { rows, images } = data.train;
  const validationSplit = validation === "test" ? 0 : validation;
  const start = performance.now();
  const { callbacks, trained } = fitEvents(model, host, { epochSamples: Math.floor(rows * (1 - validationSplit)), batchSize });
  const history = await model.fit(images, targetsOf(data.train, request.model), {
    epochs,
    batchSize,
    validationSplit,
    scale: SCALE,
    signal: host.signal,
    callbacks,
    ...checkpointOptions(checkpoints, host),
    validationData: validation === "test" ? [data.test.images, targetsOf(data.test, request.model)] : undefined,
  });
  const seconds = secondsSince(start);
  return { history, seconds, stepsHere: trained.steps, samplesPerSecond: seconds > 0 ? trained.samples / seconds : 0 };
}

/** The index of the largest number of each row; NO_CLASS where the row holds NaN. */
export function classesOf(outputs: Float32Array, rows: number): number[] {
  const width = outputs.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const answers = outputs.subarray(row * width, (row + 1) * width);
    return answers.some(Number.isNaN) ? NO_CLASS : answers.indexOf(answers.reduce((a, b) => Math.max(a, b)));
  });
}

async function test(model: Sequential, request: JobRequest, { test: digits }: JobData) {
  const { loss } = await model.evaluate(digits.images, targetsOf(digits, request.model), { scale: SCALE });
  const predictions = classesOf(await model.predict(digits.images, { scale: SCALE }), digits.rows);
  const right = predictions.filter((predicted, row) => predicted === digits.labels[row]).length;
  return { testLoss: loss, testAccuracy: right / digits.rows, predictions };
}

async function runModel(model: Sequential, request: JobRequest, data: JobData, host: JobHost<JobEvent>): Promise<JobResult> {
  await model.compile({ ...recipeOf(request.model), backend: request.backend, autotune: request.autotune, debug: request.debug });
  if (data.weights !== null) await model.setWeights(data.weights);
  const { adapter, backend } = model;
  host.emit({ type: "ready", adapter, backend, summary: model.summary() });
  if (request.verifySteps > 0 && !host.signal.aborted) await verify(model, request, data, host);
  const trained = request.epochs > 0 && !host.signal.aborted ? await train(model, request, data, host) : null;
  const stopped = host.signal.aborted;
  const tested = stopped ? { testLoss: null, testAccuracy: null, predictions: [] } : await test(model, request, data);
  return {
    adapter,
    backend,
    stopped,
    ...tested,
    epochs: trained?.history.epochs ?? 0,
    steps: trained?.history.steps ?? 0,
    stepsHere: trained?.stepsHere ?? 0,
    seconds: trained?.seconds ?? 0,
    samplesPerSecond: trained?.samplesPerSecond ?? 0,
    trainLoss: trained?.history.history.loss?.at(-1) ?? null,
    weights: await model.getWeights(),
  };
}

/** @throws DeltapropError with a message for the user */
export async function runJob(request: JobRequest, data: JobData, host: JobHost<JobEvent>): Promise<JobResult> {
  const model = buildModel(request.model);
  try {
    return await runModel(model, request, data, host);
  } finally {
    model.dispose();
  }
}
