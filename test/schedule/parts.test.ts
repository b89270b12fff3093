// What the workgroups of a part do. Parts are written for workgroups of one invocation here, and for a mini-batch larger than the one that
// comes, and run: afterwards memory holds the numbers of the reference where the group's tensors lie, and is untouched elsewhere. So no number
// is left out, none belongs to two tensors, and none lies beyond the rows that there are. How many workgroups, barriers and operations a part
// has is counted on the side.

import { describe, expect, it } from "vitest";
import { sizeOf, rowsOf, tensorOf, type Graph, type OpName } from "../../src/graph/types.ts";
import { evaluateStep } from "../../src/reference/evaluate.ts";
import { BufferAccess } from "../../src/schedule/access.ts";
import { groupSteps, storedOutputs, type Group } from "../../src/schedule/groups.ts";
import { withNormalizations } from "../../src/schedule/normalization.ts";
import { writePart, type WrittenPart } from "../../src/schedule/parts.ts";
import { packWeights } from "../../src/schedule/places.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { DEFAULT_ADAPTER, type TileLimits } from "../../src/schedule/tiles.ts";
import type { Choices } from "../../src/schedule/tuning.ts";
import { viewsOf } from "../../src/schedule/views.ts";
import { FORMULAS } from "../support/formulas.ts";
import { runnable } from "../support/wgsl-in-js.ts";
import { EVERY_OP, opCases, STEP } from "./every-op.ts";
import { digits, graphOf, type NetworkOptions } from "./networks.ts";

const NUMBERS = new Map(Object.values(EVERY_OP).map((graph) => [graph, opCases(graph)]));

/** As planned; three examples come. */
const BATCH = 5;
const ONE_LANE: TileLimits = { kind: "software", quads: false, workgroupBytes: 16384, lanes: 1 };
/** One number an invocation: what is run here has no vectors. */
const SCALAR = {
  kind: "direct",
  tileRows: 1,
  tileCols: 1,
  lanesX: 1,
  lanesY: 1,
  lanesK: 1,
  unroll: 1,
  broadcast: false,
  depth: 0,
} as const;
const ALL_SCALAR = { get: () => SCALAR } as unknown as Choices;

/** Written with vectors: words of Philox, norms, the way through time. */
const VECTORS: readonly OpName[] = ["dropout", "clipFactor", "recurrentForward", "recurrentBackward"];

function setUp(graph: Graph, fuse: boolean, limits: TileLimits = ONE_LANE, batch = BATCH, choices: Choices = ALL_SCALAR) {
  const views = viewsOf(graph),
    elsewhere = fuse ? views : new Map<string, never>(),
    groups = groupSteps(graph, fuse, elsewhere);
  const placed = [...graph.tensors.values()].filter(({ role }) => role !== "data" && role !== "result");
  const places = packWeights(placed.map((tensor) => [tensor.name, sizeOf(tensor, batch)] as const));
  const write = (...members: readonly Group[]) => {
    const access = new BufferAccess(graph, batch, places, fuse ? views : new Map(), FORMULAS, withNormalizations(SEQUENCES));
    const part = writePart({ graph, batch, groups, access, elsewhere, norms: null, limits, choices }, { groups: members }, "p0");
    return { part, functions: access.functions() };
  };
  return { groups, places, write, elsewhere };
}

const words = (bytes: ArrayLike<number>): bigint[] =>
  Array.from({ length: bytes.length / 4 }, (_, i) =>
    [0, 1, 2, 3].reduce((word, b) => word | (BigInt(bytes[4 * i + b]) << BigInt(8 * b)), 0n),
  );

/** The buffers that a step finds: data sets as they are stored, and the others full of a number that is nowhere else. */
function buffersOf(graph: Graph, length: number) {
  const buffers: Record<string, (number | bigint)[]> = {
    weights: new Array<number>(length).fill(-777),
    results: new Array<number>(16).fill(-777),
    partial: [0],
  };
  for (const { op, inputs } of NUMBERS.get(graph)!) {
    if (op.type !== "gather") continue;
    buffers[op.inputs[0]] =
      op.source === "uint8" ? words(inputs[0]) : Array.from(inputs[0], (number) => (op.source === "uint32" ? BigInt(number) : number));
    buffers.order = Array.from(inputs[1], BigInt);
  }
  return buffers;
}

/**
 * Runs the part of a group and compares all of memory with what it should hold. Complaints.
 * @param change sabotages the part
 */
