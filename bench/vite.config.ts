// Builds the benchmark: the command for Node, the page, and one bundle per contender, minified as an application would.
// Outside dist/, which is published. With --mode single (`npm run build:bench`) all of it becomes one file for a machine that has
// only Node and the package webgpu. A library that loads a backend only when asked (jax-js) keeps that as a chunk of its own,
// so that its size is what a page fetches.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { defineConfig, type EnvironmentOptions } from "vite";
import { wgslAtBuild } from "../build/wgsl.ts";
import { CONTENDERS } from "./contenders.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const OUT = here("../node_modules/.cache/deltaprop-bench"),
  SINGLE = here("../dist-bench");

function bundle(entry: string, name: string, consumer: "client" | "server"): EnvironmentOptions {
  return {
    consumer,
    resolve: consumer === "server" ? { noExternal: true, external: ["puppeteer", "webgpu", "mnist"] } : {},
    build: {
      outDir: OUT,
      emptyOutDir: false,
      copyPublicDir: false,
      target: "es2022",
      reportCompressedSize: false,
      chunkSizeWarningLimit: 10_000,
      modulePreload: false,
      minify: consumer === "client",
      rolldownOptions: {
        input: here(entry),
        preserveEntrySignatures: "strict",
        output: {
          format: "es",
          entryFileNames: name,
          chunkFileNames: `${name.replace(".js", "")}-[name]-[hash].js`,
          // As the library itself is built (../vite.config.ts).
          codeSplitting: consumer === "client" && { groups: [{ name: "shared", test: /\/(src|shaders)\//, minShareCount: 2 }] },
        },
      },
    },
  };
}

const bundles = Object.fromEntries(
  CONTENDERS.map(({ file }) => [file.replaceAll("-", "_"), bundle(`contenders/${file}.ts`, `${file}.js`, "client")]),
);
const environments = {
  ...bundles,
  roofline: bundle("roofline/roofline.ts", "roofline.js", "client"),
  page: bundle("page.ts", "page.js", "client"),
  main: bundle("main.ts", "main.js", "server"),
};

/** The command, with the bundles that Node can run as text before it: built-files.ts reads them there. */
async function writeSingleFile(): Promise<void> {
  const forPages = ["page", ...CONTENDERS.filter(({ assets }) => assets.length > 0).map(({ file }) => file)];
  const isForNode = (name: string) => name.endsWith(".js") && name !== "main.js" && !forPages.includes(name.slice(0, -".js".length));
  const texts: Record<string, string> = {};
  for (const name of (await readdir(OUT)).filter(isForNode)) texts[name] = await readFile(`${OUT}/${name}`, "utf8");
  const command = await readFile(`${OUT}/main.js`, "utf8");
  await mkdir(SINGLE, { recursive: true });
  await writeFile(`${SINGLE}/bench.mjs`, `globalThis.deltapropBench = ${JSON.stringify(texts)};\n${command}`);
}

export default defineConfig(({ mode }) => ({
  root: here("."),
  publicDir: false,
  plugins: [wgslAtBuild()],
  environments,
  builder: {
    async buildApp(builder) {
      await rm(OUT, { recursive: true, force: true });
      for (const name of Object.keys(environments)) await builder.build(builder.environments[name]);
      if (mode === "single") await writeSingleFile();
    },
  },
}));
