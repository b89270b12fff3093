// Builds the benchmark: the command for Node, the page, and one bundle per contender, minified as an application would.
// Outside dist/, which is published. A library that loads a backend only when asked (jax-js) keeps that as a chunk of its own,
// so that its size is what a page fetches.

import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { defineConfig, type EnvironmentOptions } from "vite";
import { CONTENDERS } from "./contenders.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const OUT = here("../node_modules/.cache/deltaprop-bench");

function bundle(entry: string, name: string, consumer: "client" | "server"): EnvironmentOptions {
  return {
    consumer,
    resolve: consumer === "server" ? { noExternal: true, external: ["puppeteer", "webgpu", "mnist"] } : {},
    build: {
      outDir: OUT, emptyOutDir: false, copyPublicDir: false, target: "es2022",
      reportCompressedSize: false, chunkSizeWarningLimit: 10_000, modulePreload: false, minify: consumer === "client",
      rolldownOptions: {
        input: here(entry), preserveEntrySignatures: "strict",
        output: {
          format: "es", entryFileNames: name, chunkFileNames: `${name.replace(".js", "")}-[name]-[hash].js`,
          codeSplitting: consumer === "client",
        },
      },
    },
  };
}

const bundles = Object.fromEntries(CONTENDERS.map(({ file }) =>
  [file.replaceAll("-", "_"), bundle(`contenders/${file}.ts`, `${file}.js`, "client")]));
const environments = {
  ...bundles, page: bundle("page.ts", "page.js", "client"), main: bundle("main.ts", "main.js", "server"),
};

export default defineConfig({
  root: here("."),
  publicDir: false,
  environments,
  builder: {
    async buildApp(builder) {
      await rm(OUT, { recursive: true, force: true });
      for (const name of Object.keys(environments)) await builder.build(builder.environments[name]);
    },
  },
});
