// The page: fetches one contender's bundle and does with it what the host asks. It knows no contender.

import { answer, describeAdapter, type Loader } from "./measure.ts";
import { fromText, toText, type PageApi, type AnyQuestion } from "./protocol.ts";

const loader: Loader = {
  load: (bundle) => import(/* @vite-ignore */ new URL(bundle, location.href).href) as Promise<unknown>,
  // Its bundle, chunks that this loads, and WebAssembly; not this file and the like, which came before.
  fetchedSince: (started) =>
    performance
      .getEntriesByType("resource")
      .filter(({ startTime }) => startTime >= started)
      .map(({ name }) => name.slice(name.lastIndexOf("/") + 1)),
};

const bench: PageApi = {
  answer: async (question) => toText(await answer(fromText(question) as AnyQuestion, loader)),
  describeAdapter,
};

Object.assign(globalThis, { bench });
