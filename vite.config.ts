// Builds dist/ in one run (`vite build --app`): the library (index.js; files beside it that it loads when it needs them: validate-all.js for what
// calls are rarely given and for mistakes, by-steps.js for fit({ steps }), float64.js the reference, limits.js when something does not
// fit, autotune.js to measure, persistent.js, recurrent.js, normalized.js, uncommon.js and blocks.js for networks of their kind, debug.js to log, recovery.js and
// unsupported.js when something goes wrong, checkpointing.js, client.js for trainInWorker(); and what they share), its worker, both once
// more, minified, in dist/min, tfjs.js with the names of TensorFlow.js, callbacks.js, files.js, onnx.js and keras-files.js with model files (all
// also minified), node.js, and the command line with its page, which import the library instead of holding a second copy.
// Types come from tsc (tsconfig.build.json).

import { fileURLToPath } from "node:url";
import { defineConfig, type EnvironmentOptions } from "vite";
import { licencesAtBuild } from "./build/licences.ts";
import { wgslAtBuild } from "./build/wgsl.ts";
import { THREAD_FILE, WORKER_FILE, workerUrlAtBuild } from "./build/worker-url.ts";

const inSource = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

/** Modules that dist/index.js exports: whoever else needs them imports it, so that error classes exist once. */
const LIBRARY = new Set([inSource("index.ts"), inSource("errors.ts")]);
const LIBRARY_FILE = "./index.js";
/** What the names of TensorFlow.js load for model files. */
const FILES = inSource("files/index.ts"),
  FILES_FILE = "./files.js";
/** Files of the WebAssembly engine behind its doors (src/wasm/lazy.ts). */
const LATER_IN_WASM = /\/wasm\/(team|threads|barrier|uncommon|penalties|sequence|recurrent|gated|normalization)[\w-]*\.ts/;
/** Optional peers: looked for when they are needed. */
const PEERS = ["puppeteer", "webgpu", "mnist", "h5wasm"];

/** One entry → one file. `consumer` decides whether Node's own modules may be imported; minified ones go to a folder of their own. */
function oneFile(entry: string, name: string, consumer: "client" | "server", minify = false): EnvironmentOptions {
  const isLibrary = name === "index.js",
    importsLibrary = !isLibrary && name !== WORKER_FILE && name !== THREAD_FILE;
  return {
    consumer,
    resolve: consumer === "server" ? { noExternal: true, external: PEERS } : {},
    build: {
      outDir: minify ? "dist/min" : "dist",
      emptyOutDir: false,
      copyPublicDir: false,
      modulePreload: false,
      target: "es2022",
      reportCompressedSize: false,
      minify,
      rolldownOptions: {
        input: inSource(entry),
        preserveEntrySignatures: "strict",
        // Else rolldown's own helpers would import Node's modules.
        ...(importsLibrary && name !== "cli.js" && { platform: "browser" }),
        external: (id: string) => importsLibrary && (LIBRARY.has(id) || (name === "tfjs.js" && id === FILES)),
        output: {
          format: "es",
          entryFileNames: name,
          chunkFileNames: "[name].js",
          // What several files need goes into one, however it is shared out; but what a page may import or do without has files of
          // its own (with what they need in files before them, since a group takes along what it imports).
          codeSplitting: isLibrary && {
            groups: [
              { name: "errors", test: /\/src\/(errors|model\/checks|model\/schedules)\.ts/, priority: 2 },
              { name: "formats", test: /\/src\/formats\//, priority: 1 },
              { name: "storage", test: /\/src\/storage\//, priority: 1 },
              { name: "choice-store", test: /\/src\/gpu\/choice-store\.ts/, priority: 1 },
              { name: "changing-rates", test: /\/src\/model\/(changing-rates|rebuild-schedule)\.ts/, priority: 1 },
              { name: "arrays", test: /\/src\/train\/data\/arrays\.ts/, priority: 1 },
              // What some of the files that are loaded later need, and no page at once.
              {
                name: "seldom",
                test: /\/src\/(model\/(normal-forms|loss-details)|graph\/metric-kinds|train\/backend\/yield)\.ts/,
                priority: 1,
              },
              { name: "gates", test: /\/src\/graph\/gated-operands\.ts/, priority: 1 },
              { name: "shared", minShareCount: 2, test: (id: string) => !id.includes("/src/wasm/") },
              // The WebAssembly engine without what it loads later; what that needs of it stays in its file.
              {
                name: "wasm",
                test: (id: string) => /\/src\/(wasm\/|train\/engines\/(wasm-backend|slices))/.test(id) && !LATER_IN_WASM.test(id),
              },
            ],
          },
          paths: (id: string) => (LIBRARY.has(id) ? LIBRARY_FILE : id === FILES ? FILES_FILE : id),
        },
      },
    },
  };
}

export default defineConfig({
  publicDir: false,
  // cli.licences.txt beside cli.js, and the like beside the other files that bundle packages.
  plugins: [
    wgslAtBuild(),
    workerUrlAtBuild((environment) => environment.endsWith("orker")),
    licencesAtBuild((entry) => entry.replace(/js$/, "licences.txt")),
  ],
  environments: {
    // As for a server: for browsers Vite would wrap import() in code of its own, which no other build could take in.
    client: oneFile("index.ts", "index.js", "server"),
    // All in one file, also what the library loads when it needs it: not every bundler cuts a worker into several.
    worker: oneFile("train/worker/worker.ts", WORKER_FILE, "server"),
    // One thread of the WebAssembly engine.
    thread: oneFile("wasm/thread.js", THREAD_FILE, "server"),
    // The names of TensorFlow.js, and models as files: entries of their own.
    tfjs: oneFile("tfjs/index.ts", "tfjs.js", "server"),
    files: oneFile("files/index.ts", "files.js", "server"),
    onnx: oneFile("files/onnx/index.ts", "onnx.js", "server"),
    kerasFiles: oneFile("files/keras/index.ts", "keras-files.js", "server"),
    // Callbacks of Keras, the same.
    callbacks: oneFile("callbacks/index.ts", "callbacks.js", "client"),
    // For pages without a bundler. Elsewhere names stay readable in stack traces, and the bundler minifies.
    // A GPU for Node. Its npm package is no part of it.
    node: oneFile("node/index.ts", "node.js", "server"),
    minified: oneFile("index.ts", "index.js", "server", true),
    minifiedTfjs: oneFile("tfjs/index.ts", "tfjs.js", "server", true),
    minifiedFiles: oneFile("files/index.ts", "files.js", "server", true),
    minifiedOnnx: oneFile("files/onnx/index.ts", "onnx.js", "server", true),
    minifiedKerasFiles: oneFile("files/keras/index.ts", "keras-files.js", "server", true),
    minifiedCallbacks: oneFile("callbacks/index.ts", "callbacks.js", "client", true),
    minifiedWorker: oneFile("train/worker/worker.ts", WORKER_FILE, "server", true),
    minifiedThread: oneFile("wasm/thread.js", THREAD_FILE, "server", true),
    page: oneFile("cli/page.ts", "page.js", "client"),
    cli: oneFile("cli/main.ts", "cli.js", "server"),
  },
  builder: {
    async buildApp(builder) {
      for (const name of Object.keys(builder.environments)) await builder.build(builder.environments[name]);
    },
  },
});
