// Writes the whole step of a tiny network as one kernel that stays on the device: schedule's groups become the parts of a
// program for one workgroup, their tensors places in its memory. All are f32, also where a plan may use f16: they take no
// bandwidth, and all that fits fits as f32.
// A software adapter has one kind of memory, whatever it is called, and SwiftShader takes 0.3 ms to compile each number of workgroup
// memory (it is set to 0 by a store of its own). So there weights stay in their buffer and intermediates have one, too.

import { QUAD_BROADCAST } from "../../shaders/product.wgsl.ts";
import { reduceFewStatements, persistentKernel } from "../../shaders/persistent.wgsl.ts";
import { levelsOf } from "../graph/long-sums.ts";
import { rowsOf, sizeOf, timestepsOf, tensorOf, type Graph, type Op, type OpOf } from "../graph/types.ts";
import { BufferAccess, type TensorAccess } from "./access.ts";
import { sharedFunctions } from "./elementwise.ts";
import { writeEpilogue } from "./epilogue.ts";
import type { Formulas } from "./formulas.ts";
import { groupSteps, storedOutputs, type Group } from "./groups.ts";
import { MAX_PERSISTENT_WEIGHTS, rowsExpression, type Launch } from "./launch.ts";
import { assignSlots, lifetimesOf, type Lifetime, type Slot } from "./lifetimes.ts";
import type { PlanFormulas } from "./norm-writer.ts";
import { memoryBytes, packScratch, type Places } from "./places.ts";
import { reduceText } from "./reduce.ts";
import { tiledProduct } from "./persistent-product.ts";
import { rowWiseText } from "./row-wise.ts";
import type { SequenceWriter } from "./sequence-writer.ts";
import { SIMD, type Adapter } from "./tiles.ts";
import { viewsOf } from "./views.ts";

export interface Persistent {
  readonly launch: Launch;
  readonly lifetimes: readonly Lifetime[];
  readonly slots: readonly Slot[];
  /** Where weights and states lie, and intermediates that are in a buffer. */
  readonly places: Places;
  /** Bytes of each buffer of intermediates, by its name. */
  readonly scratch: ReadonlyMap<string, number>;
  /** Where the others are, for people. */
  readonly where: string;
}

interface PersistentPart {
  readonly functions: string;
  readonly text: string;
  /** Needs shaders/product.wgsl.ts' QUAD_BROADCAST. */
  readonly broadcasts?: boolean;
}

const FLOAT_BYTES = 4;

/** Weights and intermediates in workgroup memory; states, data and results in their buffers. */
class PersistentAccess implements TensorAccess {
  constructor(
    readonly graph: Graph,
    readonly buffers: BufferAccess,
    readonly inMemory: ReadonlyMap<string, number>,
  ) {}

  get formulas(): Formulas {
    return this.buffers.formulas;
  }

  get sequences(): SequenceWriter {
    return this.buffers.sequences;
  }

  rowStart(tensor: string, row: string): string {
    const offset = this.inMemory.get(tensor);
    return offset === undefined ? this.buffers.rowStart(tensor, row) : `${offset}u + (${row}) * ${tensorOf(this.graph, tensor).cols}u`;
  }

  inRow(tensor: string, start: string, col: string): string {
    return this.inMemory.has(tensor) ? `memory[${start} + ${col}]` : this.buffers.inRow(tensor, start, col);
  }

  wholeAt(tensor: string, row: string): string {
    return this.buffers.wholeAt(tensor, row);
  }

  fourInRow(): null {
    return null;
  }

  load(tensor: string, index: string): string {
    return this.#place(tensor, index) ?? this.buffers.load(tensor, index);
  }

  here(tensor: string): string {
    return this.#place(tensor, "element") ?? this.buffers.here(tensor);
  }

  store(tensor: string, index: string): string {
    return this.#place(tensor, index) ?? this.buffers.store(tensor, index);
  }

  assign(tensor: string, index: string, value: string): string {
    return `${this.store(tensor, index)} = ${value};`;
  }

  asStored(_tensor: string, value: string): string {
    return value;
  }

  #place(tensor: string, index: string): string | null {
    const offset = this.inMemory.get(tensor);
    return offset === undefined ? null : `memory[${offset}u + ${index}]`;
  }
}

const range = (variable: string, count: string, lanes: number, body: string): string =>
  `for (var ${variable} = lane; ${variable} < ${count}; ${variable} += ${lanes}u) {
      ${body}
    }`;

/** What the writers of parts share. */
interface ProgramContext {
  readonly graph: Graph;
  readonly batch: number;
  readonly access: TensorAccess;
  readonly adapter: Adapter;
  readonly lanes: number;
}

