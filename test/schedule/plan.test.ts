// What holds for every plan, whatever the network: launches can run in their order, within the limits of the device, on
// the right version of every weight; and a plan prints itself and repeats.

import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../src/errors.ts";
import { tensorOf } from "../../src/graph/types.ts";
import { sgd } from "../../src/model/optimizers.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { graphOf, NETWORKS, planCases } from "./networks.ts";

const CASES = planCases([1, 33]);

/** Tensors that a launch reads before one has written them, and graph steps whose operands a launch does not bind. */
function unwritten({ graph, launches }: Pick<Plan, "graph" | "launches">): string[] {
  const written = new Set([...graph.tensors.values()]
    .filter(({ role }) => role === "data" || role === "parameter" || role === "state").map(({ name }) => name));
  return launches.flatMap(({ bindings, steps, label }) => {
    const made = new Set<string>();
    const missing = steps.flatMap((step) => {
      // A long reduction is cut into launches that bind a piece of its operands each.
      const pieces = launches.filter((launch) => launch.steps.includes(step));
      const bound = new Set(pieces.flatMap((launch) => launch.bindings.map(({ tensor }) => tensor)));
      const bad = step.inputs.filter((name) => !made.has(name) && !(bound.has(name) && written.has(name)));
      step.outputs.forEach((name) => made.add(name));
      return bad.map((name) => `${label} needs ${name}`);
    });
    const early = bindings.filter(({ tensor, access }) => access === "read" && !written.has(tensor) && !made.has(tensor));
    for (const { tensor, access } of bindings) if (access === "read_write") written.add(tensor);
    return [...missing, ...early.map(({ tensor }) => `${label} reads ${tensor}`)];
  });
}

/** Launches that read a weight which an earlier one has updated. */
function stale({ launches }: Pick<Plan, "launches">): string[] {
  const updated = new Set<string>();
  return launches.flatMap(({ bindings, steps, label }) => {
    const late = bindings.filter(({ tensor }) => updated.has(tensor)).map(({ tensor }) => `${label} uses ${tensor}`);
    // Within a launch each number is read before it is written, if every step but its update takes it at the same place.
    const written = new Set(bindings.filter(({ access }) => access === "read_write").map(({ tensor }) => tensor));
    const torn = steps.filter(({ op }) => op === "product" || op === "rowSum")
      .flatMap(({ inputs }) => inputs.filter((name) => written.has(name)).map((name) => `${label} tears ${name}`));
    steps.filter(({ op }) => op === "update").forEach(({ outputs }) => outputs.forEach((name) => updated.add(name)));
    return [...late, ...torn];
  });
}

describe.each(CASES)("%s", (name, plan) => {
  const maxBuffers = name.endsWith("10 buffers") ? 10 : 8;

  it("every launch finds what it reads, and every step of the graph is in a launch", () => {
    expect(unwritten(plan)).toEqual([]);
    expect(new Set(plan.launches.flatMap(({ steps }) => steps))).toEqual(new Set(plan.graph.steps));
  });

  it("weights are updated once, after all who need the old ones", () => {
    expect(stale(plan)).toEqual([]);
    const updates = plan.launches.flatMap(({ steps }) => steps).filter(({ op }) => op === "update");
    const parameters = [...plan.graph.tensors.values()].filter(({ role }) => role === "parameter");
    expect(updates.map(({ inputs: [w] }) => w).sort())
      .toEqual(plan.graph.purpose === "train" ? parameters.map((w) => w.name).sort() : []);
  });

  it("no launch binds more buffers than allowed, or one buffer twice", () => {
    for (const { bindings } of plan.launches) {
      expect(bindings.length).toBeLessThanOrEqual(maxBuffers);
      expect(new Set(bindings.map(({ tensor }) => tensor)).size).toBe(bindings.length);
      expect(new Set(bindings.map((b) => b.name)).size).toBe(bindings.length);
    }
  });

  it("what is written is bound for writing, and nothing else is", () => {
    for (const { bindings, steps } of plan.launches) {
      const outputs = new Set(steps.flatMap((step) => step.outputs));
      const wanted = bindings.map(({ tensor }) => [tensor, outputs.has(tensor) ? "read_write" : "read"]);
      expect(bindings.map(({ tensor, access }) => [tensor, access])).toEqual(wanted);
    }
  });

  it("data are never written and grids are whole numbers within 65,535", () => {
    for (const { bindings, grid } of plan.launches) {
      const written = bindings.filter(({ access }) => access !== "read").map(({ tensor }) => tensorOf(plan.graph, tensor).role);
      expect(written).not.toContain("data");
      for (const n of grid) expect(Number.isInteger(n) && n >= 1 && n <= 65_535).toBe(true);
    }
  });

  it("prints every launch, as text and as a graph", () => {
    const text = plan.toString(), dot = plan.toDot();
    plan.launches.forEach(({ kernel, label, bindings }, i) => {
      expect(text.split("\n")[2 + i]).toMatch(new RegExp(`^${i + 1} +${kernel} .*  ${label}$`));
      expect(dot).toContain(`launch${i} [shape=box, label="${i + 1} ${kernel}\\n${label}"];`);
      for (const { tensor, access } of bindings) {
        expect(dot).toContain(access === "read" ? `"${tensor}" -> launch${i};` : `launch${i} -> "${tensor}";`);
      }
    });
    expect(text).toContain(`${plan.launchesPerStep} launches`);
  });
});