function wrong(graph: Graph, fuse: boolean, index: number, change: (part: WrittenPart) => WrittenPart = (part) => part): string[] {
  const { groups, places, write, elsewhere } = setUp(graph, fuse),
    group = groups[index],
    cases = NUMBERS.get(graph)!.filter(({ op }) => group.ops.includes(op));
  const length = Math.max(...[...places.values()].map(({ offset, elements }) => offset + elements)),
    buffers = buffersOf(graph, length);
  const inPlace = (name: string) => places.get(name)?.offset ?? 0;
  const put = (memory: (number | bigint)[], name: string, numbers: ArrayLike<number>) =>
    Array.from(numbers, (number, i) => (memory[inPlace(name) + i] = number));
  // Operands as the reference has them before the group, results as it has them after.
  const made = new Set<string>(),
    wanted = new Map<string, Float64Array>();
  for (const { op, inputs } of cases) {
    op.inputs.forEach((name, i) => {
      if (!made.has(name) && places.has(name)) put(buffers.weights, name, inputs[i]);
    });
    evaluateStep(op, inputs, graph, STEP).forEach((output, i) => wanted.set(op.outputs[i], output));
    op.outputs.forEach((name) => made.add(name));
  }
  // What views show, which no kernel of this group makes.
  for (const { op, inputs } of NUMBERS.get(graph)!) {
    op.inputs.forEach((name, i) => {
      const isBehind = [...elsewhere.values()].some((view) => view.inputs.includes(name));
      if (isBehind && places.has(name) && !made.has(name)) put(buffers.weights, name, inputs[i]);
    });
  }
  const expected = { weights: [...buffers.weights], results: [...buffers.results] };
  for (const name of storedOutputs(graph, group, groups, elsewhere)) {
    put(tensorOf(graph, name).role === "result" ? expected.results : expected.weights, name, wanted.get(name)!);
  }

  const { part: original, functions } = write(group),
    part = change(original);
  const step = {
    rows: BigInt(STEP.rows),
    offset: BigInt(STEP.offset),
    slot: 0n,
    step: BigInt(STEP.step),
    inverse_rows: 1 / STEP.rows,
    learning_rate: STEP.learningRate,
    corrected_rate: STEP.correctedRate,
    fresh: 0n,
  };
  const barrier = () => undefined;
  const run = runnable(["workgroup", "lane"], part.text, {
    functions: functions + part.functions,
    scope: { ...buffers, step, workgroupBarrier: barrier, storageBarrier: barrier },
  });
  for (let workgroup = 0; workgroup < part.workgroups; workgroup++) run(BigInt(workgroup), 0n);
  return (["weights", "results"] as const).flatMap((memory) => {
    const bad = expected[memory].findIndex(
      (number, i) => !(Math.abs(Number(buffers[memory][i]) - Number(number)) <= 1e-5 * Math.max(1, Math.abs(Number(number)))),
    );
    return bad < 0 ? [] : [`${memory}[${bad}] is ${buffers[memory][bad]}, not ${expected[memory][bad]}`];
  });
}

const CASES = Object.entries(EVERY_OP).flatMap(([name, graph]) =>
  [true, false].flatMap((fuse) =>
    setUp(graph, fuse).groups.flatMap((group, index) =>
      group.ops.some(({ type }) => VECTORS.includes(type))
        ? []
        : [[`${name}, ${fuse ? "fused" : "alone"}: ${group.ops.flatMap(({ outputs }) => outputs).join(" ")}`, graph, fuse, index] as const],
    ),
  ),
);

describe("a part, run over all its workgroups", () => {
  it.each(CASES)("%s", (_, graph, fuse, index) => {
    expect(wrong(graph, fuse, index)).toEqual([]);
  });

  it("is of every kind that has no vectors", () => {
    const kernels = new Set(
      CASES.flatMap(([, graph, fuse, index]) => {
        const { groups, write } = setUp(graph, fuse);
        return write(groups[index]).part.kernels;
      }),
    );
    expect([...kernels].sort()).toEqual(["elementwise", "gather", "product", "reduce", "row_sum", "row_wise"]);
  });

  it("control: a workgroup too few, or rows left out, are found", () => {
    for (const [, graph, fuse, index] of CASES.slice(0, 12)) {
      expect(wrong(graph, fuse, index, (part) => ({ ...part, workgroups: 0 }))).not.toEqual([]);
    }
    const [, graph, fuse, index] = CASES.find(([name]) => name.includes("alone: z1"))!;
    expect(wrong(graph, fuse, index, (part) => ({ ...part, workgroups: part.workgroups - BATCH * 4 + 11 }))).not.toEqual([]);
  });
});

const GPU: TileLimits = { ...DEFAULT_ADAPTER, lanes: 64 },
  SOFTWARE: TileLimits = { kind: "software", quads: false, workgroupBytes: 32768, lanes: 16 };
const groupOf = (groups: readonly Group[], output: string): Group =>
  groups.find(({ ops }) => ops.some(({ outputs }) => outputs[0] === output))!;

