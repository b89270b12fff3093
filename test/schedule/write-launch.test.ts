// A launch deals its workgroups out to its parts: run as they are written, the launches of a step leave what the float64 reference leaves;
// and a launch says truly what it binds, how large its grid is and what it multiplies.

import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../src/errors.ts";
import { tensorOf } from "../../src/graph/types.ts";
import { dense } from "../../src/model/layers.ts";
import { adam, sgd } from "../../src/model/optimizers.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { Plan, type PlanOptions } from "../../src/schedule/plan.ts";
import { DEFAULT_ADAPTER, type Adapter } from "../../src/schedule/tiles.ts";
import { runGraph } from "../../src/reference/evaluate.ts";
import { sample, type Sample } from "../reference/samples.ts";
import { FORMULAS } from "../support/formulas.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { PlanMemory } from "./run-wgsl.ts";

const SOFTWARE: Adapter = { ...DEFAULT_ADAPTER, kind: "software" };
const LAYERS = [
  dense({ units: 5, inputShape: [3], activation: "tanh", kernelRegularizer: l2(0.01) }),
  dense({ units: 4, activation: "softmax" }),
];
const SAMPLES: Readonly<Record<string, () => Sample>> = {
  "two layers, adam": () =>
    sample({ layers: LAYERS, loss: "sparseCategoricalCrossentropy", optimizer: adam(), metrics: ["accuracy"], rows: 5 }),
  "clipped by one norm": () => sample({ layers: LAYERS, loss: "meanSquaredError", optimizer: sgd({ globalClipNorm: 0.01 }), rows: 7 }),
};
const OPTIONS = { batch: 9, formulas: FORMULAS } satisfies PlanOptions;

/** The largest relative difference of what is left in the weights, states and results; NaN where one is. */
function differences(memory: PlanMemory, { graph, values, scalars }: Sample): number {
  const expected = new Map(values);
  runGraph(graph, expected, scalars);
  const errors = [...graph.tensors.values()]
    .filter(({ role }) => role === "parameter" || role === "state" || role === "result")
    .filter(({ name }) => name !== "order")
    .flatMap(({ name }) => {
      const wanted = Array.from(expected.get(name)!);
      const got = memory.read(name).slice(0, wanted.length);
      return wanted.map((value, i) => Math.abs(got[i] - value) / (1e-3 + Math.abs(value)));
    });
  return Math.max(...errors);
}

describe.each(Object.entries(SAMPLES))("%s", (_, make) => {
  it.each([
    ["a GPU, fused", DEFAULT_ADAPTER, true],
    ["a GPU, a launch for each op", DEFAULT_ADAPTER, false],
    ["software, fused", SOFTWARE, true],
  ])("for %s: launches leave what the reference leaves, of a mini-batch smaller than planned", (_, adapter, fuse) => {
    const given = make(),
      plan = new Plan(given.graph, { ...OPTIONS, adapter, fuse }),
      memory = new PlanMemory(plan, given.values);
    memory.run(given.scalars);
    expect(differences(memory, given)).toBeLessThan(1e-4);
  });

  it("control: without a launch, or with workgroups dealt to the wrong part, they do not", () => {
    const given = make(),
      plan = new Plan(given.graph, OPTIONS);
    const missing = new PlanMemory(plan, given.values);
    missing.run(given.scalars, plan.launches.slice(0, -1));
    expect(differences(missing, given) < 1e-4).toBe(false);
    const wrong = plan.launches.map((launch) =>
      launch.source.includes("part1(")
        ? { ...launch, source: replaceOrThrow(launch.source, /if \(workgroup < (\d+)u\) \{ part0/, "if (workgroup <= $1u) { part0") }
        : launch,
    );
    expect(wrong).not.toEqual(plan.launches);
    const dealt = new PlanMemory(plan, given.values);
    dealt.run(given.scalars, wrong);
    expect(differences(dealt, given) < 1e-4).toBe(false);
  });
});

describe("what a launch says of itself", () => {
  const { graph } = SAMPLES["two layers, adam"](),
    plan = new Plan(graph, OPTIONS);

  it("flops are 2·M·N·K of each product", () => {
    const batch = 9;
    // z1 = x·W1, z2 = a1·W2, δ2·W2ᵀ, xᵀ·δ1, a1ᵀ·δ2.
    const products = [batch * 3 * 5, batch * 5 * 4, batch * 4 * 5, 3 * batch * 5, 5 * batch * 4];
    expect(plan.launches.reduce((sum, { flops }) => sum + flops, 0)).toBe(2 * products.reduce((sum, n) => sum + n, 0));
  });

  it("the label names each tensor that it makes, in the order of the graph, and no view", () => {
    const made = plan.launches.flatMap(({ label }) => label.split(" "));
    const wanted = graph.ops.filter(({ type }) => type !== "gather").flatMap(({ outputs }) => outputs);
    expect([...made].sort()).toEqual([...new Set(wanted)].sort());
    for (const { label, ops } of plan.launches) {
      const order = [...new Set(ops.filter(({ type }) => type !== "gather").flatMap(({ outputs }) => outputs))];
      expect(label.split(" ")).toEqual(order);
    }
  });

  it("bindings are the buffers that its text declares, from 1 on, and each is used", () => {
    for (const { source, bindings } of plan.launches) {
      const declared = [...source.matchAll(/@binding\((\d+)\) var<storage, (\w+)> (\w+):/g)].map(([, at, access, name]) => [
        +at,
        access,
        name,
      ]);
      expect(declared).toEqual(bindings.map(({ access, name }, i) => [i + 1, access, name]));
      for (const { name } of bindings) expect(source.split(`${name}[`).length).toBeGreaterThan(1);
    }
  });
});

describe("a grid", () => {
  const { graph } = sample({ layers: [dense({ units: 1, inputShape: [100] })], loss: "meanSquaredError" });
  const plan = (maxWorkgroups: number) =>
    new Plan(graph, { batch: 64, formulas: FORMULAS, fuse: false, adapter: { ...DEFAULT_ADAPTER, maxWorkgroups } });
  // The copy of x, 64 × 100 numbers in workgroups of 64 lanes, takes most.
  const most = (64 * 100) / 64;
  const ofCopy = (maxWorkgroups: number) => plan(maxWorkgroups).launches.find(({ label }) => label === "x")!.grid;

  it("is one row where that holds all workgroups, and more rows where not", () => {
    expect(tensorOf(graph, "x").cols).toBe(100);
    expect(ofCopy(most)).toEqual([most, 1]);
    expect(ofCopy(most - 1)).toEqual([most - 1, 2]);
    expect(ofCopy(10)).toEqual([10, 10]);
  });

  it("that would have too many rows is refused, with a remedy", () => {
    expect(() => plan(9)).toThrow(UnsupportedError);
    expect(() => plan(9)).toThrow(/needs 12 × 9 workgroups but WebGPU allows 9 .*smaller batchSize/);
  });
});
