// The `wasm` backend: whole training steps on the CPU in float32, by a WebAssembly module written for the network.

import { GpuError, InputError } from "../../errors.ts";
import type { StepScalars } from "../../graph/types.ts";
import { sizeOf } from "../../graph/types.ts";
import type { Plan, StepProgram } from "../../schedule/plan.ts";
import { carriedKey, requireWasm, WasmEngine, type DataAddresses, type PreparedProgram } from "../../wasm/engine.ts";
import { show } from "../../model/checks.ts";
import { elementsOf, type Network, type Recipe } from "../../model/network.ts";
import { optimizerStates } from "../../model/optimizers.ts";
import { checkAddresses, MAX_BYTES } from "../../wasm/memory.ts";
import { Program } from "../../wasm/program.ts";
import type { Team } from "../../wasm/team.ts";
import { availableThreads, MAX_THREADS } from "../../wasm/thread-count.ts";
import { loadThreads } from "../../wasm/lazy.ts";
import {
  dataArrays,
  type Backend,
  type DeviceData,
  type DeviceLoss,
  type Floats,
  type ResultHandler,
  type Runner,
  type State,
  type StopSignal,
  type Tracer,
} from "../backend/backend.ts";
import type { Dataset } from "../data/data.ts";
import type { CompileOptions } from "../call/options.ts";
import { Slices } from "./slices.ts";

/** Vectors are read a little beyond the last number. */
const SLACK = 64;

/** What stateful layers carry in training is restored with the weights; what others carry is not. */
const isTraining = (key: string): boolean => !key.startsWith("carried ") || key.startsWith("carried train_");
const isSum = (key: string): boolean => key.startsWith("chunk_sum_");

/** Bytes of the weights and of what the optimizer keeps beside them. */
function weightBytes({ parameters }: Network, { optimizer }: Recipe): number {
  const copies = 1 + optimizerStates(optimizer).length;
  return parameters.reduce((sum, { shape, frozen }) => sum + 4 * elementsOf(shape) * (frozen ? 1 : copies), 0);
}

class WasmData implements DeviceData {
  readonly #own = new Map<string, number>();
  #order: number | null = null;