describe("the same input gives the same plan", () => {
  it.each(Object.entries(NETWORKS))("%s", (_, options) => {
    for (const fuse of [true, false]) {
      const [a, b] = [1, 2].map(() => new Plan(graphOf(options), { batch: 33, fuse }));
      const said = ({ launches, slots, bytes, lifetimes }: Plan) => ({ launches, slots, bytes, lifetimes });
      expect(said(a)).toEqual(said(b));
      expect(a.toString()).toBe(b.toString());
      expect(a.toDot()).toBe(b.toDot());
    }
  });
});

describe("fusing", () => {
  it("takes fewer launches and less memory, but never another step", () => {
    for (const options of Object.values(NETWORKS)) {
      const [fused, unfused] = [true, false].map((fuse) => new Plan(graphOf(options), { batch: 33, fuse }));
      expect(fused.launches.length).toBeLessThan(unfused.launches.length);
      expect(fused.bytes.withoutReuse).toBeLessThanOrEqual(unfused.bytes.withoutReuse);
      expect([...new Set(fused.launches.flatMap(({ steps }) => steps))]).toEqual(fused.graph.steps);
    }
  });

  // 784-128-10 with sgd: gather, two forward, head, summary, three gradients with their updates, one pull-back …
  it("keeps digits, one hidden layer, at ten launches", () => {
    const plan = new Plan(graphOf({ ...NETWORKS["digits, one hidden layer"], optimizer: "sgd" }), { batch: 64 });
    expect(plan.launches.map(({ label }) => label)).toEqual([
      "x y", "z1 a1", "z2", "a2 loss_rows accuracy_rows delta2", "results", "grad_a1 slope_z1 delta1",
      "grad_w2 w2", "grad_b2 b2", "grad_w1 w1", "grad_b1 b1",
    ]);
  });
});

describe("limits", () => {
  it("a reduction over more tensors than buffers is cut, and every tensor is in one piece of it", () => {
    const widths = Array.from({ length: 13 }, () => 5);
    const graph = graphOf({ widths, optimizer: sgd({ globalClipNorm: 1 }), regularizer: l2(0.1) });
    for (const fuse of [true, false]) {
      const plan = new Plan(graph, { batch: 4, fuse });
      for (const op of ["clipFactor", "summarize"]) {
        const pieces = plan.launches.filter(({ steps }) => steps.some((step) => step.op === op));
        const [step] = graph.steps.filter((s) => s.op === op);
        expect(pieces.length).toBe(Math.ceil(step.inputs.length / 7));
        const read = pieces.flatMap(({ bindings }) => bindings.filter(({ access }) => access === "read"));
        expect(read.map(({ tensor }) => tensor).sort()).toEqual([...step.inputs].sort());
      }
    }
  });

  // 4,194,240 columns of one row fill a grid of 65,535 workgroups; gather and ⊙ go on in the second dimension.
  it("more numbers than one dimension of a grid reaches", () => {
    const { launches } = new Plan(graphOf({ widths: [1000, 1], purpose: "evaluate" }), { batch: 70_000 });
    const gather = launches.find(({ kernel }) => kernel === "gather");
    expect(gather?.grid).toEqual([65_535, 17]);
    expect(65_535 * 17 * 64).toBeGreaterThanOrEqual(70_000 * 1001);
  });

  it("a product that no grid reaches is refused with a remedy", () => {
    const graph = graphOf({ widths: [1, 2 ** 22 + 1], purpose: "predict" });
    expect(() => new Plan(graph, { batch: 1 })).toThrow(UnsupportedError);
    expect(() => new Plan(graph, { batch: 1 })).toThrow(/z1 \(1, 4194305\).*65537.*65535.*fewer units/s);
    expect(new Plan(graphOf({ widths: [1, 65_535 * 64], purpose: "predict" }), { batch: 1 }).launches).toHaveLength(2);
  });
});

describe("control: these checks can fail", () => {
  const plan = new Plan(graphOf({ widths: [3, 4, 2], regularizer: l2(0.1) }), { batch: 5 });
  const { graph } = plan;
  const without = (label: string) => ({ graph, launches: plan.launches.filter((launch) => launch.label !== label) });

  it("a missing launch, or launches in another order, are found", () => {
    expect(unwritten(without("z1 a1"))).toContain("z2 needs a1");
    expect(unwritten({ graph, launches: [...plan.launches].reverse() })).not.toEqual([]);
  });

  it("a weight used after its update is found", () => {
    const late = plan.launches.filter(({ label }) => label === "z2");
    expect(stale({ launches: [...plan.launches, ...late] })).toEqual(["z2 uses w2", "z2 uses b2"]);
    const torn = plan.launches.map((launch) => (launch.label === "z2" ? { ...launch, bindings: launch.bindings.map((b) =>
      ({ ...b, access: "read_write" as const })) } : launch));
    expect(stale({ launches: torn })).toContain("z2 tears w2");
  });
});
