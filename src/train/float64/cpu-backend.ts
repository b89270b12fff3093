// The `cpu` backend: the float64 reference runs the same graphs. Slow, exact, everywhere.

import { InputError } from "../../errors.ts";
import type { StepScalars } from "../../graph/types.ts";
import { sizeOf } from "../../graph/types.ts";
import { runGraph } from "../../reference/evaluate.ts";
import type { Plan } from "../../schedule/plan.ts";
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
} from "../backend/backend.ts";
import type { Dataset } from "../data/data.ts";
import type { CompileOptions } from "../call/options.ts";
import { yieldToHost } from "../backend/yield.ts";

/** Work this long, then let the page or the process do something else. */
const SLICE_MILLISECONDS = 30;

/** What carried states are before the first mini-batch, which reads none. */
const NOTHING = Object.freeze<number[]>([]);

class CpuData implements DeviceData {
  readonly order: Uint32Array<ArrayBuffer>;

  constructor(
    readonly dataset: Dataset,
    orders: number,
  ) {
    this.order = new Uint32Array(dataset.rows * orders);
  }

  setOrder(order: Uint32Array<ArrayBuffer>, at: number): void {
    this.order.set(order, at);
  }

  refresh(): void {
    // The arrays are read where they are.
  }

  dispose(): void {
    // Nothing is held outside the JavaScript heap.
  }
}

class CpuRunner implements Runner {
  readonly resultElements: number;
  readonly #result: string;
  readonly #persistent: readonly string[];
  /** Kept from run to run: epochs may be short. */
  #sliceStarted = performance.now();

  constructor(
    readonly plan: Plan,
    readonly data: CpuData | null,
    readonly values: Map<string, Float64Array>,
  ) {
    const tensors = [...plan.graph.tensors.values()];
    const result = tensors.find(({ role }) => role === "result");
    if (!result) throw new Error("a plan has a result");
    this.#result = result.name;
    this.resultElements = sizeOf(result, plan.batch);
    this.#persistent = tensors.filter(({ role }) => role === "parameter" || role === "state" || role === "carried").map(({ name }) => name);
  }

  async run(steps: readonly StepScalars[], onResults: ResultHandler, signal?: StopSignal): Promise<number> {
    for (let index = 0; index < steps.length; index++) {
      if (signal?.aborted) return index;
      onResults(index, 1, this.#runStep(steps[index]));
      if (performance.now() - this.#sliceStarted > SLICE_MILLISECONDS) {
        await yieldToHost();
        this.#sliceStarted = performance.now();
      }
    }
    return steps.length;
  }

  dispose(): void {
    // Nothing is held outside the JavaScript heap.
  }

  #runStep(step: StepScalars): Float64Array {
    const { data } = this;
    const values = new Map<string, ArrayLike<number>>(data ? [...dataArrays(data.dataset), ["order", data.order]] : []);
    for (const name of this.#persistent) values.set(name, this.values.get(name) ?? NOTHING);
    runGraph(this.plan.graph, values, step);
    for (const name of this.#persistent) this.values.set(name, values.get(name) as Float64Array);
    const results = new Float64Array(this.resultElements);
    results.set(values.get(this.#result) ?? []);
    return results;
  }
}

export class CpuBackend implements Backend {
  readonly kind = "cpu";
  readonly adapter = "CPU (float64 reference)";
  readonly maxBuffers = 8;
  readonly maxBytes = Infinity;
  readonly persistentBytes = 0;
  readonly dataBytes: number = Infinity;
  readonly isLost: boolean = false;
  readonly loss = async (): Promise<DeviceLoss | null> => null;
  readonly forTrace = null;
  readonly #values = new Map<string, Float64Array>();

  /** @throws InputError for what only a GPU has */
  static create(device?: CompileOptions["device"], precision?: CompileOptions["precision"]): CpuBackend {
    if (precision === "f16") {
      throw new InputError('compile(): backend "cpu" computes in float64 and takes no precision "f16". Leave one of them out.');
    }
    if (device) throw new InputError('compile(): backend "cpu" takes no device. Leave one of them out.');
    return new CpuBackend();
  }

  async snapshot(): Promise<State> {
    // What evaluate() and predict() carry is theirs.
    return new Map(
      [...this.#values].filter(([name]) => !/^(evaluate|predict)_/.test(name)).map(([name, values]) => [name, Float64Array.from(values)]),
    );
  }

  async write(values: State): Promise<void> {
    for (const [name, data] of values) this.#values.set(name, Float64Array.from(data));
  }

  async read(names: readonly string[]): Promise<Map<string, Floats>> {
    return new Map(names.map((name) => [name, Float32Array.from(this.#values.get(name) ?? [])]));
  }

  async upload(dataset: Dataset, orders: number): Promise<DeviceData> {
    return new CpuData(dataset, orders);
  }

  compile(): void {
    // Graphs are run as they are.
  }

  async prepare(plan: Plan, data: DeviceData | null): Promise<Runner> {
    return new CpuRunner(plan, data as CpuData | null, this.#values);
  }

  carriedSizes({ graph, batch }: Plan): ReadonlyMap<string, number> {
    return new Map(
      [...graph.tensors.values()].filter(({ role }) => role === "carried").map((tensor) => [tensor.name, sizeOf(tensor, batch)]),
    );
  }

  dispose(): void {
    this.#values.clear();
  }
}
