// The scripts of the library's workers are named in its source as they lie there, so that Vite finds them for tests and pages that are
// made of the sources. In dist/ their names are both a path from there (dist/deltaprop/worker.js, for pages without a bundler, webpack and
// Parcel) and a name that package.json exports ("deltaprop/worker.js"): Vite 7's dev server looks for a worker from a folder of its own,
// where it has put the library but no worker, and finds the exported one. One worker finds another beside it.

import type { Plugin } from "vite";

/** Of dist/ and dist/min, and of package.json's exports. */
export const WORKER_FILE = "deltaprop/worker.js",
  THREAD_FILE = "deltaprop/thread.js";

/** What stands in the source, by the file that it stands in. */
const IN_SOURCE: readonly { readonly of: RegExp; readonly name: string; readonly file: string }[] = [
  { of: /\/train\/worker\/client\.ts$/, name: "./worker.ts", file: WORKER_FILE },
  { of: /\/wasm\/threads\.ts$/, name: "./thread.js", file: THREAD_FILE },
];

const urlOf = (name: string): string => `new URL("${name}", import.meta.url)`;

/** @param isWorker whether this environment's bundle lies in the folder deltaprop itself */
export const workerUrlAtBuild = (isWorker: (environment: string) => boolean): Plugin => ({
  name: "worker-url-at-build",
  enforce: "pre",
  transform: {
    filter: { id: IN_SOURCE.map(({ of }) => of) },
    handler(code, id) {
      const { name, file } = IN_SOURCE.find(({ of }) => of.test(id))!;
      if (!code.includes(urlOf(name))) throw new Error(`${urlOf(name)} is not there`);
      return {
        code: code.replaceAll(urlOf(name), urlOf(isWorker(this.environment.name) ? file.replace("deltaprop/", "./") : file)),
        map: null,
      };
    },
  },
});
