// The command's WebGPU in Node: that of the npm package `webgpu`, for as long as a job runs.

import { provide, setNavigatorGpu } from "../node/provide.ts";
import { importWebgpu } from "./optional.ts";

/** @throws UnsupportedError if the package is not there or does not load */
export async function giveWebgpu(): Promise<void> {
  provide(await importWebgpu());
}

/** Dawn keeps the process alive for as long as something refers to it. */
export const takeWebgpu = (): void => setNavigatorGpu(undefined);
