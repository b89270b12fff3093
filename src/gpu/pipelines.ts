// Compute pipelines, made once for each source and compiled side by side.

import { GpuError } from "../errors.ts";
import type { Launch } from "../schedule/launch.ts";
import { SHADER_STAGE } from "./constants.ts";
import { loadUnsupported } from "../lazy.ts";

export class PipelineCache {
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(readonly device: GPUDevice) {}

  /** Compiles side by side what get() is to give. */
  start(launches: readonly Launch[]): void {
    for (const launch of launches)
      this.get(launch).catch(() => {
        /* get() gives the same promise to who needs it. */
      });
  }

  /** @throws GpuError with the numbered source if the shader does not compile */
  get(launch: Launch): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(launch.source);
    if (!pipeline) {
      pipeline = this.#create(launch);
      this.#pipelines.set(launch.source, pipeline);
    }
    return pipeline;
  }

  async #create(launch: Launch): Promise<GPUComputePipeline> {
    const { device } = this,
      { kernel, source, bindings, table } = launch;
    // "auto" layouts know no dynamic offsets, which choose the step's numbers.
    const layout = device.createBindGroupLayout({
      label: kernel,
      entries: [
        {
          binding: 0,
          visibility: SHADER_STAGE.compute,
          buffer: table === "uniform" ? { type: "uniform", hasDynamicOffset: true } : { type: "read-only-storage" },
        },
        ...bindings.map(({ access }, i): GPUBindGroupLayoutEntry => ({
          binding: i + 1,
          visibility: SHADER_STAGE.compute,
          buffer: { type: access === "read" ? "read-only-storage" : "storage" },
        })),
      ],
    });
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label: kernel, code: source });
    const scope = device.popErrorScope();
    const pipeline = device.createComputePipelineAsync({
      label: kernel,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    try {
      const [created] = await Promise.all([pipeline, scope]);
      return created;
    } catch (error) {
      // Who lost the GPU while kernels compiled may have lost the network, too.
      const words = await loadUnsupported().then(
        ({ doesNotCompile }) => doesNotCompile(launch, module, error),
        () => `kernel ${kernel}: ${String(error)}`,
      );
      throw new GpuError(words);
    }
  }
}