/** The statements of one group and the functions that they call. */
function writePart(context: ProgramContext, group: Group, stored: ReadonlySet<string>, prefix: string): PersistentPart {
  const { graph, batch, access, adapter, lanes } = context,
    [first, ...rest] = group.ops;
  const out = tensorOf(graph, first.outputs[0]);
  const rows = rowsExpression(out);
  const element = `let row = element / ${out.cols}u; let col = element % ${out.cols}u;`;
  switch (group.anchor) {
    case "gather":
    case "recurrent":
      throw new Error(`${group.anchor} has no part in a persistent kernel`);
    case "product": {
      const { functions, body } = writeEpilogue(graph, out.name, rest, stored, access, prefix);
      if (adapter.kind === "software") {
        return { functions, ...tiledProduct(graph, batch, first as OpOf<"product">, access, adapter.quads, body) };
      }
      return {
        functions,
        text: range(
          "element",
          `${rows} * ${out.cols}u`,
          lanes,
          `${element}
      ${productSum(graph, first, access)}
      ${body}`,
        ),
      };
    }
    case "rowSum": {
      const { functions, body } = writeEpilogue(graph, out.name, rest, stored, access, prefix);
      return {
        functions,
        text: range(
          "element",
          `${out.cols}u`,
          lanes,
          `${element}
      var value = 0.0;
      for (var r = 0u; r < step.rows; r++) { value += ${access.inRow(first.inputs[0], access.rowStart(first.inputs[0], "r"), "col")}; }
      ${body}`,
        ),
      };
    }
    case "elementwise": {
      const { functions, body } = writeEpilogue(graph, null, group.ops, stored, access, prefix);
      return {
        functions,
        text: range(
          "element",
          `${rows} * ${out.cols}u`,
          lanes,
          `${element}
      ${body}`,
        ),
      };
    }
    case "rowWise": {
      const { functions, statements } = rowWiseText(graph, group.ops, access, prefix);
      return { functions, text: range("row", "step.rows", lanes, statements.map((text) => `{${text}}`).join("\n      ")) };
    }
    case "reduce": {
      const { functions, reductions } = reduceText(graph, batch, group.ops, access, prefix);
      return { functions, text: reduceFewStatements(reductions, lanes) };
    }
  }
}

/** Statements that leave Σₖ left·right, and the bias, in `value`, for one `row` and `col`. */
function productSum(graph: Graph, op: Op, access: TensorAccess): string {
  if (op.type !== "product") throw new Error("a product group starts with a product");
  const [left, right, bias] = op.inputs,
    { form } = op;
  const k = form === "leftTransposed" ? rowsExpression(tensorOf(graph, left)) : `${tensorOf(graph, left).cols}u`;
  // Where a row is the same for all terms, finding it (a look into the order of the epoch, say) is done once.
  const atTerm = (tensor: string, col: string) => ({ start: "", text: access.inRow(tensor, access.rowStart(tensor, "k"), col) });
  const along = (tensor: string, row: string, name: string) => ({
    start: `let ${name} = ${access.rowStart(tensor, row)};`,
    text: access.inRow(tensor, name, "k"),
  });
  const l = form === "leftTransposed" ? atTerm(left, "row") : along(left, "row", "left_row");
  const r = form === "rightTransposed" ? along(right, "col", "right_row") : atTerm(right, "col");
  return `var value = 0.0;
      ${l.start} ${r.start}
      for (var k = 0u; k < ${k}; k++) { value = fma(${l.text}, ${r.text}, value); }
      ${bias === undefined ? "" : `value += ${access.load(bias, "col")};`}`;
}

/**
 * Before which parts all lanes must have finished the ones before: where a part reads or overwrites what was written, or
 * overwrites what was read, since the last such place.
 * @param placeOf tensors with the same place share memory
 */
function barriersBefore(groups: readonly Group[], placeOf: (tensor: string) => string): boolean[] {
  let read = new Set<string>(),
    written = new Set<string>();
  return groups.map(({ ops }) => {
    const reads = ops.flatMap(({ inputs }) => inputs).map(placeOf),
      writes = ops.flatMap(({ outputs }) => outputs).map(placeOf);
    const conflicts = reads.some((place) => written.has(place)) || writes.some((place) => written.has(place) || read.has(place));
    if (conflicts) [read, written] = [new Set(), new Set()];
    reads.forEach((place) => read.add(place));
    writes.forEach((place) => written.add(place));
    return conflicts;
  });
}

