// The `webgpu` backend: weights, optimizer states and data live on the device; plans run there.

import type { StepScalars } from "../graph/types.ts";
import { createExecutor } from "../gpu/create-executor.ts";
import { acquireDevice, checked, planAdapter, REMEDIES, requirePrecision, type GpuContext } from "../gpu/device.ts";
import { createFrom, createStorage, maxBindingBytes, TensorStore, writeStorage } from "../gpu/memory.ts";
import { PipelineCache } from "../gpu/pipelines.ts";
import { StepQueue } from "../gpu/queue.ts";
import type { StepExecutor } from "../gpu/step-executor.ts";
import type { Places } from "../schedule/places.ts";
import type { Plan } from "../schedule/plan.ts";
import type { Precision } from "../schedule/precision.ts";
import type { Adapter } from "../schedule/tiles.ts";
import type { Backend, DeviceData, Floats, ResultHandler, Runner, StopSignal, Trace } from "./backend.ts";
import type { Dataset } from "./data.ts";

const LOSS_MILLISECONDS = 100;

class GpuData implements DeviceData {
  /** Those of its own; what it shares with another is the other's. */
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(readonly device: GPUDevice, readonly dataset: Dataset, orders: number, readonly shared?: GpuData) {
    const { rows, x, y } = dataset;
    try {
      if (!shared?.buffer("data_x")) this.#buffers.set("data_x", createFrom(device, x, "x"));
      if (y && !shared?.buffer("data_y")) this.#buffers.set("data_y", createFrom(device, y, "y"));
      if (orders > 0) this.#buffers.set("order", createStorage(device, rows * orders * 4, "order", REMEDIES["data set"]));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  buffer(name: string): GPUBuffer | undefined {
    return this.#buffers.get(name) ?? this.shared?.buffer(name);
  }

  setOrder(order: Uint32Array<ArrayBuffer>, at: number): void {
    const whole = this.#buffers.get("order");
    if (!whole) throw new Error("the data set was disposed");
    writeStorage(this.device, whole, order, at * 4);
  }

  refresh(rows: number): void {
    for (const [name, values] of [["data_x", this.dataset.x], ["data_y", this.dataset.y]] as const) {
      const buffer = this.#buffers.get(name);
      if (values && buffer) writeStorage(this.device, buffer, values.subarray(0, (values.length / this.dataset.rows) * rows));
    }
  }

  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }
}

class GpuRunner implements Runner {
  readonly #queue: StepQueue;

  constructor(readonly executor: StepExecutor) {
    this.#queue = new StepQueue(executor);
  }

  get resultElements(): number {
    return this.executor.resultElements;
  }

  run(steps: readonly StepScalars[], onResults: ResultHandler, signal?: StopSignal): Promise<number> {
    return this.#queue.run(steps, onResults, signal);
  }

  dispose(): void {
    this.executor.dispose();
  }
}

export class WebGpuBackend implements Backend {
  readonly kind = "webgpu";
  readonly #pipelines: PipelineCache;
  readonly #store: TensorStore;
  readonly #loss = { known: false };

  private constructor(readonly context: GpuContext, readonly precision: Precision) {
    this.#pipelines = new PipelineCache(context.device);
    this.#store = new TensorStore(context.device);
    // A user's device may outlive the backend: what waits for its loss must not hold on to more than this.
    const loss = this.#loss;
    void context.device.lost.then(() => { loss.known = true; });
  }

  /** @throws UnsupportedError without WebGPU, without an adapter, or without what the precision needs */
  static async create(device?: GPUDevice, precision: Precision = "f32"): Promise<WebGpuBackend> {
    const context = await acquireDevice(device);
    requirePrecision(context, precision);
    return new WebGpuBackend(context, precision);
  }

  get adapter(): string {
    return this.context.adapter;
  }

  get maxBuffers(): number {
    return this.context.device.limits.maxStorageBuffersPerShaderStage;
  }

  get maxBytes(): number {
    return maxBindingBytes(this.context.device);
  }

  get places(): Places {
    return this.#store.places;
  }

  get planAdapter(): Adapter {
    return planAdapter(this.context);
  }

  get residentBytes(): number {
    return this.context.device.limits.maxComputeWorkgroupStorageSize;
  }

  get dataBytes(): number {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.context.device.limits;
    return Math.min(maxStorageBufferBindingSize, maxBufferSize);
  }

  get isLost(): boolean {
    return this.#loss.known;
  }

  write(values: ReadonlyMap<string, Floats>): Promise<void> {
    return this.#store.write(values);
  }

  async read(names: readonly string[]): Promise<Map<string, Floats>> {
    try {
      return await this.#store.read(names);
    } catch (error) {
      // Mapping may fail a moment before `lost` resolves.
      await Promise.race([this.context.device.lost, new Promise((resolve) => setTimeout(resolve, LOSS_MILLISECONDS))]);
      throw error;
    }
  }

  upload(dataset: Dataset, orders: number, shared?: DeviceData): Promise<DeviceData> {
    const { device } = this.context;
    return checked(device, "data set", () => new GpuData(device, dataset, orders, shared as GpuData | undefined),
      (data) => data.dispose());
  }

  async prepare(plan: Plan, data: DeviceData): Promise<Runner> {
    return new GpuRunner(await this.#executor(plan, data));
  }

  readonly trace = async (plan: Plan, data: DeviceData, step: StepScalars): Promise<Trace> => {
    const executor = await this.#executor(plan, data);
    try {
      return await executor.trace(step);
    } finally {
      executor.dispose();
    }
  };

  dispose(): void {
    this.#store.dispose();
    if (this.context.owned) this.context.device.destroy();
  }

  #executor(plan: Plan, data: DeviceData): Promise<StepExecutor> {
    return createExecutor(this.context.device, this.#pipelines, plan, (memory) => this.#external(memory, data));
  }

  #external(memory: string, data: DeviceData): GPUBuffer {
    return (data as GpuData).buffer(memory) ?? this.#store.buffer(memory);
  }
}
