// A graph on the WebAssembly engine for tests: values in its memory, steps traced stage by stage or run in one call.

import { tensorOf, type Graph, type StepScalars } from "../../src/graph/types.ts";
import { Plan } from "../../src/schedule/plan.ts";
import type { Trace } from "../../src/train/float64/verify.ts";
import { carriedKey, WasmEngine, type PreparedProgram } from "../../src/wasm/engine.ts";
import { Program } from "../../src/wasm/program.ts";
import { Crew } from "../../src/wasm/threads.ts";

export type Values = ReadonlyMap<string, ArrayLike<number>>;

const isKept = (role: string): boolean => role === "parameter" || role === "state";

export class WasmTraining {
  private constructor(
    readonly plan: Plan,
    readonly engine: WasmEngine,
    readonly prepared: PreparedProgram,
    readonly values: Values,
  ) {}

  static async open(graph: Graph, batch: number, values: Values, fuse = true, threads = 1): Promise<WasmTraining> {
    const engine = new WasmEngine(threads > 1 ? new Crew(threads) : null),
      data: Record<string, number> = {};
    const plan = new Plan(graph, { batch, fuse, program: (...of) => new Program(...of) });
    for (const [name, numbers] of values) {
      if (name === "order" || tensorOf(graph, name).role === "data") {
        const { buffer, byteOffset, byteLength } =
          numbers instanceof Uint8Array || numbers instanceof Uint32Array ? numbers : Float32Array.from(numbers);
        data[name] = engine.memory.take(byteLength + 64, name);
        new Uint8Array(engine.memory.buffer, data[name], byteLength).set(new Uint8Array(buffer, byteOffset, byteLength));
      }
    }
    const training = new WasmTraining(plan, engine, await engine.prepare(plan.program as Program, data), values);
    training.reset();
    return training;
  }

  get kept(): string[] {
    return [...this.plan.graph.tensors.values()].filter(({ role }) => isKept(role)).map(({ name }) => name);
  }

  #keyOf(name: string): string {
    return tensorOf(this.plan.graph, name).role === "carried" ? carriedKey(name, this.plan.batch) : name;
  }

  get #carried(): string[] {
    return [...this.plan.graph.tensors.values()].filter(({ role }) => role === "carried").map(({ name }) => name);
  }

  /** Weights, states and carried states as they were given. */
  reset(): void {
    for (const name of [...this.kept, ...this.#carried])
      this.engine.store.write(this.#keyOf(name), Float32Array.from(this.values.get(name) ?? []));
  }

  state(): Map<string, Float32Array<ArrayBuffer>> {
    return new Map([...this.kept, ...this.#carried].map((name) => [name, this.engine.store.read(this.#keyOf(name))]));
  }

  /** All that the graph is given, as it is now. */
  before(): Map<string, ArrayLike<number>> {
    return new Map([...this.values, ...this.state()]);
  }

  trace(scalars: StepScalars): Trace {
    return this.prepared.trace(scalars);
  }

  run(steps: readonly StepScalars[]): Float32Array<ArrayBuffer> {
    return this.prepared.run(steps, 0, steps.length).slice();
  }
}