/**
 * On a GPU as many as the largest part keeps busy. A software adapter runs a workgroup on one core, whatever its size, and switches
 * at each barrier from one register of lanes to the next: with one there is nothing to switch to.
 */
function lanesFor(graph: Graph, batch: number, { kind }: Adapter): number {
  if (kind === "software") return SIMD;
  const sizes = [...graph.tensors.values()]
    .filter(({ role }) => role === "parameter" || role === "intermediate")
    .map((tensor) => rowsOf(tensor, batch) * tensor.cols);
  const largest = Math.max(...sizes);
  return [32, 64, 128].find((lanes) => largest <= lanes * 4) ?? 256;
}

/**
 * The step as a persistent kernel, or null if the network is too large for one workgroup.
 * @param places where weights and states lie between submits
 * @param maxBytes workgroup memory that it may take
 * @param sequences for weighted rows; networks of sequences have none
 */
export function writePersistent(
  graph: Graph,
  batch: number,
  places: Places,
  adapter: Adapter,
  maxBytes: number,
  formulas: PlanFormulas,
  sequences?: SequenceWriter,
): Persistent | null {
  if (graph.purpose !== "train") return null;
  const weights = [...graph.tensors.values()].filter(({ role }) => role === "parameter");
  // Sequences have kernels of their own.
  if ([...graph.tensors.values()].some((tensor) => timestepsOf(tensor) > 1)) return null;
  // Sums over so many rows are done in blocks, and by many workgroups.
  if (levelsOf(batch) > 0) return null;
  const gathered = viewsOf(graph),
    groups = groupSteps(graph, true, gathered);
  const lifetimes = lifetimesOf(
    graph,
    batch,
    groups,
    groups.map((group) => [group]),
    gathered,
  );
  const slots = assignSlots(lifetimes);
  const inMemory = new Map<string, number>();
  let elements = 0;
  const take = (tensors: readonly string[], size: number) => {
    tensors.forEach((tensor) => inMemory.set(tensor, elements));
    elements += size;
  };
  for (const weight of weights) take([weight.name], sizeOf(weight, batch));
  if (elements > MAX_PERSISTENT_WEIGHTS) return null;
  for (const { bytes, tensors } of slots) take(tensors, bytes / FLOAT_BYTES);
  const lanes = lanesFor(graph, batch, adapter),
    inBuffers = adapter.kind === "software";
  if ((elements + lanes) * FLOAT_BYTES > maxBytes) return null;
  const scratch: Places = inBuffers ? packScratch(slots) : new Map();
  const allPlaces = new Map([...places, ...scratch]);
  const buffers = new BufferAccess(graph, batch, allPlaces, gathered, formulas, sequences);
  const context = { graph, batch, adapter, lanes, access: inBuffers ? buffers : new PersistentAccess(graph, buffers, inMemory) };
  const parts = groups.map((group, i) => writePart(context, group, storedOutputs(graph, group, groups, gathered), `g${i}_`));
  const slotOf = new Map(slots.flatMap(({ tensors }, i) => tensors.map((tensor) => [tensor, `slot ${i}`] as const)));
  const barriers = barriersBefore(groups, (tensor) => slotOf.get(tensor) ?? tensor);
  const copies = inBuffers
    ? []
    : weights.map(({ name }) => ({
        memory: inMemory.get(name) ?? 0,
        elements: sizeOf(tensorOf(graph, name), batch),
        buffer: buffers.store(name, "i"),
      }));
  const bindings = buffers.bindings();
  const source =
    (parts.some(({ broadcasts }) => broadcasts) ? QUAD_BROADCAST : "") +
    persistentKernel(
      {
        lanes,
        memory: inBuffers ? 0 : elements,
        weights: copies,
        functions: sharedFunctions(graph.ops, formulas) + buffers.functions() + parts.map((p) => p.functions).join(""),
        parts: parts.map(({ text }, i) => ({ text, barrier: barriers[i] })),
      },
      bindings,
    );
  // Intermediates share places within the launch: nobody can read them back.
  const touches = buffers.touches().filter(({ tensor }) => tensorOf(graph, tensor).role !== "intermediate");
  const label = groups.map(({ ops }) => ops.flatMap(({ outputs }) => outputs).join(" ")).join(" | ");
  return {
    launch: { kernel: "persistent", label, ops: graph.ops, source, bindings, touches, grid: [1, 1], flops: 0, table: "storage" },
    lifetimes,
    slots,
    places: allPlaces,
    scratch: memoryBytes(scratch),
    where: inBuffers ? "" : " in workgroup memory",
  };
}
