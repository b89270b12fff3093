// Compute pipelines, made once for each source and compiled side by side.

import { GpuError } from "../errors.ts";
import type { Launch } from "../schedule/launch.ts";
import { SHADER_STAGE } from "./constants.ts";

/** The generated source with line numbers: a compile error is useless without it. */
function numbered(source: string): string {
  return source.split("\n").map((line, i) => `${String(i + 1).padStart(4)}  ${line}`).join("\n");
}

async function compileErrors(module: GPUShaderModule): Promise<string[]> {
  const { messages } = await module.getCompilationInfo();
  return messages.filter(({ type }) => type === "error")
    .map(({ lineNum, linePos, message }) => `line ${lineNum}:${linePos} ${message}`);
}

export class PipelineCache {
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(readonly device: GPUDevice) {}

  /** Compiles side by side what get() is to give. */
  start(launches: readonly Launch[]): void {
    for (const launch of launches) this.get(launch).catch(() => { /* get() gives the same promise to who needs it. */ });
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

  async #create({ kernel, label, source, bindings, table }: Launch): Promise<GPUComputePipeline> {
    const { device } = this;
    // "auto" layouts know no dynamic offsets, which choose the step's numbers.
    const layout = device.createBindGroupLayout({
      label: kernel,
      entries: [
        { binding: 0, visibility: SHADER_STAGE.compute, 
          buffer: table === "uniform" ? { type: "uniform", hasDynamicOffset: true } : { type: "read-only-storage" } },
        ...bindings.map(({ access }, i): GPUBindGroupLayoutEntry => ({
          binding: i + 1, visibility: SHADER_STAGE.compute,
          buffer: { type: access === "read" ? "read-only-storage" : "storage" },
        })),
      ],
    });
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label: kernel, code: source });
    const scope = device.popErrorScope();
    const pipeline = device.createComputePipelineAsync({
      label: kernel, layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    try {
      const [created] = await Promise.all([pipeline, scope]);
      return created;
    } catch (error) {
      // Where the GPU's process has crashed nobody can say more.
      const errors = await compileErrors(module).catch(() => []);
      const reason = errors.length > 0 ? errors.join("\n") : String(error);
      throw new GpuError(`kernel ${kernel} for ${label} does not compile:\n${reason}\n${numbered(source)}`);
    }
  }
}
