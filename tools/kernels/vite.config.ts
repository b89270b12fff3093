// Builds the command `npm run kernels` for Node. The templates of shaders/ stay as they are (no build/wgsl.ts), so that the kernels are
// printed with their comments and indentation; their statements are those that the library runs.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("."),
  publicDir: false,
  resolve: { noExternal: true },
  ssr: { noExternal: true },
  build: {
    ssr: here("main.ts"),
    outDir: here("../../node_modules/.cache/deltaprop-kernels"),
    emptyOutDir: true,
    target: "es2022",
    minify: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { entryFileNames: "main.js" } },
  },
});
