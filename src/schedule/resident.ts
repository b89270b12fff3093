// Writes the whole step of a tiny network as one kernel that stays on the device: schedule's groups become the parts of a
// program for one workgroup, their tensors places in its memory.

import { invocationsPerRow, gatherStatements } from "../../shaders/gather.wgsl.ts";
import { reduceFewStatements } from "../../shaders/reduce.wgsl.ts";
import { residentKernel } from "../../shaders/resident.wgsl.ts";
import { rowsOf, sizeOf, tensorOf, type Graph, type Step } from "../graph/types.ts";
import { sharedFunctions } from "./elementwise.ts";
import { writeEpilogue } from "./epilogue.ts";
import { gatherSources } from "./gather.ts";
import { groupSteps, storedOutputs, type Group } from "./groups.ts";
import { BindingList, rowsExpression, type Launch, type TensorAccess } from "./launch.ts";
import { assignSlots, type Lifetime, type Slot } from "./lifetimes.ts";
import { reduceText } from "./reduce.ts";
import { rowWiseText } from "./row-wise.ts";

/** A tensor's place in the packed buffer, in elements. */
export interface PackedTensor {
  readonly tensor: string;
  readonly offset: number;
  readonly elements: number;
}

export interface Resident {
  readonly launch: Launch;
  readonly packed: readonly PackedTensor[];
  readonly lifetimes: readonly Lifetime[];
  readonly slots: readonly Slot[];
}

/** More weights than this are better spread over many workgroups. */
const MAX_WEIGHTS = 3000;
const FLOAT_BYTES = 4;
/** No group is cut for want of bindings: the parts of the program share all buffers. */
const UNLIMITED = Infinity;

function pack(graph: Graph, batch: number): PackedTensor[] {
  const tensors = [...graph.tensors.values()];
  let offset = 0;
  return [...tensors.filter(({ role }) => role === "parameter"), ...tensors.filter(({ role }) => role === "state")]
    .map((tensor) => {
      const elements = sizeOf(tensor, batch);
      const packed = { tensor: tensor.name, offset, elements };
      offset += elements;
      return packed;
    });
}

/** Intermediates that must be in memory, alive from the first to the last group that touches them. */
function lifetimesOf(graph: Graph, batch: number, groups: readonly Group[]): Lifetime[] {
  const lives = new Map<string, Lifetime>();
  groups.forEach((group, index) => {
    const stored = storedOutputs(graph, group, groups);
    const made = new Set(group.steps.flatMap(({ outputs }) => outputs));
    const read = group.steps.flatMap(({ inputs }) => inputs).filter((name) => !made.has(name));
    for (const tensor of new Set([...read, ...stored])) {
      if (tensorOf(graph, tensor).role !== "intermediate") continue;
      const bytes = sizeOf(tensorOf(graph, tensor), batch) * FLOAT_BYTES;
      lives.set(tensor, { tensor, bytes, first: lives.get(tensor)?.first ?? index, last: index });
    }
  });
  return [...lives.values()];
}

/** Weights and intermediates in workgroup memory, states in the packed buffer, data and results in their own. */
class ResidentAccess implements TensorAccess {
  constructor(
    readonly graph: Graph, readonly bindings: BindingList, readonly inMemory: ReadonlyMap<string, number>,
    readonly inPacked: ReadonlyMap<string, number>,
  ) {}

  load(tensor: string, index: string): string {
    return this.#place(tensor, index) ?? this.bindings.load(tensor, index);
  }

  store(tensor: string, index: string): string {
    return this.#place(tensor, index) ?? this.bindings.store(tensor, index);
  }

  #place(tensor: string, index: string): string | null {
    const memory = this.inMemory.get(tensor);
    if (memory !== undefined) return `memory[${memory}u + ${index}]`;
    const packed = this.inPacked.get(tensor);
    return packed === undefined ? null : `packed[${packed}u + ${index}]`;
  }
}

const range = (variable: string, count: string, lanes: number, body: string): string =>
  `for (var ${variable} = lane; ${variable} < ${count}; ${variable} += ${lanes}u) {
      ${body}
    }`;

/** The statements of one group and the functions that they call. */
function writePart(graph: Graph, group: Group, stored: ReadonlySet<string>, access: ResidentAccess, lanes: number, prefix: string) {
  const [first, ...rest] = group.steps;
  const out = tensorOf(graph, first.outputs[0]);
  const rows = rowsExpression(out);
  const element = `let row = element / ${out.cols}u; let col = element % ${out.cols}u;`;
  switch (group.anchor) {
    case "gather": {
      const sources = gatherSources(graph, group.steps, (data) => access.bindings.read(data), access);
      return { functions: "",
        text: range("index", `step.rows * ${invocationsPerRow(sources)}u`, lanes, gatherStatements(sources)) };
    }
    case "product": {
      const { functions, body } = writeEpilogue(graph, out.name, rest, stored, access, prefix);
      return { functions, text: range("element", `${rows} * ${out.cols}u`, lanes, `${element}
      ${productSum(graph, first, access)}
      ${body}`) };
    }
    case "rowSum": {
      const { functions, body } = writeEpilogue(graph, out.name, rest, stored, access, prefix);
      return { functions, text: range("element", `${out.cols}u`, lanes, `${element}
      var value = 0.0;
      for (var r = 0u; r < step.rows; r++) { value += ${access.load(first.inputs[0], `r * ${out.cols}u + col`)}; }
      ${body}`) };
    }
    case "elementwise": {
      const { functions, body } = writeEpilogue(graph, null, group.steps, stored, access, prefix);
      return { functions, text: range("element", `${rows} * ${out.cols}u`, lanes, `${element}
      ${body}`) };
    }
    case "rowWise": {
      const { functions, statements } = rowWiseText(graph, group.steps, access, prefix);
      return { functions, text: range("row", "step.rows", lanes, statements.map((text) => `{${text}}`).join("\n      ")) };
    }
    case "reduce": {
      const { functions, reductions } = reduceText(graph, access.bindings.batch, group, stored, access, prefix);
      return { functions, text: reduceFewStatements(reductions, lanes) };
    }
  }
}

