// Words for what a host or its device refuses: there is no device, it has no f16, it does not compile a kernel. Loaded then.

import type { Launch } from "../schedule/launch.ts";

const BROWSERS =
  "Chrome and Edge 113+, Safari 26+ and Firefox 141+ have WebGPU, on pages of https or localhost; " +
  "on Linux Chrome needs --enable-unsafe-webgpu.";
const NODE =
  'Node has WebGPU by the npm package "webgpu" and a Vulkan, Metal or Direct3D 12 driver. Run: npm install webgpu, and import ' +
  '"deltaprop/node" first.';

/** Whether this is Node, and neither Deno nor Bun, which say that they are compatible. */
function inNode(): boolean {
  const { versions } = (globalThis as { process?: { versions?: Readonly<Record<string, string | undefined>> } }).process ?? {};
  return versions?.node !== undefined && versions.bun === undefined && versions.deno === undefined;
}

/** @param thrown what the host threw when it was asked for a device; undefined if it has none to give */
export function withoutDevice(gpu: GPU | undefined, thrown: ErrorOptions | undefined, isNode = inNode()): string {
  const what = !gpu
    ? "this host has no WebGPU (navigator.gpu is missing)"
    : "WebGPU is there but " +
      (!thrown ? "offers no adapter" : `gives no device (${thrown.cause instanceof Error ? thrown.cause.message : String(thrown.cause)})`);
  return `compile(): ${what}. ${isNode ? NODE : BROWSERS} Or compile with backend: "wasm".`;
}

/** @param adapter of a device of our own; null for one that was given */
export const withoutHalf = (adapter: string | null): string =>
  'compile(): precision "f16" needs the WebGPU feature "shader-f16", which ' +
  (adapter !== null
    ? `${adapter} does not offer. Leave precision at "f32".`
    : 'the device that was given has not. Request it with requiredFeatures: ["shader-f16"], or leave precision at "f32".');

/** The generated source with line numbers: a compile error is useless without it. */
function numbered(source: string): string {
  return source
    .split("\n")
    .map((line, i) => `${String(i + 1).padStart(4)}  ${line}`)
    .join("\n");
}

async function compileErrors(module: GPUShaderModule): Promise<string[]> {
  const { messages } = await module.getCompilationInfo();
  return messages.filter(({ type }) => type === "error").map(({ lineNum, linePos, message }) => `line ${lineNum}:${linePos} ${message}`);
}

/** @param error why there is no pipeline of the launch */
export async function doesNotCompile({ kernel, label, source }: Launch, module: GPUShaderModule, error: unknown): Promise<string> {
  // Where the GPU's process has crashed nobody can say more.
  const errors = await compileErrors(module).catch(() => []);
  const reason = errors.length > 0 ? errors.join("\n") : String(error);
  return `kernel ${kernel} for ${label} does not compile:\n${reason}\n${numbered(source)}`;
}
