// Persistent kernels: which networks get one, that several steps in it leave what the float64 reference leaves, and that barriers stand
// where a part depends on another one and nowhere else.

import { describe, expect, it } from "vitest";
import * as sequences from "../../src/graph/recurrent.ts";
import { buildGraph } from "../../src/graph/build.ts";
import { sizeOf, type Graph, type StepScalars } from "../../src/graph/types.ts";
import { dense } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam, sgd } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { runGraph } from "../../src/reference/evaluate.ts";
import { writePersistent } from "../../src/schedule/persistent.ts";
import { ownWeights } from "../../src/schedule/places.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { DEFAULT_ADAPTER, type Adapter } from "../../src/schedule/tiles.ts";
import { sample, type Sample } from "../reference/samples.ts";
import { FORMULAS } from "../support/formulas.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { graphOf } from "./networks.ts";
import { PlanMemory } from "./run-wgsl.ts";

const SOFTWARE: Adapter = { ...DEFAULT_ADAPTER, kind: "software" };
const ADAPTERS = [
  ["a GPU", DEFAULT_ADAPTER],
  ["software", SOFTWARE],
  ["software with quads", { ...SOFTWARE, quads: true }],
] as const;

const written = (graph: Graph, batch = 4, maxBytes = 16384, adapter: Adapter = DEFAULT_ADAPTER) =>
  writePersistent(graph, batch, ownWeights(graph, batch), adapter, maxBytes, FORMULAS);

const matched = (text: string, pattern: RegExp): string => {
  const [, found] = pattern.exec(text) ?? [];
  if (found === undefined) throw new Error(`${pattern} matches nothing in\n${text}`);
  return found;
};

describe("a network gets a persistent kernel", () => {
  it("with 3,000 weights, and not with 3,001", () => {
    // Fan-in × units + units.
    expect(59 * 50 + 50).toBe(3000);
    expect(written(graphOf({ widths: [59, 50] }))).not.toBeNull();
    expect(written(graphOf({ widths: [3000, 1] }))).toBeNull();
    expect(written(graphOf({ widths: [2999, 1] }))).not.toBeNull();
  });

  it.each(ADAPTERS)("on %s if weights, intermediates and a number for each lane fit the workgroup memory to the byte", (_, adapter) => {
    const graph = graphOf({ widths: [8, 6, 3] }),
      batch = 10,
      { launch, slots } = written(graph, batch, 16384, adapter)!;
    const weights = 8 * 6 + 6 + 6 * 3 + 3,
      lanes = Number(matched(launch.source, /@workgroup_size\((\d+)\)/));
    const bytes = 4 * (weights + lanes) + slots.reduce((sum, slot) => sum + slot.bytes, 0);
    expect(written(graph, batch, bytes, adapter)?.launch).toEqual(launch);
    expect(written(graph, batch, bytes - 1, adapter)).toBeNull();
    const declared = [...launch.source.matchAll(/var<workgroup> \w+: array<f32, (\d+)>/g)].reduce((sum, [, n]) => sum + 4 * Number(n), 0);
    expect(declared).toBe(adapter.kind === "gpu" ? bytes : 4 * lanes);
  });

  it("for training alone, up to 4,096 rows, and without sequences", () => {
    const options = { widths: [2, 1] };
    expect(written(graphOf({ ...options, purpose: "evaluate" }))).toBeNull();
    expect(written(graphOf({ ...options, purpose: "predict" }))).toBeNull();
    expect(written(graphOf(options), 4096, 1e6)).not.toBeNull();
    expect(written(graphOf(options), 4097, 1e6)).toBeNull();
    const network = resolveNetwork([simpleRNN({ units: 2, inputShape: [3, 1] })], 1);
    const recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" });
    expect(written(buildGraph(network, recipe, "train", undefined, sequences))).toBeNull();
  });
});

const SAMPLES: Readonly<Record<string, () => Sample>> = {
  "3-5-4, softmax, adam": () =>
    sample({
      layers: [dense({ units: 5, inputShape: [3], activation: "tanh" }), dense({ units: 4, activation: "softmax" })],
      loss: "sparseCategoricalCrossentropy",
      optimizer: adam(0.1),
      metrics: ["accuracy"],
      rows: 6,
    }),
  "2-9-2, penalty, clipped": () =>
    sample({
      layers: [dense({ units: 9, inputShape: [2], activation: "sigmoid", kernelRegularizer: l2(0.1) }), dense({ units: 2 })],
      loss: "meanSquaredError",
      optimizer: sgd({ learningRate: 0.3, globalClipNorm: 0.1, momentum: 0.9 }),
      rows: 7,
    }),
};

const planFor = ({ graph }: Sample, adapter: Adapter, batch = 7): Plan => {
  const plan = new Plan(graph, { batch, formulas: FORMULAS, adapter, persistentBytes: 16384, writePersistent });
  if (!plan.persistent) throw new Error("this network has no persistent kernel");
  return plan;
};

/** Three steps, the second with fewer rows. @returns the largest relative difference from the reference; NaN where a number is NaN */
function difference({ graph, values, scalars }: Sample, plan: Plan, source?: string): number {
  const steps = [scalars.rows, 2, scalars.rows].map((rows, step): StepScalars => ({ ...scalars, rows, step }));
  const expected = new Map(values),
    memory = new PlanMemory(plan, values, steps.length);
  const results = steps.flatMap((step) => {
    runGraph(graph, expected, step);
    return [...graph.tensors.values()].filter(({ role }) => role === "result").flatMap(({ name }) => Array.from(expected.get(name)!));
  });
  memory.runPersistent(steps, source);
  const left = [...graph.tensors.values()].filter(({ name, role }) => role === "parameter" || (role === "state" && name !== "order"));
  const pairs = [
    ...results.map((value, i) => [value, memory.read("results")[i]] as const),
    ...left.flatMap(({ name }) => Array.from(expected.get(name)!, (value, i) => [value, memory.read(name)[i]] as const)),
  ];
  return Math.max(...pairs.map(([wanted, got]) => Math.abs(wanted - got) / (1e-3 + Math.abs(wanted))));
}

