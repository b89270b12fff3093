// `unit` runs in Node without a GPU, and `e2e` what drives a browser from there, the page and the command as users have them; the files under test/gpu in headless Chrome (`chrome`) or Firefox (`firefox`), in Node with the
// npm package `webgpu` (`node-gpu`), or in Deno (`deno`, started by test/hosts). `consumers` installs the
// package as others do, `interop` runs other programs on its files. Without an adapter these fail; they never skip. `wasm` runs the files under test/gpu that are about the
// library, whatever the engine, on the WebAssembly engine in Node.

import { defineConfig } from "vitest/config";
import { puppeteerProvider } from "./test/support/puppeteer-provider.ts";

const GPU_TESTS = ["test/gpu/**/*.test.ts"],
  CONSUMERS = ["test/consumers/*.test.ts"];
/** What takes a quarter of an hour on the CPU: npm run test:ulp. */
const EXHAUSTIVE = ["test/wasm/slow/*.test.ts"];
/** What needs programs from outside npm: npm run test:interop. */
const INTEROP = ["test/interop/*.test.ts"];
/** Files of test/gpu about what only a GPU has: adapters and devices, launches, pipelines, WGSL, f16; and about workers of a page. */
const GPU_ALONE = [
  "adapter",
  "api/devices",
  "autotune",
  "canary",
  "checked",
  "choice-store",
  "debug",
  "device-loss",
  "fused",
  "gated",
  "half",
  "launches",
  "kernels/normalization",
  "precision",
  "race",
  "recurrent",
  "persistent",
  "kernels/variants",
  "worker",
  "slow/out-of-memory",
  "slow/product-variants",
].map((name) => `test/gpu/${name}.test.ts`);
/** What starts browsers, in which training takes its time: npm run test:e2e. */
const END_TO_END = [
  ...["address", "clock", "digits", "page", "playground", "policy", "text"].map((name) => `demo/${name}`),
  ...["char-rnn-command", "command", "debug", "gelu-before", "hanging-browser", "lost-gpu", "resume"].map((name) => `cli/${name}`),
  ...["gpu-crash", "hidden", "long-run", "page-alive", "reload"].map((name) => `train/${name}`),
].map((name) => `test/${name}.test.ts`);
/** Training on a software adapter takes seconds, and so does compiling for it. */
const GPU_TIMEOUTS = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      // Some start processes; a busy machine with two cores takes its time over that.
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...GPU_TESTS, ...CONSUMERS, ...EXHAUSTIVE, ...END_TO_END, ...INTEROP],
          testTimeout: 60_000,
        },
      },
      { test: { name: "e2e", include: END_TO_END, fileParallelism: false, testTimeout: 60_000 } },
      { test: { name: "exhaustive", include: EXHAUSTIVE, testTimeout: 3_600_000 } },
      { test: { name: "consumers", include: CONSUMERS } },
      { test: { name: "interop", include: INTEROP, testTimeout: 60_000 } },
      {
        // Named here, so that no package is first met, and the page reloaded, in the middle of a run.
        optimizeDeps: { include: ["wgsl-preprocessor/wgsl-preprocessor.js", "fast-check"] },
        test: {
          name: "browser",
          include: GPU_TESTS,
          fileParallelism: false,
          ...GPU_TIMEOUTS,
          setupFiles: ["test/support/firefox-nudge.ts"],
          browser: {
            enabled: true,
            headless: true,
            provider: puppeteerProvider,
            screenshotFailures: false,
            instances: [
              { browser: "chrome", name: "chrome" },
              { browser: "firefox", name: "firefox" },
            ],
          },
        },
      },
      {
        test: {
          name: "deno",
          include: GPU_TESTS,
          fileParallelism: false,
          pool: "threads",
          isolate: false,
          ...GPU_TIMEOUTS,
          setupFiles: ["test/support/deno.ts"],
        },
      },
      {
        test: {
          name: "node-gpu",
          include: GPU_TESTS,
          fileParallelism: false,
          ...GPU_TIMEOUTS,
          setupFiles: ["test/support/node-gpu.ts"],
        },
      },
      {
        test: {
          name: "wasm",
          include: GPU_TESTS,
          exclude: GPU_ALONE,
          ...GPU_TIMEOUTS,
          provide: { engine: "wasm" },
        },
      },
    ],
  },
});
