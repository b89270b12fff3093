// From a graph to one WebAssembly module that runs any number of its steps in one call. Which operations share a function, and
// which functions may run side by side, is decided where WGSL's launches are (schedule/groups.ts, stages.ts); between two stages
// threads meet. Addresses, strides and sizes are constants of the module; what changes from step to step is in its record.

import { rowsOf, sizeOf, timestepsOf, tensorOf, type Graph, type Op, type OpOf, type Tensor } from "../graph/types.ts";
import { groupSteps, type Group } from "../schedule/groups.ts";
import type { Anchor } from "../schedule/ops.ts";
import type { PlannedStage } from "../schedule/launch.ts";
import { assignSlots, lifetimesOf, type Lifetime, type Slot } from "../schedule/lifetimes.ts";
import type { StepProgram } from "../schedule/plan.ts";
import { stagesOf, type Stage } from "../schedule/stages.ts";
import {
  assemble,
  call,
  FunctionWriter,
  get,
  I32,
  i32,
  increase,
  loopWhile,
  select,
  set,
  when,
  type Code,
  type Local,
} from "./assembler.ts";
import { SLOT, SLOT_BYTES } from "./cells.ts";
import { maskWords } from "./dropout.ts";
import type { Emission, GroupRows } from "./emission.ts";
import { masksOf, writeGroup, writeResults, type WrittenGroup } from "./groups.ts";
import { extentOf, lastTimesteps, type Layout } from "./layout.ts";
import type { Loaded } from "./rarity.ts";

/** Bytes to which tensors are aligned: a line of the cache. */
const LINE = 64;
const aligned = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

/** Records that one call goes through at most, and bytes that their results may take. */
const MAX_STEPS = 4096;
const MAX_RESULT_BYTES = 1 << 20;

const KERNEL_NAMES: Readonly<Record<Anchor, string>> = {
  gather: "gather",
  product: "product",
  rowSum: "row_sum",
  elementwise: "elementwise",
  rowWise: "rows",
  reduce: "reduce",
  recurrent: "recurrent",
};

/** Multiplications and additions of a product or a recurrence. */
function flopsOf(graph: Graph, op: Op, batch: number): number {
  if (op.type !== "product" && op.type !== "recurrentForward" && op.type !== "recurrentBackward") return 0;
  const out = tensorOf(graph, op.outputs[0]),
    inner = tensorOf(graph, op.inputs[0]);
  // Of a recurrence one of them has the states, and the other what is multiplied with them.
  if (op.type !== "product") return 2 * rowsOf(out, batch) * out.cols * inner.cols;
  const terms = op.form === "leftTransposed" ? rowsOf(inner, batch) : inner.cols;
  return 2 * rowsOf(out, batch) * out.cols * terms;
}

/** What a graph needs in memory besides weights and data, at addresses from 0. */
export interface Memory {
  readonly bytes: number;
  readonly layouts: ReadonlyMap<string, Layout>;
  readonly masks: ReadonlyMap<number, number>;
  readonly pending: ReadonlyMap<string, Layout>;
  readonly records: number;
  readonly results: number;
  /** Steps that one call may run. */
  readonly capacity: number;
}

/** A step of a graph as groups in stages; pure. */
export class Program implements StepProgram {
  readonly stages: readonly Stage[];
  readonly groups: readonly Group[];
  readonly lifetimes: readonly Lifetime[];
  readonly slots: readonly Slot[];
  readonly memory: Memory;
  readonly result: Tensor;
  readonly #views: ReadonlyMap<string, OpOf<"lastStep">>;

  /** @param fuse else every operation is a stage of its own, and every tensor has memory of its own */
  constructor(
    readonly graph: Graph,
    readonly batch: number,
    readonly fuse: boolean,
  ) {
    const result = [...graph.tensors.values()].find(({ role }) => role === "result");
    if (!result) throw new Error("a graph has a result");
    this.result = result;
    this.#views = fuse
      ? new Map(graph.ops.flatMap((op) => (op.type === "lastStep" && op.outputs[0] !== result.name ? [[op.outputs[0], op] as const] : [])))
      : new Map();
    this.groups = groupSteps(graph, fuse, this.#views);
    this.stages = stagesOf(graph, this.groups, fuse, this.#views);
    const ofStage = this.stages.map((stage) => stage.flatMap((part) => part.groups));
    this.lifetimes = lifetimesOf(graph, batch, this.groups, ofStage, this.#views).map((life) => ({
      ...life,
      bytes: extentOf(tensorOf(graph, life.tensor), batch).bytes,
    }));
    this.slots = fuse ? assignSlots(this.lifetimes) : this.lifetimes.map(({ tensor, bytes }) => ({ bytes, tensors: [tensor] }));
    this.memory = this.#layOut();
  }