  /** @throws OutOfMemoryError if there is no room */
  constructor(
    readonly engine: WasmEngine,
    readonly dataset: Dataset,
    orders: number,
    readonly shared?: WasmData,
  ) {
    const { memory } = engine;
    try {
      for (const [name, numbers] of dataArrays(dataset)) {
        if (shared?.address(name) !== undefined) continue;
        const at = memory.take(numbers.byteLength + SLACK, "data set");
        this.#own.set(name, at);
        copy(engine, at, numbers);
      }
      if (orders > 0) this.#order = memory.take(dataset.rows * orders * 4 + SLACK, "data set");
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  address(name: string): number | undefined {
    return this.#own.get(name) ?? this.shared?.address(name);
  }

  get addresses(): DataAddresses {
    return {
      data_x: this.address("data_x"),
      data_y: this.address("data_y"),
      data_lengths: this.address("data_lengths"),
      data_sample_weights: this.address("data_sample_weights"),
      order: this.#order ?? 0,
    };
  }

  setOrder(order: Uint32Array<ArrayBuffer>, at: number): void {
    if (this.#order === null) throw new Error("the data set was disposed");
    copy(this.engine, this.#order + at * 4, order);
  }

  refresh(rows: number): void {
    for (const [name, numbers] of dataArrays(this.dataset)) {
      const at = this.#own.get(name);
      if (at !== undefined) copy(this.engine, at, numbers.subarray(0, (numbers.length / this.dataset.rows) * rows));
    }
  }

  dispose(): void {
    for (const at of this.#own.values()) this.engine.memory.free(at);
    if (this.#order !== null) this.engine.memory.free(this.#order);
    this.#own.clear();
    this.#order = null;
  }
}

function copy({ memory }: WasmEngine, at: number, { buffer, byteOffset, byteLength }: ArrayBufferView): void {
  new Uint8Array(memory.buffer, at, byteLength).set(new Uint8Array(buffer, byteOffset, byteLength));
}

class WasmRunner implements Runner {
  readonly #slices = new Slices();

  /** @param team those who share the steps; null where there is one thread */
  constructor(
    readonly prepared: PreparedProgram,
    readonly team: Team | null,
  ) {}

  get resultElements(): number {
    return this.prepared.resultElements;
  }

  async run(steps: readonly StepScalars[], onResults: ResultHandler, signal?: StopSignal, onSubmitted?: () => void): Promise<number> {
    const { prepared, team } = this;
    for (let next = 0; next < steps.length;) {
      if (signal?.aborted) return next;
      const first = next,
        count = Math.min(this.#slices.steps, prepared.capacity, steps.length - next),
        began = performance.now();
      const results = team ? await prepared.engine.exclusive(() => team.run(steps, first, count)) : prepared.run(steps, first, count);
      this.#slices.learn(count, performance.now() - began);
      next += count;
      if (next === steps.length) onSubmitted?.();
      // A copy: the next call overwrites them.
      onResults(first, count, results.slice());
      if (this.#slices.isOver) await this.#slices.pause();
    }
    return steps.length;
  }

  dispose(): void {
    this.prepared.dispose();
  }
}

/** How many threads, and what manages them. */
type Threading = Awaited<ReturnType<typeof loadThreads>> & { readonly count: number };

export class WasmBackend implements Backend {
  readonly kind = "wasm";
  readonly maxBuffers = Infinity;
  readonly maxBytes = MAX_BYTES;
  readonly dataBytes = 2 ** 31;
  readonly persistentBytes = 0;
  readonly program = (...of: ConstructorParameters<typeof Program>): StepProgram => new Program(...of);
  #engine: WasmEngine | null;
  /** Why a thread was lost, if one was: also after dispose(), when calls under way come upon it. */
  #lost: string | null = null;
  /** Names of weights and optimizer states: of the first write. */
  #names: readonly string[] = [];

  /** @param threading null where there is one thread */
  private constructor(readonly threading: Threading | null) {
    this.#engine = new WasmEngine(threading && new threading.Crew(threading.count));
  }

  /**
   * @param network and recipe whose weights it is to hold
   * @throws InputError for what only a GPU has; UnsupportedError without WebAssembly, or where it may not be compiled; OutOfMemoryError
   * for weights beyond 4 GiB
   */
  static async open(
    { device, precision, threads }: Pick<CompileOptions, "device" | "precision" | "threads">,
    network?: Network,
    recipe?: Recipe,
  ): Promise<WasmBackend> {
    if (precision === "f16") {
      throw new InputError('compile(): backend "wasm" computes in float32 and takes no precision "f16". Leave one of them out.');
    }
    if (device) throw new InputError('compile(): backend "wasm" takes no device. Leave one of them out.');
    await requireWasm();
    const most = availableThreads(),
      isCount = typeof threads === "number" && Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS;
    if (threads !== undefined && threads !== null && !isCount) {
      throw new InputError(`compile(): threads must be a whole number from 1 to ${MAX_THREADS}; got ${show(threads)}.`);
    }
    if (network && recipe) checkAddresses(weightBytes(network, recipe), "weights and optimizer states");
    const count = most === 1 ? 1 : (threads ?? most);
    return new WasmBackend(count === 1 ? null : { count, ...(await loadThreads()) });
  }

  get #loss(): string | null {
    return this.#engine?.crew?.lost ?? this.#lost;
  }

  get isLost(): boolean {
    return this.#loss !== null;
  }

  async loss(): Promise<DeviceLoss | null> {
    const message = this.#loss;
    return message === null ? null : { reason: "unknown", message: `a thread of the WebAssembly engine has ended: ${message}` };
  }

  get adapter(): string {
    return `CPU (WebAssembly, ${this.#opened.fused ? "relaxed SIMD" : "SIMD"})`;
  }

  get #opened(): WasmEngine {
    if (!this.#engine) throw new GpuError("the WebAssembly engine was disposed");
    return this.#engine;
  }

  async snapshot(): Promise<State> {
    return this.#opened.exclusive(() => this.#snapshot());
  }

  #snapshot(): State {
    const { store } = this.#opened,
      keys = [...this.#names, ...store.keys.filter((key) => key.startsWith("carried ") && isTraining(key))];
    return new Map(keys.map((key) => [key, store.read(key)]));
  }

  async write(values: State): Promise<void> {
    if (this.#names.length === 0) this.#names = [...values.keys()].filter((key) => !key.startsWith("carried ") && !isSum(key));
    const copies = [...values].map(([key, numbers]) => [key, Float32Array.from(numbers)] as const);
    return this.#opened.exclusive(() => {
      for (const [key, numbers] of copies) this.#opened.store.write(key, numbers);
    });
  }

  async read(names: readonly string[]): Promise<Map<string, Floats>> {
    return this.#opened.exclusive(() => new Map(names.map((name) => [name, this.#opened.store.read(name)])));
  }

  async upload(dataset: Dataset, orders: number, shared?: DeviceData): Promise<DeviceData> {
    return new WasmData(this.#opened, dataset, orders, shared as WasmData | undefined);
  }

  compile(): void {
    // Modules are compiled by prepare(): addresses are part of them.
  }

  async prepare(plan: Plan, data: DeviceData | null): Promise<Runner> {
    const prepared = await this.#prepare(plan, data, ""),
      { crew } = prepared.engine;
    return new WasmRunner(prepared, crew && new this.threading!.Team(prepared, crew));
  }

  readonly forTrace = async (plan: Plan, data: DeviceData): Promise<Tracer> => {
    const prepared = await this.#prepare(plan, data, "trace ");
    return { trace: (step) => prepared.engine.exclusive(() => prepared.trace(step)), dispose: () => prepared.dispose() };
  };

  carriedSizes({ graph, batch }: Plan): ReadonlyMap<string, number> {
    return new Map(
      [...graph.tensors.values()]
        .filter(({ role }) => role === "carried")
        .map((tensor) => [carriedKey(tensor.name, batch), sizeOf(tensor, batch)]),
    );
  }

  dispose(): void {
    this.#lost = this.#loss;
    this.#engine?.crew?.dispose();
    this.#engine = null;
  }

  #prepare(plan: Plan, data: DeviceData | null, use: string): Promise<PreparedProgram> {
    if (!(plan.program instanceof Program)) throw new Error("a plan for WebAssembly has a program");
    const { program } = plan;
    return this.#opened.exclusive(() => this.#opened.prepare(program, (data as WasmData | null)?.addresses ?? {}, use));
  }
}
