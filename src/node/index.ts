// deltaprop/node: `import "deltaprop/node"` finds a GPU in Node by the npm package `webgpu` (Dawn), if that is installed; else it says what
// to install. Where there is a navigator.gpu already, and in hosts other than Node, it does nothing.

import { provide } from "./provide.ts";

/** What to do, or null if there is a WebGPU now or none is looked for. */
async function findWebgpu(): Promise<string | null> {
  const { versions } = (globalThis as { process?: NodeJS.Process }).process ?? {};
  const isNode = versions?.node !== undefined && versions.bun === undefined && versions.deno === undefined;
  if (!isNode || (globalThis.navigator as Navigator | undefined)?.gpu) return null;
  try {
    provide(await import("webgpu"));
    return null;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error),
      { code } = error as { code?: string };
    return code === "ERR_MODULE_NOT_FOUND" && !text.includes("dawn.node")
      ? 'the npm package "webgpu" is not installed. Run: npm install webgpu'
      : `the npm package "webgpu" does not load on ${process.platform} ${process.arch} (${text}). Reinstall it, and let its install script run.`;
  }
}

const remedy = await findWebgpu();
if (remedy !== null) console.warn(`deltaprop/node: there is no WebGPU: ${remedy}\nUntil then backend "auto" trains on WebAssembly.`);

export {};
