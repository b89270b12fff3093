// `npm run demo` serves this folder; `npm run build:demo` writes it to dist/demo, for any web server.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { wgslAtBuild } from "../build/wgsl.ts";
import { digits } from "./digits-plugin.ts";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  publicDir: false,
  plugins: [digits()],
  // Only workers hold the library.
  worker: { format: "es", plugins: () => [wgslAtBuild()] },
  build: { outDir: "../dist/demo", emptyOutDir: true, target: "es2022" },
});
