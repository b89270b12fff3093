// How much faster WebAssembly would train here than an emulated GPU did: measured, not guessed.

import { targetsOf, type JobData, type JobRequest } from "./job.ts";
import { buildModel, recipeOf } from "./model-spec.ts";

const SECONDS = 0.5,
  BATCHES = 32,
  SCALE = 1 / 255;

/** Samples a second that WebAssembly trains in this process, by training a model of the kind for about half a second. */
export async function wasmSamplesPerSecond({ model: spec, batchSize }: JobRequest, { train }: JobData): Promise<number> {
  const model = buildModel(spec),
    rows = Math.min(train.rows, BATCHES * batchSize);
  try {
    await model.compile({ ...recipeOf(spec), backend: "wasm" });
    const images = train.images.subarray(0, rows * train.features),
      targets = targetsOf({ ...train, rows, labels: train.labels.subarray(0, rows) }, spec);
    const epoch = () => model.fit(images, targets, { epochs: 1, batchSize, scale: SCALE });
    // The first ones are compiled while they run.
    for (let warm = 0; warm < 3; warm++) await epoch();
    const began = performance.now();
    let samples = 0;
    for (; performance.now() - began < SECONDS * 1000; samples += rows) await epoch();
    return (samples * 1000) / (performance.now() - began);
  } finally {
    model.dispose();
  }
}

/** A line for people; null where it would not be faster. */
export function describeFactor(here: number, wasm: number): string | null {
  const factor = wasm / here;
  return factor > 1.1
    ? `This GPU is emulated: --backend wasm trains ${factor.toFixed(1)} times as fast here (${Math.round(wasm).toLocaleString("en")} samples/s).`
    : null;
}
