// Whole training steps on the GPU for tests: weights, optimizer states and data in buffers, a plan made ready to run.

import { tensorOf, type Graph, type StepScalars } from "../../src/graph/types.ts";
import { createExecutor } from "../../src/gpu/create-executor.ts";
import type { StepExecutor } from "../../src/gpu/step-executor.ts";
import { createFrom, readFloats, TensorStore } from "../../src/gpu/memory.ts";
import { poison, traceStep } from "../../src/gpu/trace.ts";
import { runGraphBounded, type Bounded } from "../../src/reference/bounds.ts";
import type { Plan } from "../../src/schedule/plan.ts";
import type { Floats } from "../../src/train/backend/backend.ts";
import type { Trace } from "../../src/train/float64/verify.ts";
import type { Gpu, Numbers } from "./support.ts";

export type Values = ReadonlyMap<string, ArrayLike<number>>;

/** Weights and optimizer states. */
export const persistent = (graph: Graph): string[] =>
  [...graph.tensors.values()].filter(({ role }) => role === "parameter" || role === "state").map(({ name }) => name);

/** Those, in the order in which the plan has them in memory. */
const weightNames = ({ graph, places }: Plan): string[] => [...places.keys()].filter((name) => persistent(graph).includes(name));

const carriedNames = ({ graph }: Plan): string[] =>
  [...graph.tensors.values()].filter(({ role }) => role === "carried").map(({ name }) => name);

/** Values at their places in one buffer. */
function packed(plan: Plan, names: readonly string[], values: Values): Floats {
  const places = names.map((name) => plan.places.get(name)!);
  const all = new Float32Array(Math.max(...places.map(({ offset, elements }) => offset + elements)) + 3);
  names.forEach((name, i) => all.set(Float32Array.from(values.get(name) ?? []), places[i].offset));
  return all;
}

export class Training {
  private constructor(
    readonly gpu: Gpu,
    readonly plan: Plan,
    readonly store: TensorStore,
    readonly data: ReadonlyMap<string, GPUBuffer>,
    readonly executor: StepExecutor,
    readonly values: Values,
  ) {}

  /** @param values all that the graph is given; typed arrays as they are stored */
  static async open(gpu: Gpu, plan: Plan, values: Values): Promise<Training> {
    const store = new TensorStore(gpu.device);
    // In the order of the plan's own places.
    await store.write(new Map(weightNames(plan).map((name) => [name, values.get(name) as Floats])));
    const isData = (name: string) => name === "order" || tensorOf(plan.graph, name).role === "data";
    const data = new Map(
      [...values].filter(([name]) => isData(name)).map(([name, numbers]) => [name, createFrom(gpu.device, numbers as Numbers, name)]),
    );
    const carried = carriedNames(plan);
    if (carried.length > 0) data.set("carried", createFrom(gpu.device, packed(plan, carried, values), "carried"));
    const executor = await createExecutor(gpu.device, gpu.pipelines, plan, (memory) => data.get(memory) ?? store.buffer(memory));
    return new Training(gpu, plan, store, data, executor, values);
  }

  trace(scalars: StepScalars): Promise<Trace> {
    return traceStep(this.executor, scalars);
  }

  /** Results of the steps, one after the other. `poisoned`: with NaN in all intermediates before each step. */
  async run(steps: readonly StepScalars[], poisoned = false): Promise<Floats> {
    if (!poisoned) return this.executor.submit(steps, 0);
    const results = new Float32Array(steps.length * this.executor.resultElements);
    for (const [i, step] of steps.entries()) {
      poison(this.executor);
      results.set(await this.executor.submit([step], 0), i * this.executor.resultElements);
    }
    return results;
  }

  /** Weights and states as they are now. */
  state(): Promise<Map<string, Floats>> {
    return this.store.read(persistent(this.plan.graph));
  }

  /** What stateful layers carry. */
  async carried(): Promise<Map<string, Floats>> {
    const names = carriedNames(this.plan),
      buffer = this.data.get("carried");
    if (!buffer) return new Map();
    const floats = await readFloats(
      this.gpu.device,
      names.map((name) => ({ buffer, ...this.plan.places.get(name)! })),
    );
    return new Map(names.map((name, i) => [name, floats[i]]));
  }

  /** All that the graph is given, as it is now. */
  async before(): Promise<Values> {
    return new Map([...this.values, ...(await this.state()), ...(await this.carried())]);
  }

  /** Back to the weights and states that it was opened with. */
  reset(): Promise<void> {
    return this.store.write(new Map(persistent(this.plan.graph).map((name) => [name, this.values.get(name) as Floats])));
  }

  dispose(): void {
    this.executor.dispose();
    this.store.dispose();
    for (const buffer of this.data.values()) buffer.destroy();
  }
}

/** Weights and states after the steps in float64, and how far those of any float32 GPU may lie from them. */
export function boundedTraining(graph: Graph, values: Values, steps: readonly StepScalars[]): Map<string, Bounded> {
  const exact = (data: ArrayLike<number>): Bounded => ({ values: Float64Array.from(data), bounds: new Float64Array(data.length) });
  let state = new Map(persistent(graph).map((name) => [name, exact(values.get(name) ?? [])]));
  for (const scalars of steps) {
    const known = new Map([...[...values].map(([name, data]): [string, Bounded] => [name, exact(data)]), ...state]);
    runGraphBounded(graph, known, scalars);
    state = new Map([...state.keys()].map((name) => [name, known.get(name) as Bounded]));
  }
  return state;
}

/** The bits of all numbers, for comparisons in which NaN equals NaN and 0 is not −0. */
export const bitsOf = (state: ReadonlyMap<string, Floats>): Record<string, number[]> =>
  Object.fromEntries([...state].map(([name, floats]) => [name, [...new Uint32Array(floats.slice().buffer)]]));
