// The training of a character-level language model: the same code in Node and in the page, on the public API alone. It gets plain
// values and arrays, tells what happens through a callback, and returns results and weights. It prints nothing, reads no file.

import type { NamedTensor } from "../formats/safetensors.ts";
import { windows, type Sequential } from "../index.ts";
import type { BackendName } from "./backends.ts";
import type { CommandDebugLevel } from "./debug-level.ts";
import { checkpointOptions, fitEvents, secondsSince, type Checkpoints, type FitEvent, type JobHost, type EpochLogs } from "./fit-events.ts";
import { buildTextModel, textRecipe, type TextSpec } from "./text-model.ts";
import { Sampler, type Drawing } from "./text-sampler.ts";

/** Everything but the arrays: it travels to the page as JSON. */
export interface TextRequest {
  readonly model: TextSpec;
  readonly backend: BackendName;
  readonly epochs: number;
  /** Characters of a window: so far back goes the gradient. */
  readonly length: number;
  /** Windows of a mini-batch: the text is read at so many places at once. */
  readonly batchSize: number;
  /** What is written after each epoch; a count of 0 for nothing. */
  readonly drawing: Drawing;
  /** compile()'s option; default 0. */
  readonly debug?: CommandDebugLevel;
  readonly checkpoints: Checkpoints | null;
}

export interface TextData {
  /** The text as places in the vocabulary. */
  readonly places: Uint8Array | Uint32Array;
  /** Weights to start from, in the order of the layers; null to start from the seed. */
  readonly weights: readonly NamedTensor[] | null;
}

/** `text` is null where the weights are no numbers any more. */
export type TextEvent = FitEvent | { readonly type: "sample"; readonly epoch: number; readonly text: string | null };

export interface TextResult {
  readonly adapter: string;
  readonly backend: string;
  /** Stopped by Ctrl-C. */
  readonly stopped: boolean;
  readonly epochs: number;
  readonly steps: number;
  /** How many of them this process trained: the others came with a checkpoint. */
  readonly stepsHere: number;
  /** Of training, with the first compilation of the shaders and without the samples. */
  readonly seconds: number;
  readonly charactersPerSecond: number;
  /** Of each epoch: the mean loss, and e^loss. */
  readonly loss: number[];
  readonly perplexity: number[];
  /** The last one written; null if there was none. */
  readonly sample: string | null;
  readonly weights: NamedTensor[];
}

/** How many characters the model takes for equally likely, on average. */
const perplexityOf = (loss: number): number => Math.exp(loss);
const withPerplexity = ({ loss }: EpochLogs): EpochLogs => ({ loss, perplexity: perplexityOf(loss) });

async function train(model: Sequential, sampler: Sampler, request: TextRequest, { places }: TextData, host: JobHost<TextEvent>) {
  const { epochs, length, batchSize, drawing, checkpoints } = request;
  const { x, y, rows } = windows(places, { length, batchSize });
  const { callbacks, trained } = fitEvents(model, host, {
    epochSamples: rows * length,
    batchSize,
    samplesPerRow: length,
    describe: withPerplexity,
  });
  const start = performance.now();
  let sample: string | null = null,
    sampling = 0;
  const history = await model.fit(x, y, {
    epochs,
    batchSize,
    shuffle: false,
    signal: host.signal,
    ...checkpointOptions(checkpoints, host),
    callbacks: {
      ...callbacks,
      onEpochBegin(epoch) {
        // The text begins again.
        model.resetStates();
        return callbacks.onEpochBegin(epoch);
      },
      async onEpochEnd(epoch, logs) {
        await callbacks.onEpochEnd(epoch, logs);
        if (drawing.count === 0 || host.signal.aborted) return;
        const sampleStart = performance.now();
        sample = await sampler.draw(await model.getWeights(), drawing, epoch);
        sampling += secondsSince(sampleStart);
        host.emit({ type: "sample", epoch, text: sample });
      },
    },
  });
  const seconds = secondsSince(start) - sampling;
  return { sample, history, seconds, stepsHere: trained.steps, charactersPerSecond: seconds > 0 ? trained.samples / seconds : 0 };
}

async function runModel(
  model: Sequential,
  sampler: Sampler,
  request: TextRequest,
  data: TextData,
  host: JobHost<TextEvent>,
): Promise<TextResult> {
  await model.compile({ ...textRecipe(request.model), backend: request.backend, debug: request.debug });
  if (data.weights !== null) await model.setWeights(data.weights);
  const { adapter, backend } = model;
  host.emit({ type: "ready", adapter, backend, summary: model.summary() });
  const trained = host.signal.aborted ? null : await train(model, sampler, request, data, host);
  const loss = trained?.history.history.loss ?? [];
  return {
    adapter,
    backend,
    stopped: host.signal.aborted,
    loss,
    perplexity: loss.map(perplexityOf),
    epochs: trained?.history.epochs ?? 0,
    steps: trained?.history.steps ?? 0,
    stepsHere: trained?.stepsHere ?? 0,
    seconds: trained?.seconds ?? 0,
    charactersPerSecond: trained?.charactersPerSecond ?? 0,
    sample: trained?.sample ?? null,
    weights: await model.getWeights(),
  };
}

/** @throws DeltapropError with a message for the user */
export async function runTextJob(request: TextRequest, data: TextData, host: JobHost<TextEvent>): Promise<TextResult> {
  const model = buildTextModel(request.model, request.length);
  try {
    const sampler = await Sampler.open(request.model);
    try {
      return await runModel(model, sampler, request, data, host);
    } finally {
      sampler.dispose();
    }
  } finally {
    model.dispose();
  }
}
