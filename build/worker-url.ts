// The library's worker is named in its source as it lies there, so that Vite finds it for tests and pages that are made of the
// sources. In dist/ it lies beside the others, built.

import type { Plugin } from "vite";

const IN_SOURCE = 'new URL("./worker.ts", import.meta.url)';

export const workerUrlAtBuild = (): Plugin => ({
  name: "worker-url-at-build",
  enforce: "pre",
  transform: {
    filter: { id: /\/train\/worker\/client\.ts$/ },
    handler(code) {
      if (!code.includes(IN_SOURCE)) throw new Error(`${IN_SOURCE} is not there`);
      return { code: code.replace(IN_SOURCE, 'new URL("./worker.js", import.meta.url)'), map: null };
    },
  },
});
