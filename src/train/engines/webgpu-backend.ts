// The `webgpu` backend: weights, optimizer states and data live on the device; plans run there.

import { createExecutor } from "../../gpu/create-executor.ts";
import { acquireDevice, checked, planAdapter, REMEDIES, requirePrecision, type GpuContext } from "../../gpu/device.ts";
import { loadAutotune, loadFloat64 } from "../../lazy.ts";
import { createFrom, createStorage, maxBindingBytes, readFloats, TensorStore, writeStorage } from "../../gpu/memory.ts";
import { PipelineCache } from "../../gpu/pipelines.ts";
import { StepQueue } from "../../gpu/queue.ts";
import type { StepExecutor } from "../../gpu/step-executor.ts";
import { CARRIED, type Places } from "../../schedule/places.ts";
import type { Plan } from "../../schedule/plan.ts";
import type { Precision } from "../../schedule/precision.ts";
import type { Adapter } from "../../schedule/tiles.ts";
import type { Choices } from "../../schedule/tuning.ts";
import {
  dataArrays,
  type Backend,
  type DeviceData,
  type DeviceLoss,
  type Floats,
  type Runner,
  type State,
  type Tracer,
} from "../backend/backend.ts";
import type { Dataset } from "../data/data.ts";

/** What stateful layers carry in training is restored with the weights; what others carry is not. */
const TRAINING = `${CARRIED} train `;

class GpuData implements DeviceData {
  /** Those of its own; what it shares with another is the other's. */
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(
    readonly device: GPUDevice,
    readonly dataset: Dataset,
    orders: number,
    readonly shared?: GpuData,
  ) {
    const { rows } = dataset;
    for (const [name, numbers] of dataArrays(dataset)) {
      if (!shared?.buffer(name)) this.#buffers.set(name, createFrom(device, numbers, name.slice("data_".length)));
    }
    if (orders > 0) this.#buffers.set("order", createStorage(device, rows * orders * 4, "order", REMEDIES["data set"]));
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
    for (const [name, values] of dataArrays(this.dataset)) {
      const buffer = this.#buffers.get(name);
      if (buffer) writeStorage(this.device, buffer, values.subarray(0, (values.length / this.dataset.rows) * rows));
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

  run(...what: Parameters<StepQueue["run"]>): Promise<number> {
    return this.#queue.run(...what);
  }

  dispose(): void {
    this.executor.dispose();
  }
}

export class WebGpuBackend implements Backend {
  readonly kind = "webgpu";
  readonly #pipelines: PipelineCache;
  readonly #store: TensorStore;
  readonly #carried = new Map<string, GPUBuffer>();
  readonly #loss: { news: DeviceLoss | null } = { news: null };

  private constructor(
    readonly context: GpuContext,
    readonly precision: Precision,
  ) {
    this.#pipelines = new PipelineCache(context.device);
    this.#store = new TensorStore(context.device);
    // A user's device may outlive the backend: what waits for its loss must not hold on to more than this.
    const loss = this.#loss;
    void context.device.lost.then(({ reason, message }) => {
      loss.news = { reason, message };
    });
  }

  /** @throws UnsupportedError without WebGPU, without an adapter, or without what the precision needs */
  static async create(device?: GPUDevice, precision: Precision = "f32"): Promise<WebGpuBackend> {
    const context = await acquireDevice(device);
    await requirePrecision(context, precision);
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

  get persistentBytes(): number {
    const { maxIterations: maxIterations, workgroupBytes } = this.planAdapter;
    // Persistent plans loop over thousands of steps.
    return maxIterations ? 0 : workgroupBytes;
  }

  get dataBytes(): number {
    return maxBindingBytes(this.context.device);
  }

  get isLost(): boolean {
    return this.#loss.news !== null;
  }

  async loss(milliseconds: number): Promise<DeviceLoss | null> {
    await Promise.race([this.context.device.lost, new Promise((resolve) => setTimeout(resolve, milliseconds))]);
    return this.#loss.news;
  }

  async snapshot(): Promise<State> {
    const { device } = this.context;
    // Both are submitted before anything is awaited: no step comes between them.
    const weights = this.#store.readAll();
    const carried = [...this.#carried]
      .filter(([key]) => key.startsWith(TRAINING))
      .map(async ([key, buffer]) => [key, (await readFloats(device, [{ buffer, elements: buffer.size / 4 }]))[0]] as const);
    // Awaited together, so that none fails unheard.
    const [tensors, states] = await Promise.all([weights, Promise.all(carried)]);
    return new Map([...tensors, ...states]);
  }

  async write(values: State): Promise<void> {
    const tensors = new Map<string, Floats>();
    // Those of the CPU backend come in float64.
    for (const [name, numbers] of values) tensors.set(name, Float32Array.from(numbers));
    const carried = [...tensors].filter(([name]) => name.startsWith(TRAINING));
    for (const [name] of carried) tensors.delete(name);
    await Promise.all([
      this.#store.write(tensors),
      checked(this.context.device, "weights", () => {
        for (const [name, floats] of carried) writeStorage(this.context.device, this.#carriedBuffer(name, floats.byteLength), floats);
      }),
    ]);
  }

  read(names: readonly string[]): Promise<Map<string, Floats>> {
    return this.#store.read(names);
  }

  async tune(planWith: (choices: Choices) => Plan, known: Choices): Promise<Choices> {
    return (await loadAutotune()).tune(this.context, planWith, known);
  }

  upload(dataset: Dataset, orders: number, shared?: DeviceData): Promise<DeviceData> {
    const { device } = this.context;
    return checked(device, "data set", () => new GpuData(device, dataset, orders, shared as GpuData | undefined));
  }

  compile(plan: Plan): void {
    this.#pipelines.start(plan.launches);
  }

  async prepare(plan: Plan, data: DeviceData | null): Promise<Runner> {
    return new GpuRunner(await this.#executor(plan, data, plan.graph.purpose));
  }

  readonly forTrace = async (plan: Plan, data: DeviceData): Promise<Tracer> => {
    const executor = await this.#executor(plan, data, "trace"),
      { traceStep } = await loadFloat64();
    return { trace: (step) => traceStep(executor, step), dispose: () => executor.dispose() };
  };

  carriedSizes(plan: Plan): ReadonlyMap<string, number> {
    return new Map([[`${TRAINING}${plan.batch}`, plan.carriedBytes / 4]]);
  }

  dispose(): void {
    this.#store.dispose();
    this.#carried.forEach((buffer) => buffer.destroy());
    if (this.context.owned) this.context.device.destroy();
  }

  /** @param use whose carried states of stateful layers: they outlive the executor */
  async #executor(plan: Plan, data: DeviceData | null, use: string): Promise<StepExecutor> {
    const key = `${CARRIED} ${use} ${plan.batch}`;
    let isNew = false;
    const states = (): GPUBuffer => {
      isNew ||= !this.#carried.has(key);
      return this.#carriedBuffer(key, plan.carriedBytes);
    };
    try {
      return await createExecutor(this.context.device, this.#pipelines, plan, (memory) =>
        memory === CARRIED ? states() : ((data as GpuData | null)?.buffer(memory) ?? this.#store.buffer(memory)),
      );
    } catch (error) {
      // Freed with all else that was made for this executor.
      if (isNew) this.#carried.delete(key);
      throw error;
    }
  }

  #carriedBuffer(key: string, bytes: number): GPUBuffer {
    const buffer = this.#carried.get(key) ?? createStorage(this.context.device, bytes, key);
    this.#carried.set(key, buffer);
    return buffer;
  }
}