  /** Matrices of weights whose transpose products of this graph read. */
  get transposed(): string[] {
    const names = this.graph.ops.flatMap((op) =>
      op.type === "product" && op.form === "rightTransposed" ? [op.inputs[1]] : op.type === "recurrentBackward" ? [op.inputs[2]] : [],
    );
    return [...new Set(names)];
  }

  /** Whether a tensor holds whole numbers as they are stored: class and vocabulary indices, lengths. */
  isWhole(name: string): boolean {
    return this.graph.ops.some((op) => op.type === "gather" && op.source === "uint32" && op.outputs[0] === name);
  }

  #layOut(): Memory {
    const { graph, batch } = this;
    let bytes = 0;
    const take = (size: number): number => {
      const at = bytes;
      // Vectors are read a little beyond the last number.
      bytes += aligned(size + 16);
      return at;
    };
    const extent = (name: string) => extentOf(tensorOf(graph, name), batch);
    const layouts = new Map<string, Layout>();
    for (const slot of [...this.slots, { bytes: extent(this.result.name).bytes, tensors: [this.result.name] }]) {
      const base = take(slot.bytes);
      for (const name of slot.tensors) layouts.set(name, { ...extent(name), base });
    }
    // It is added up in memory, also where only the group itself reads it.
    for (const {
      type,
      outputs: [name],
    } of graph.ops) {
      if (type === "embeddingGradient" && !layouts.has(name)) layouts.set(name, { ...extent(name), base: take(extent(name).bytes) });
    }
    const masks = new Map<number, number>(),
      pending = new Map<string, Layout>();
    for (const op of graph.ops) {
      if (op.type === "dropout" && !masks.has(op.layer)) {
        const tensor = tensorOf(graph, op.inputs[0]);
        masks.set(op.layer, take(4 * maskWords((batch * timestepsOf(tensor) * tensor.cols) / (op.held ?? 1))));
      }
      if (op.type === "recurrentBackward" && op.masked) {
        const { cols } = tensorOf(graph, op.inputs[1]),
          each = extentOf({ name: "", role: "intermediate", rows: "batch", cols }, batch);
        pending.set(op.outputs[0], { ...each, base: take(each.bytes) });
      }
    }
    const resultBytes = sizeOf(this.result, batch) * 4;
    const capacity = Math.max(1, Math.min(MAX_STEPS, Math.floor(MAX_RESULT_BYTES / resultBytes)));
    return {
      records: take(capacity * SLOT_BYTES),
      results: take(capacity * resultBytes),
      capacity,
      layouts,
      masks,
      pending,
      get bytes() {
        return bytes;
      },
    };
  }

  /** What each stage computes, in order. */
  get planned(): PlannedStage[] {
    return this.stages.map((stage) => {
      const groups = stage.flatMap((part) => part.groups),
        members = new Set(groups.flatMap(({ ops }) => ops));
      const read = new Set([...members].flatMap(({ inputs }) => inputs)),
        outputs = [...new Set([...members].flatMap(({ outputs: names }) => names))];
      const inMemory = (name: string): boolean => this.memory.layouts.has(name) || tensorOf(this.graph, name).role !== "intermediate";
      return {
        kernel: [...new Set(groups.map(({ anchor }) => KERNEL_NAMES[anchor]))].join("+"),
        label: outputs.join(" "),
        ops: this.graph.ops.filter((op) => members.has(op) || (this.#views.has(op.outputs[0]) && read.has(op.outputs[0]))),
        touches: [
          ...[...read].filter((name) => inMemory(name) && !outputs.includes(name)).map((tensor) => ({ tensor, access: "read" as const })),
          ...outputs.filter(inMemory).map((tensor) => ({ tensor, access: "read_write" as const })),
        ],
        flops: [...members].reduce((sum, op) => sum + flopsOf(this.graph, op, this.batch), 0),
      };
    });
  }

  /**
   * The module; `base` is where its memory lies.
   * @param placeOf weights, optimizer states, sums and carried states
   * @param transposeOf where the transpose of a weight matrix is kept, for those that some graph reads transposed
   * @param writers what of the graph is written by what is loaded later
   * @param barrier the function by which threads meet; null where memory is not shared
   */
  write(
    base: number,
    placeOf: (tensor: string) => Layout,
    transposeOf: (parameter: string) => Layout | null,
    fused: boolean,
    writers: Loaded,
    barrier: FunctionWriter | null,
  ): Uint8Array<ArrayBuffer> {
    const { graph, batch, groups, memory } = this,
      moved = (layout: Layout): Layout => ({ ...layout, base: layout.base + base });
    const layoutOf = (name: string): Layout => {
      const view = this.#views.get(name);
      if (view) return lastTimesteps(layoutOf(view.inputs[0]), tensorOf(graph, view.inputs[0]));
      const own = memory.layouts.get(name);
      return own ? moved(own) : placeOf(name);
    };
    const emission: Emission = {
      graph,
      layoutOf,
      transposeOf,
      fused,
      ...writers,
      maskOf: (layer) => base + memory.masks.get(layer)!,
      pendingOf: (tensor) => moved(memory.pending.get(tensor)!),
    };
    const drawn = new Set<number>(),
      context = { emission, batch, groups, views: this.#views };
    const stages = this.stages.map((stage) =>
      stage.map((part) => part.groups.flatMap((group) => [...masksOf(emission, group, drawn), writeGroup(context, group)])),
    );
    return assembleStages(stages, writeResults(emission, this.result.name), barrier);
  }
}

/** One function a group, one a stage, and `run`, which goes through the records. */
function assembleStages(
  stages: readonly (readonly WrittenGroup[])[][],
  results: WrittenGroup,
  barrier: FunctionWriter | null,
): Uint8Array<ArrayBuffer> {
  const functions: FunctionWriter[] = [],
    index = new Map<WrittenGroup, number>();
  const add = (writer: FunctionWriter): number => functions.push(writer) - 1;
  for (const group of [...stages.flat(2), results]) index.set(group, add(group.writer));
  const meet = barrier && add(barrier);
  const ofStages = stages.map((parts, number) => {
    const writer = new FunctionWriter([I32, I32, I32], `stage${number}`),
      turn = { next: 0 };
    const [slot, thread, threads] = [0, 1, 2].map((i) => writer.parameter(i));
    writer.body = parts.map((groups) =>
      groups.map((group) => callGroup(writer, index.get(group)!, group.extent, { slot, thread, threads, alone: barrier === null }, turn)),
    );
    return add(writer);
  });
  add(writeRun(ofStages, index.get(results)!, meet));
  return assemble(functions, barrier !== null);
}

interface Caller {
  readonly slot: Local;
  readonly thread: Local;
  readonly threads: Local;
  /** There is one thread. */
  readonly alone: boolean;
}

/** Calls the function for this thread's share; what cannot be divided takes turns. */
function callGroup(
  writer: FunctionWriter,
  group: number,
  extent: GroupRows,
  { slot, thread, threads, alone }: Caller,
  turn: { next: number },
): Code {
  if (extent === "whole") {
    const run = call(group, i32.const(0), i32.const(0), get(slot));
    return alone ? run : when(i32.eq(i32.remU(i32.const(turn.next++), get(threads)), get(thread)), run);
  }
  const rows = extent === "examples" ? i32.load(get(slot), SLOT.rows) : i32.const(extent.rows);
  if (alone) return call(group, i32.const(0), rows, get(slot));
  // Shares of whole tiles, so that every tile is where it would be with one thread.
  const all = writer.scratch("all", I32),
    from = writer.scratch("from", I32),
    to = writer.scratch("to", I32);
  const tiles = i32.shrU(i32.add(get(all), i32.const(3)), i32.const(2));
  const cut = (share: Code): Code => i32.mul(i32.divU(i32.mul(tiles, share), get(threads)), i32.const(4));
  return when(i32.eq(get(threads), i32.const(1)), call(group, i32.const(0), rows, get(slot)), [
    set(all, rows),
    set(from, cut(get(thread))),
    set(to, cut(i32.add(get(thread), i32.const(1)))),
    set(to, select(get(all), get(to), i32.ltU(get(all), get(to)))),
    when(i32.ltU(get(from), get(to)), call(group, get(from), get(to), get(slot))),
  ]);
}

/** run(first record, records, thread, threads). */
function writeRun(stages: readonly number[], results: number, meet: number | null): FunctionWriter {
  const writer = new FunctionWriter([I32, I32, I32, I32], "run"),
    [slot, count, thread, threads] = [0, 1, 2, 3].map((i) => writer.parameter(i));
  const barrier: Code = meet === null ? [] : when(i32.gtU(get(threads), i32.const(1)), call(meet, get(threads)));
  const deliver = call(results, i32.const(0), i32.const(0), get(slot));
  writer.body = loopWhile(get(count), [
    stages.map((stage) => [call(stage, get(slot), get(thread), get(threads)), barrier]),
    meet === null ? deliver : [when(i32.eqz(get(thread)), deliver), barrier],
    increase(slot, SLOT_BYTES),
    increase(count, -1),
  ]);
  return writer;
}
