// The process behind one question under Node: has what a page has (navigator.gpu and the WebGPU constants, from the npm
// package `webgpu`), imports one contender's bundle, answers and ends.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { importWebgpu } from "../src/cli/optional.ts";
import { answer, describeAdapter } from "./measure.ts";
import { fromText, toText, type AnyQuestion } from "./protocol.ts";

export const ANSWER_FLAG = "--answer-one-question";

export interface ToChild {
  /** As text; null asks for the adapter's name. */
  readonly question: string | null;
  /** Where the bundles lie. */
  readonly folder: string;
}

/** Timestamps of their full resolution: Dawn rounds them, against spying pages, to 0.1 ms. */
const DAWN_OPTIONS = ["enable-dawn-features=allow_unsafe_apis", "disable-dawn-features=timestamp_quantization"];

async function giveWebgpu(): Promise<void> {
  const { create, globals } = await importWebgpu();
  Object.assign(globalThis, globals);
  // Node 20 has no navigator; later ones have one without gpu. jax-js reads the name of the browser.
  if (globalThis.navigator === undefined) {
    Object.defineProperty(globalThis, "navigator", { value: { userAgent: `Node.js/${process.versions.node}` } });
  }
  Object.defineProperty(globalThis.navigator, "gpu", { value: create(DAWN_OPTIONS) });
}

/** TensorFlow.js' build for browsers takes a process for Node, and fails, unless it sees a page's or a worker's global. */
const pretendToBeAWorker = (): void => void Object.assign(globalThis, { WorkerGlobalScope: class {} });

async function reply({ question, folder }: ToChild): Promise<string> {
  await giveWebgpu();
  pretendToBeAWorker();
  if (question === null) return describeAdapter();
  return toText(await answer(fromText(question) as AnyQuestion, {
    load: (bundle) => import(/* @vite-ignore */ pathToFileURL(join(folder, bundle)).href) as Promise<unknown>,
    fetchedSince: () => [],
  }));
}

/** Waits for the question that NodeHost sends. */
export function answerOneQuestion(): void {
  process.once("message", (message: ToChild) => {
    reply(message).then(
      (text) => process.send!({ answer: text }),
      (error: unknown) => process.send!({ error: error instanceof Error ? error.message : String(error) }));
  });
}
