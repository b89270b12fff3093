// Builds dist-bench/campaign.mjs (`npm run build:campaign`): the command, with the bundle of the GPU tests and the script for PyTorch
// before it as text. Beside the npm package webgpu it needs nothing.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { defineConfig, type EnvironmentOptions } from "vite";
import { wgslAtBuild } from "../../build/wgsl.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const OUT = here("../../node_modules/.cache/deltaprop-campaign"),
  SINGLE = here("../../dist-bench"),
  TESTS = here("../../test/gpu");

function oneFile(input: string, name: string): EnvironmentOptions {
  return {
    consumer: "server",
    resolve: { noExternal: true, external: ["puppeteer", "webgpu", "mnist"] },
    build: {
      outDir: OUT,
      emptyOutDir: false,
      copyPublicDir: false,
      target: "es2022",
      minify: false,
      reportCompressedSize: false,
      chunkSizeWarningLimit: 10_000,
      modulePreload: false,
      rolldownOptions: {
        input: here(input),
        preserveEntrySignatures: "strict",
        output: { format: "es", entryFileNames: name, codeSplitting: false },
      },
    },
  };
}

async function writeSingleFile(): Promise<void> {
  const testFiles = (await readdir(TESTS, { recursive: true }))
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => path.slice(0, -".test.ts".length));
  // Those that take minutes on a CPU come last.
  testFiles.sort((a, b) => Number(a.includes("/")) - Number(b.includes("/")) || a.localeCompare(b));
  const [tests, pytorch, command] = await Promise.all(
    [`${OUT}/tests.js`, here("../peers/pytorch.py"), `${OUT}/main.js`].map((path) => readFile(path, "utf8")),
  );
  await mkdir(SINGLE, { recursive: true });
  await writeFile(`${SINGLE}/campaign.mjs`, `globalThis.deltapropCampaign = ${JSON.stringify({ tests, testFiles, pytorch })};\n${command}`);
}

export default defineConfig({
  root: here("."),
  publicDir: false,
  plugins: [wgslAtBuild()],
  // Only the tests import it.
  resolve: { alias: [{ find: /^vitest$/, replacement: here("../../test/campaign/vitest.ts") }] },
  environments: { main: oneFile("main.ts", "main.js"), tests: oneFile("../../test/campaign/tests.ts", "tests.js") },
  builder: {
    async buildApp(builder) {
      await rm(OUT, { recursive: true, force: true });
      for (const name of ["main", "tests"]) await builder.build(builder.environments[name]);
      await writeSingleFile();
    },
  },
});
