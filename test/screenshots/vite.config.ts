// Builds main.ts for Node, which runs no TypeScript; packages stay where they are.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  publicDir: false,
  build: {
    ssr: here("main.ts"),
    outDir: here("../../node_modules/.cache/deltaprop-screenshots"),
    emptyOutDir: true,
    target: "es2022",
    rolldownOptions: { output: { entryFileNames: "main.js" } },
  },
});