/** The text of the loop over steps, each barrier between its parts a place to cut. */
function withoutBarrier(source: string, which: number): string {
  let seen = -1;
  const loop = source.indexOf("step = table.steps[number];");
  if (loop < 0) throw new Error("the loop over steps has gone");
  const after = source.slice(loop).replace(/(?:workgroup|storage)Barrier\(\);\n {4}\{/g, (text) => (++seen === which ? "{" : text));
  if (which > seen) throw new Error(`there are only ${seen + 1} barriers`);
  return source.slice(0, loop) + after;
}

describe.each(Object.entries(SAMPLES))("%s", (_, make) => {
  it.each(ADAPTERS)("on %s: several steps in one launch leave what the reference leaves", (_, adapter) => {
    const given = make();
    expect(difference(given, planFor(given, adapter))).toBeLessThan(1e-4);
  });

  it("control: without its first barrier, or with a term left out, they do not", () => {
    const given = make(),
      plan = planFor(given, DEFAULT_ADAPTER),
      { source } = plan.launches[0];
    expect(difference(given, plan, withoutBarrier(source, 0)) < 1e-4).toBe(false);
    expect(difference(given, plan, replaceOrThrow(source, "for (var k = 0u; k <", "for (var k = 1u; k <")) < 1e-4).toBe(false);
  });
});

/** Which parts follow a barrier, by the text. */
const barriersIn = (source: string): boolean[] => {
  const [, loop] = source.split("step = table.steps[number];");
  if (loop === undefined) throw new Error("the loop over steps has gone");
  return [...loop.matchAll(/^ {4}((?:workgroup|storage)Barrier\(\);\n {4})?\{$/gm)].map(([, barrier]) => barrier !== undefined);
};

/** Complaints about barriers, by the tensors that parts make and the ops that make them. */
function complaints({ graph, persistent }: Plan, barriers: readonly boolean[]): string[] {
  const { launch, slots } = persistent!;
  const parts = launch.label.split(" | ").map((label) => {
    const made = new Set(label.split(" "));
    return graph.ops.filter(({ type, outputs }) => type !== "gather" && outputs.some((name) => made.has(name)));
  });
  const place = (tensor: string) => {
    const slot = slots.findIndex(({ tensors }) => tensors.includes(tensor));
    return slot < 0 ? tensor : `slot ${slot}`;
  };
  const touched = parts.map((ops) => ({
    reads: new Set(ops.flatMap(({ inputs }) => inputs).map(place)),
    writes: new Set(ops.flatMap(({ outputs }) => outputs).map(place)),
  }));
  const depends = (i: number, j: number) =>
    [...touched[i].writes].some((name) => touched[j].reads.has(name) || touched[j].writes.has(name)) ||
    [...touched[i].reads].some((name) => touched[j].writes.has(name));
  const lacking = touched.flatMap((_, j) =>
    touched
      .slice(0, j)
      .flatMap((_, i) => (depends(i, j) && !barriers.slice(i + 1, j + 1).includes(true) ? [`none from ${i} to ${j}`] : [])),
  );
  const idle = barriers.flatMap((barrier, j) => {
    const since = Math.max(0, barriers.lastIndexOf(true, j - 1));
    return barrier && (j === 0 || !touched.slice(since, j).some((_, i) => depends(since + i, j))) ? [`idle before ${j}`] : [];
  });
  return [...(barriers.length === parts.length ? [] : [`${parts.length} parts but ${barriers.length}`]), ...lacking, ...idle];
}

describe("barriers stand between parts that depend on each other, and nowhere else", () => {
  const graphs = [...Object.values(SAMPLES).map((make) => make().graph), graphOf({ widths: [2, 6, 5, 4, 1], optimizer: "adam" })];
  const plans = graphs.flatMap((graph) =>
    ADAPTERS.map(([, adapter]) => new Plan(graph, { batch: 7, formulas: FORMULAS, adapter, persistentBytes: 16384, writePersistent })),
  );

  it("in every plan", () => {
    for (const plan of plans) {
      const barriers = barriersIn(plan.launches[0].source);
      expect(complaints(plan, barriers)).toEqual([]);
      expect(barriers).toContain(false);
    }
  });

  it("control: one that is missing, and one too many, are found", () => {
    for (const plan of plans) {
      const barriers = barriersIn(plan.launches[0].source);
      barriers.forEach((barrier, i) => {
        expect(complaints(plan, barriers.with(i, !barrier))).toContainEqual(expect.stringMatching(barrier ? /^none from/ : /^idle before/));
      });
    }
  });
});

it("lanes are as many as a quarter of the largest tensor's numbers, from 32 to 256; four in software", () => {
  const lanes = (units: number, adapter: Adapter) => {
    const graph = graphOf({ widths: [1, units, 1] });
    expect(Math.max(...[...graph.tensors.values()].filter(({ role }) => role === "intermediate").map((t) => sizeOf(t, 4)))).toBe(4 * units);
    return Number(matched(written(graph, 4, 1e6, adapter)!.launch.source, /@workgroup_size\((\d+)\)/));
  };
  expect([1, 32, 33, 64, 65, 128, 129, 500].map((units) => lanes(units, DEFAULT_ADAPTER))).toEqual([32, 32, 64, 64, 128, 128, 256, 256]);
  expect([1, 500].map((units) => lanes(units, SOFTWARE))).toEqual([4, 4]);
});