describe("the workgroups of a part", () => {
  const graph = graphOf({ widths: [30, 20, 10], dropoutRate: 0.5 });
  const of = (limits: TileLimits, output: string, batch: number, fuse = false) => {
    const { groups, write } = setUp(graph, fuse, limits, batch, new Map());
    return write(groupOf(groups, output)).part;
  };

  it("have a number each of an elementwise op on a GPU, and up to sixteen in software, where a workgroup costs as much", () => {
    expect(of(GPU, "d1", 33).workgroups).toBe(Math.ceil((33 * 20) / 64));
    expect(of(SOFTWARE, "d1", 33).workgroups).toBe(Math.ceil((33 * 20) / (16 * 16)));
    expect(of(SOFTWARE, "d1", 1).workgroups).toBe(1);
  });

  it("share the columns of a row sum on a GPU, and have one a lane in software", () => {
    // Sixteen lanes a column at batch 64, so that each adds four rows.
    expect(of(GPU, "grad_b1", 64).workgroups).toBe((20 * 16) / 64);
    expect(of(GPU, "grad_b1", 64).memory).toEqual({ partial: 64, staged: 0 });
    expect(of(SOFTWARE, "grad_b1", 64)).toMatchObject({ workgroups: Math.ceil(20 / 16), memory: undefined });
  });

  it("are one for each sum of a reduction", () => {
    const counted = graphOf({ ...digits, widths: [5, 3] }),
      { groups, write } = setUp(counted, true, GPU);
    expect(write(groupOf(groups, "results")).part).toMatchObject({
      kernels: ["reduce"],
      workgroups: 2,
      memory: { partial: 64, staged: 0 },
    });
  });

  it("cover all of a product, which says how many operations it is", () => {
    for (const limits of [GPU, SOFTWARE]) {
      const { product, workgroups, flops } = of(limits, "z1", 33),
        { lanesX, lanesY, tileRows, tileCols } = product!.shape;
      expect(workgroups).toBe(Math.ceil(33 / (lanesY * tileRows)) * Math.ceil(20 / (lanesX * tileCols)));
      expect(flops).toBe(2 * 33 * 20 * 30);
      expect(product!.product).toMatchObject({ m: 33, n: 20, k: 30 });
    }
  });
});

describe("a row program", () => {
  const options: NetworkOptions = { ...digits, widths: [30, 20, 10] };
  const programOf = (limits: TileLimits, batch: number, outputs: readonly string[]) => {
    const { groups, write } = setUp(graphOf(options), true, limits, batch, new Map());
    return write(...outputs.map((output) => groupOf(groups, output))).part;
  };
  const whole = ["z1", "z2", "loss_rows", "grad_a1"];

  it("goes through its groups with a barrier between two of them", () => {
    for (const limits of [GPU, SOFTWARE]) {
      const part = programOf(limits, 33, whole);
      expect(part.text.match(/storageBarrier\(\);/g)).toHaveLength(whole.length - 1);
      expect(part.kernels).toEqual(["product", "product", "row_wise", "product"]);
      expect(part.flops).toBe(2 * 33 * (30 * 20 + 20 * 10 + 10 * 20));
    }
    expect(programOf(GPU, 33, ["loss_rows"]).text, "control: of one group").not.toContain("storageBarrier");
  });

  it.each([1, 4, 5, 33, 1000])("has a workgroup for each of %i examples, and none that has none", (batch) => {
    for (const limits of [GPU, SOFTWARE]) {
      const { text, workgroups } = programOf(limits, batch, whole);
      // The rows that one workgroup has, as its row by row group says them.
      const rows = Number(/let first = program \* (\d+)u;/.exec(text)![1]);
      expect(workgroups * rows).toBeGreaterThanOrEqual(batch);
      expect((workgroups - 1) * rows).toBeLessThan(batch);
      expect(text).toContain(`let end = min(first + ${rows}u, step.rows);`);
    }
  });

  it("has the time steps of its examples", () => {
    const graph = EVERY_OP["sequences of words, padded, stateful"],
      { groups, write } = setUp(graph, true, GPU, 8, new Map());
    const rows = groups.find(({ anchor }) => anchor === "rowWise")!,
      { text } = write(rows).part;
    expect(rowsOf(tensorOf(graph, rows.ops[0].outputs[0]), 8)).toBe(16);
    expect(text).toMatch(/let end = min\(first \+ \d+u, step\.rows \* 2u\);/);
  });

  it("refuses what mixes rows", () => {
    expect(() => programOf(GPU, 33, ["z1", "grad_b1"])).toThrow("rowSum mixes rows");
    expect(() => programOf(GPU, 33, ["z1", "results"])).toThrow("reduce mixes rows");
  });

  it("and parts beside it have names of their own", () => {
    const named = [...programOf(GPU, 33, whole).functions.matchAll(/fn (\w+)\(/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(3);
    expect(named.every((name) => name.startsWith("p0_"))).toBe(true);
    expect(new Set(named).size).toBe(named.length);
  });
});
