// Runs programs on one memory: compiles their modules, writes the records of their steps, reads what they leave.

import { UnsupportedError } from "../errors.ts";
import { rowsOf, sizeOf, tensorOf, type StepScalars } from "../graph/types.ts";
import { allBits, assemble, drop, f32x4, FunctionWriter, hasRelaxedMadd } from "./assembler.ts";
import { SLOT, SLOT_BYTES } from "./cells.ts";
import { unpack, type Layout } from "./layout.ts";
import { asLackOfMemory, EngineMemory } from "./memory.ts";
import type { Program } from "./program.ts";
import { loadWriters } from "./rarity.ts";
import { WasmStore } from "./store.ts";
import type { Crew, ThreadPool } from "./threads.ts";

/** Addresses of the arrays of a data set. */
export type DataAddresses = Readonly<Partial<Record<keyof typeof SLOT.data, number>>>;

type RunSteps = (slot: number, count: number, thread: number, threads: number) => void;
type RunStage = (slot: number, thread: number, threads: number) => void;

const NAN_BITS = 0x7fc00000;

export class WasmEngine {
  readonly memory: EngineMemory;
  readonly store: WasmStore;
  /** Where threads meet; null where memory is not shared. */
  readonly #barrier: number | null;
  #ids = 0;
  /** Work on the memory, one after the other: threads compute while others wait. */
  #last: Promise<unknown> = Promise.resolve();
  /** Multiply-adds may be rounded once. */
  readonly fused = hasRelaxedMadd();

  /** @param crew threads that steps may be divided among; null for one. @throws OutOfMemoryError if the host gives no memory */
  constructor(readonly crew: Crew | null) {
    this.memory = new EngineMemory(crew !== null);
    this.store = new WasmStore(this.memory);
    this.#barrier = crew && this.memory.take(crew.barrierBytes, "barrier");
  }

  /** Does this when no thread computes, and lets none begin meanwhile. */
  exclusive<T>(work: () => T | Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  /**
   * @param use "trace" for states of stateful layers apart from those of training
   * @throws OutOfMemoryError if there is no room; UnsupportedError if the host compiles no WebAssembly
   */
  async prepare(program: Program, data: DataAddresses, use = ""): Promise<PreparedProgram> {
    const { graph, batch } = program,
      { store, memory } = this,
      writers = await loadWriters(graph.ops),
      keyOf = new Map<string, string>();
    const kept = [...graph.tensors.values()].filter(({ role }) => ["parameter", "state", "carried"].includes(role));
    for (const { name, role } of kept) keyOf.set(name, role === "carried" ? carriedKey(name, batch, use) : name);
    memory.check(
      kept.reduce((sum, tensor) => sum + store.missing(keyOf.get(tensor.name)!, tensor, batch), program.memory.bytes) +
        program.transposed.reduce((sum, name) => sum + store.missingTranspose(name, tensorOf(graph, name)), 0),
      "a step",
    );
    for (const tensor of kept) store.place(keyOf.get(tensor.name)!, tensor, batch);
    for (const name of program.transposed) store.transpose(name);
    const base = memory.take(program.memory.bytes, "intermediates");
    try {
      const layoutOf = (name: string): Layout => {
        const key = keyOf.get(name);
        if (key === undefined) throw new Error(`wasm: ${name} is in no memory`);
        return store.place(key, tensorOf(graph, name), batch);
      };
      const barrier = this.#barrier === null ? null : this.crew!.writeBarrier(this.#barrier);
      const bytes = program.write(base, layoutOf, (name) => store.transposeOf(name), this.fused, writers, barrier);
      const module = await compile(bytes),
        { exports } = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
      return new PreparedProgram(program, this, base, data, module, exports, layoutOf, this.#ids++);
    } catch (error) {
      memory.free(base);
      throw asLackOfMemory(error, program.memory.bytes);
    }
  }
}

/** By this name the states that a stateful layer carries are kept, apart for each size of mini-batch. */
export const carriedKey = (name: string, batch: number, use = ""): string => `carried ${use}${name} ${batch}`;

/** @throws UnsupportedError if the host does not compile it, RangeError if it has no memory for it */
async function compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new UnsupportedError(
      `WebAssembly: this host does not compile it (${error instanceof Error ? error.message : String(error)}). A page whose ` +
        "Content-Security-Policy names script-src needs 'wasm-unsafe-eval' there, and the browser needs SIMD. Else use backend: \"cpu\".",
    );
  }
}

/** @throws UnsupportedError where there is no WebAssembly with SIMD, or a page's policy forbids to compile it */
export async function requireWasm(): Promise<void> {
  if (typeof WebAssembly === "undefined") throw new UnsupportedError('WebAssembly: this host has none. Use backend: "cpu".');
  const probe = new FunctionWriter([]);
  probe.body = drop(f32x4.sqrt(allBits(0)));
  await compile(assemble([probe], false));
}