/** Statements that leave Σₖ left·right, and the bias, in `value`, for one `row` and `col`. */
function productSum(graph: Graph, step: Step, access: TensorAccess): string {
  if (step.op !== "product") throw new Error("a product group starts with a product");
  const [left, right, bias] = step.inputs;
  const leftCols = tensorOf(graph, left).cols, rightCols = tensorOf(graph, right).cols;
  const k = step.form === "leftTransposed" ? rowsExpression(tensorOf(graph, left)) : `${leftCols}u`;
  const l = access.load(left, step.form === "leftTransposed" ? `k * ${leftCols}u + row` : `row * ${leftCols}u + k`);
  const r = access.load(right, step.form === "rightTransposed" ? `col * ${rightCols}u + k` : `k * ${rightCols}u + col`);
  return `var value = 0.0;
      for (var k = 0u; k < ${k}; k++) { value = fma(${l}, ${r}, value); }
      ${bias === undefined ? "" : `value += ${access.load(bias, "col")};`}`;
}

/**
 * Before which parts all lanes must have finished the ones before: where a part reads or overwrites what was written, or
 * overwrites what was read, since the last such place.
 * @param placeOf tensors with the same place share memory
 */
function barriersBefore(groups: readonly Group[], placeOf: (tensor: string) => string): boolean[] {
  let read = new Set<string>(), written = new Set<string>();
  return groups.map(({ steps }) => {
    const reads = steps.flatMap(({ inputs }) => inputs).map(placeOf), writes = steps.flatMap(({ outputs }) => outputs).map(placeOf);
    const conflicts = reads.some((place) => written.has(place)) ||
      writes.some((place) => written.has(place) || read.has(place));
    if (conflicts) [read, written] = [new Set(), new Set()];
    reads.forEach((place) => read.add(place));
    writes.forEach((place) => written.add(place));
    return conflicts;
  });
}

/** As many lanes as the largest part keeps busy: each barrier costs more the more lanes there are. */
function lanesFor(graph: Graph, batch: number): number {
  const sizes = [...graph.tensors.values()].filter(({ role }) => role === "parameter" || role === "intermediate")
    .map((tensor) => rowsOf(tensor, batch) * tensor.cols);
  const largest = Math.max(...sizes);
  return [32, 64, 128].find((lanes) => largest <= lanes * 4) ?? 256;
}

/**
 * The step as a resident kernel, or null if the network is too large for one workgroup.
 * @param maxBytes workgroup memory that the device has
 */
export function writeResident(graph: Graph, batch: number, maxBytes: number): Resident | null {
  if (graph.purpose !== "train") return null;
  const packed = pack(graph, batch);
  const weights = packed.filter(({ tensor }) => tensorOf(graph, tensor).role === "parameter");
  const weightElements = weights.reduce((sum, { elements }) => sum + elements, 0);
  if (weightElements > MAX_WEIGHTS) return null;
  const groups = groupSteps(graph, true, UNLIMITED);
  const lifetimes = lifetimesOf(graph, batch, groups);
  const slots = assignSlots(lifetimes);
  const lanes = lanesFor(graph, batch);
  const memory = weightElements + slots.reduce((sum, { bytes }) => sum + bytes / FLOAT_BYTES, 0);
  if ((memory + lanes) * FLOAT_BYTES > maxBytes) return null;
  const inMemory = new Map(weights.map(({ tensor, offset }) => [tensor, offset]));
  let offset = weightElements;
  for (const { bytes, tensors } of slots) {
    tensors.forEach((tensor) => inMemory.set(tensor, offset));
    offset += bytes / FLOAT_BYTES;
  }
  const bindings = new BindingList(graph, batch);
  bindings.read("order", "order");
  const access = new ResidentAccess(graph, bindings, inMemory, new Map(packed.map((p) => [p.tensor, p.offset])));
  const parts = groups.map((group, i) => writePart(graph, group, storedOutputs(graph, group, groups), access, lanes, `g${i}_`));
  const slotOf = new Map(slots.flatMap(({ tensors }, i) => tensors.map((tensor) => [tensor, `slot ${i}`] as const)));
  const barriers = barriersBefore(groups, (tensor) => slotOf.get(tensor) ?? tensor);
  const list = [...bindings.list(), { tensor: PACKED, name: "packed", type: "f32", access: "read_write" } as const];
  const source = residentKernel({
    lanes, memory, weights: weightElements, functions: sharedFunctions(graph.steps) + parts.map((p) => p.functions).join(""),
    parts: parts.map(({ text }, i) => ({ text, barrier: barriers[i] })),
  }, list);
  const label = groups.map(({ steps }) => steps.flatMap(({ outputs }) => outputs).join(" ")).join(" | ");
  return { launch: { kernel: "resident", label, steps: graph.steps, source, bindings: list, grid: [1, 1], flops: 0,
    table: "storage" }, packed, lifetimes, slots };
}

/** The name under which the packed buffer is bound; no tensor of a graph is called so. */
export const PACKED = "(packed)";
