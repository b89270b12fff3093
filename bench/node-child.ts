// The process behind one question under Node: has what a page has (navigator.gpu and the WebGPU constants, from the npm
// package `webgpu`), imports one contender's bundle, answers and ends.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { answer, describeAdapter } from "./measure.ts";
import { giveBenchWebgpu } from "./node-webgpu.ts";
import { fromText, toText, type AnyQuestion } from "./protocol.ts";

export const ANSWER_FLAG = "--answer-one-question";

export interface ToChild {
  /** As text; null asks for the adapter's name. */
  readonly question: string | null;
  /** Where the bundles lie. */
  readonly folder: string;
}

/** TensorFlow.js' build for browsers takes a process for Node, and fails, unless it sees a page's or a worker's global. */
const pretendToBeAWorker = (): void => void Object.assign(globalThis, { WorkerGlobalScope: class {} });

async function reply({ question, folder }: ToChild): Promise<string> {
  await giveBenchWebgpu();
  pretendToBeAWorker();
  if (question === null) return describeAdapter();
  return toText(
    await answer(fromText(question) as AnyQuestion, {
      load: (bundle) => import(/* @vite-ignore */ pathToFileURL(join(folder, bundle)).href) as Promise<unknown>,
      fetchedSince: () => [],
    }),
  );
}

/** Waits for the question that NodeHost sends. */
export function answerOneQuestion(): void {
  process.once("message", (message: ToChild) => {
    reply(message).then(
      (text) => process.send!({ answer: text }),
      (error: unknown) => process.send!({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
}
