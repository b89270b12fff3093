// The page that trains: fetches the job and the digits, runs the job, posts the weights back. Shows nothing.

import { decodeSafetensors, encodeSafetensors } from "../formats/safetensors.ts";
import { runJob, type JobData } from "./job.ts";
import {
  DONE_FUNCTION, EVENT_FUNCTION, FAILED_FUNCTION, fromJson, PATHS, STOP_FUNCTION, toJson, toSent, type JobFile, type Outcome,
} from "./protocol.ts";

type Send = (json: string) => Promise<void>;
const functions = globalThis as unknown as Record<string, Send | (() => void)>;
const send = (name: string, value: unknown) => (functions[name] as Send)(toJson(value));

const stop = new AbortController();
functions[STOP_FUNCTION] = () => stop.abort();

async function bytesOf(path: string): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function fetchData(file: JobFile): Promise<JobData> {
  return {
    train: { ...file.train, images: await bytesOf(PATHS.trainImages), labels: await bytesOf(PATHS.trainLabels) },
    test: { ...file.test, images: await bytesOf(PATHS.testImages), labels: await bytesOf(PATHS.testLabels) },
    weights: file.hasWeights ? decodeSafetensors(await bytesOf(PATHS.weightsIn)).tensors : null,
  };
}

async function main(): Promise<void> {
  const file = fromJson(await (await fetch(PATHS.job)).text()) as JobFile;
  const emit = (event: unknown) => void send(EVENT_FUNCTION, event);
  const { weights, ...outcome } = await runJob(file.request, await fetchData(file), { emit, signal: stop.signal });
  await fetch(PATHS.weightsOut, { method: "POST", body: encodeSafetensors(weights) });
  await send(DONE_FUNCTION, outcome satisfies Outcome);
}

main().catch((error: unknown) => send(FAILED_FUNCTION, toSent(error)));