/** A program in memory, ready to run on one data set. */
export class PreparedProgram {
  readonly resultElements: number;
  readonly #run: RunSteps;
  /** Where the module was brought to. */
  #pool: ThreadPool | null = null;

  constructor(
    readonly program: Program,
    readonly engine: WasmEngine,
    readonly base: number,
    readonly data: DataAddresses,
    readonly module: WebAssembly.Module,
    readonly exports: WebAssembly.Exports,
    readonly layoutOf: (tensor: string) => Layout,
    readonly id: number,
  ) {
    this.resultElements = sizeOf(program.result, program.batch);
    this.#run = exports.run as RunSteps;
  }

  /** Steps that one call may run. */
  get capacity(): number {
    return this.program.memory.capacity;
  }

  /** Runs these steps, at most `capacity`, in one call. @returns their results one after the other, `resultElements` each; a view */
  run(steps: readonly StepScalars[], first: number, count: number): Float32Array<ArrayBuffer> {
    this.#writeRecords(steps, first, count);
    this.#run(this.base + this.program.memory.records, count, 0, 1);
    return this.#results(count);
  }

  /** The same on all threads, to the bit. @param expected milliseconds. @throws GpuError if a thread has died */
  async runOn(
    pool: ThreadPool,
    steps: readonly StepScalars[],
    first: number,
    count: number,
    expected: number,
  ): Promise<Float32Array<ArrayBuffer>> {
    if (this.#pool !== pool) pool.add(this.id, this.module, this.engine.memory.memory);
    this.#pool = pool;
    this.#writeRecords(steps, first, count);
    await pool.run(this.id, this.base + this.program.memory.records, count, expected);
    return this.#results(count);
  }

  #results(count: number): Float32Array<ArrayBuffer> {
    const { results } = this.program.memory;
    const at = (this.base + results) / 4;
    return this.engine.memory.floats.subarray(at, at + count * this.resultElements);
  }

  /** Runs one step stage by stage. @returns what each left in memory, by tensor; intermediates are filled with NaN first */
  trace(step: StepScalars): Map<string, Float32Array<ArrayBuffer>>[] {
    const {
        program,
        base,
        engine: { memory },
      } = this,
      slot = base + program.memory.records;
    new Uint32Array(memory.buffer, base, program.memory.bytes / 4).fill(NAN_BITS);
    this.#writeRecords([step], 0, 1);
    return program.planned.map(({ touches }, number) => {
      (this.exports[`stage${number}`] as RunStage)(slot, 0, 1);
      return new Map(touches.filter(({ access }) => access === "read_write").map(({ tensor }) => [tensor, this.#read(tensor, step)]));
    });
  }

  dispose(): void {
    this.#pool?.forget(this.id);
    this.engine.memory.free(this.base);
  }

  #read(name: string, { rows }: StepScalars): Float32Array<ArrayBuffer> {
    const tensor = tensorOf(this.program.graph, name),
      own = this.program.memory.layouts.get(name);
    const layout = own ? { ...own, base: own.base + this.base } : this.layoutOf(name),
      values = unpack(this.engine.memory.floats, layout, rowsOf(tensor, rows), tensor.cols);
    return this.program.isWhole(name) ? Float32Array.from(new Uint32Array(values.buffer)) : values;
  }

  #writeRecords(steps: readonly StepScalars[], first: number, count: number): void {
    const { buffer } = this.engine.memory,
      { records, results } = this.program.memory,
      words = new Uint32Array(buffer),
      { floats } = this.engine.memory;
    const resultBytes = this.resultElements * 4,
      { data_x = 0, data_y = 0, data_lengths = 0, data_sample_weights = 0, order = 0 } = this.data;
    for (let i = 0; i < count; i++) {
      const { rows, offset, step, learningRate, correctedRate, fresh, whole } = steps[first + i],
        at = (this.base + records + i * SLOT_BYTES) / 4;
      words[at + SLOT.rows / 4] = rows;
      words[at + SLOT.offset / 4] = offset;
      words[at + SLOT.stepLow / 4] = step;
      words[at + SLOT.stepHigh / 4] = step / 2 ** 32;
      floats[at + SLOT.learningRate / 4] = learningRate;
      floats[at + SLOT.correctedRate / 4] = correctedRate;
      words[at + SLOT.fresh / 4] = fresh ? 1 : 0;
      words[at + SLOT.meanRows / 4] = whole?.rows ?? rows;
      words[at + SLOT.firstRow / 4] = whole?.first ?? 0;
      words[at + SLOT.results / 4] = this.base + results + i * resultBytes;
      words[at + SLOT.data.data_x / 4] = data_x;
      words[at + SLOT.data.data_y / 4] = data_y;
      words[at + SLOT.data.data_lengths / 4] = data_lengths;
      words[at + SLOT.data.order / 4] = order;
      words[at + SLOT.data.data_sample_weights / 4] = data_sample_weights;
    }
  }
}
