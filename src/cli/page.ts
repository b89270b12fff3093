// The page that trains: fetches the job and its arrays, runs the job, posts the weights back. Shows nothing.

import { encodeSafetensors } from "../formats/safetensors.ts";
import { startJob, type Job } from "./jobs.ts";
import { pageStore } from "./page-store.ts";
import { arraysIn, DONE_FUNCTION, EVENT_FUNCTION, FAILED_FUNCTION, PATHS, STOP_FUNCTION, toJson, toSent, unpack } from "./protocol.ts";

type Send = (json: string) => Promise<void>;
const functions = globalThis as unknown as Record<string, Send | (() => void)>;
const send = (name: string, value: unknown) => (functions[name] as Send)(toJson(value));

const stop = new AbortController();
functions[STOP_FUNCTION] = () => stop.abort();

async function bytesOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function fetchJob(): Promise<Job> {
  const json = new TextDecoder().decode(await bytesOf(PATHS.job));
  const arrays = Array.from({ length: arraysIn(json) }, (_, at) => bytesOf(PATHS.array(at)));
  return unpack(json, await Promise.all(arrays)) as Job;
}

async function main(): Promise<void> {
  const emit = (event: unknown) => void send(EVENT_FUNCTION, event);
  const { weights, ...outcome } = await startJob(await fetchJob(), { emit, signal: stop.signal, store: pageStore });
  await fetch(PATHS.weights, { method: "POST", body: encodeSafetensors(weights) });
  await send(DONE_FUNCTION, outcome);
}

main().catch((error: unknown) => send(FAILED_FUNCTION, toSent(error)));
