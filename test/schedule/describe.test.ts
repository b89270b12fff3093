// What people are shown of a launch: one line an op, with the textbook's name of its equation, its shapes and a bound on the rounding of
// sums; and what the launch reads and writes, with the place of each tensor in its buffer.

import { describe, expect, it } from "vitest";
import { equationsOf } from "../../src/graph/equations.ts";
import { tensorOf } from "../../src/graph/types.ts";
import { describeOps, describeStage, equationsIn } from "../../src/schedule/describe.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { FORMULAS } from "../support/formulas.ts";
import { EVERY_OP } from "./every-op.ts";
import { digits, graphOf, NETWORKS, type NetworkOptions } from "./networks.ts";

const BATCH = 64,
  OPTIONS: NetworkOptions = { ...digits, widths: [784, 128, 10], optimizer: "adam" };
const planOf = (options: NetworkOptions = OPTIONS, precision: "f32" | "f16" = "f32") =>
  new Plan(graphOf(options), { batch: BATCH, formulas: FORMULAS, precision });
const plan = planOf();

/** The cells of a line, which two or more spaces are between. */
const cells = (line: string): string[] => line.trim().split(/ {2,}/);

describe("an op", () => {
  const lines = describeOps(plan, plan.graph.ops),
    lineOf = (output: string) => cells(lines[plan.graph.ops.findIndex(({ outputs: [out] }) => out === output)]);

  it("has one line, in the order that was asked for, of equation, formula, shape and rounding", () => {
    expect(lines).toHaveLength(plan.graph.ops.length);
    plan.graph.ops.forEach(({ outputs }, i) => expect(cells(lines[i])[1]).toMatch(new RegExp(`^${outputs.join(", ")} [=←] `)));
    expect(describeOps(plan, [...plan.graph.ops].reverse())).toEqual([...lines].reverse());
    expect(lines.every((line) => !line.includes("\n"))).toBe(true);
  });

  it.each([
    // 784 terms and the bias; ten terms; 64 rows of the mini-batch; 63 additions.
    ["z1", ["z", "z1 = x·w1 + b1", "(64, 784)·(784, 128)", "|error| ≤ 785·2⁻²⁴·Σ|terms|"]],
    ["grad_a1", ["BP2", "grad_a1 = delta2·w2ᵀ", "(64, 10)·(128, 10)ᵀ", "|error| ≤ 10·2⁻²⁴·Σ|terms|"]],
    ["grad_w1", ["BP4", "grad_w1 = xᵀ·delta1", "(64, 784)ᵀ·(64, 128)", "|error| ≤ 64·2⁻²⁴·Σ|terms|"]],
    ["grad_b1", ["BP3", "grad_b1 = Σ_rows delta1", "(1, 128)", "|error| ≤ 63·2⁻²⁴·Σ|terms|"]],
    ["a1", ["a", "a1 = relu(z1)", "(64, 128)"]],
    ["w2", ["update", "w2, m_w2, v_w2 ← adam(w2, grad_w2, m_w2, v_w2)", "(128, 10)"]],
  ])("%s is said so", (output, wanted) => {
    expect(lineOf(output)).toEqual(wanted);
  });

  it("stands in columns: formulas, shapes and bounds below one another", () => {
    for (const graph of Object.values(EVERY_OP)) {
      const all = describeOps({ graph, batch: 3 }, graph.ops),
        equations = equationsOf(graph),
        at = Math.max(...graph.ops.map((op) => equations.get(op)!.length)) + 2;
      graph.ops.forEach(({ outputs: [out] }, i) => expect(all[i].slice(at).startsWith(out)).toBe(true));
      const bounds = all.map((line) => line.indexOf("|error")).filter((column) => column >= 0);
      expect(bounds.length).toBeGreaterThan(1);
      expect(new Set(bounds).size).toBe(1);
    }
  });

  it("is said of the batch of the plan: control", () => {
    const half = describeOps({ graph: plan.graph, batch: 32 }, plan.graph.ops).join("\n");
    expect(half).toContain("(32, 784)ᵀ·(32, 128)");
    expect(half).not.toContain("(64,");
  });
});

describe("equations", () => {
  const equations = equationsOf(plan.graph);
  it("of some ops are named once each, in the order of the textbook, however the ops stand", () => {
    expect(equationsIn(plan.graph.ops, equations)).toEqual(["data", "z", "a", "loss", "BP1", "BP2", "BP3", "BP4", "update"]);
    expect(equationsIn([...plan.graph.ops].reverse(), equations)).toEqual(equationsIn(plan.graph.ops, equations));
    expect(equationsIn([], equations)).toEqual([]);
  });

  it("of every op there is have a name", () => {
    for (const graph of Object.values(EVERY_OP)) {
      const named = equationsIn(graph.ops, equationsOf(graph));
      expect(new Set(graph.ops.map((op) => equationsOf(graph).get(op)))).toEqual(new Set(named));
    }
  });
});

/** The names after "reads" or "writes", with what is said of each; lines of a list begin alike. */
function listed(lines: readonly string[], head: "reads" | "writes"): Map<string, string> {
  const first = lines.findIndex((line) => line.startsWith(`  ${head}`));
  if (first < 0) throw new Error(`no ${head} in\n${lines.join("\n")}`);
  const more = lines.slice(first + 1).findIndex((line) => !line.startsWith(" ".repeat(10)));
  const text = lines
    .slice(first, more < 0 ? undefined : first + 1 + more)
    .map((line) => line.slice(10))
    .join(" ");
  return new Map([...text.matchAll(/(\w+) \([^)]*\)( at \w+\[\d+\])?/g)].map((found) => [found[1], found[0]]));
}

describe.each([
  ["784-128-10", plan],
  ["clipped by a norm", planOf(NETWORKS["fan-in 1, clipped together"])],
  ["evaluating", planOf(NETWORKS.evaluating)],
])("the launches of %s", (_, tried) => {
  const { graph, launches } = tried;

  it("say their number, kernels and grid first", () => {
    launches.forEach(({ kernel, grid }, i) => {
      const [heading] = describeStage(tried, i);
      expect(heading).toMatch(new RegExp(`^launch ${i + 1} of ${launches.length}: `));
      expect(heading).toContain(`: ${kernel}, ${grid[0]} × ${grid[1]} workgroups; computes `);
    });
  });

  it("read what was there before and is touched, write what an op makes and is touched; weights are both", () => {
    launches.forEach(({ touches, ops }, i) => {
      const lines = describeStage(tried, i),
        touched = new Set(touches.map(({ tensor }) => tensor));
      const made = ops.flatMap(({ outputs }) => outputs).filter((name) => touched.has(name));
      // What an op reads that none before it in the launch has made.
      const needed = ops.flatMap(({ inputs }, o) => {
        const before = new Set(ops.slice(0, o).flatMap(({ outputs }) => outputs));
        return inputs.filter((name) => touched.has(name) && !before.has(name));
      });
      expect([...listed(lines, "writes").keys()].sort()).toEqual([...new Set(made)].sort());
      expect([...listed(lines, "reads").keys()].sort()).toEqual([...new Set(needed)].sort());
    });
  });

  it("give the place of all that lies in a buffer of the plan, and of nothing else", () => {
    launches.forEach((_, i) => {
      const lines = describeStage(tried, i);
      for (const [name, text] of [...listed(lines, "reads"), ...listed(lines, "writes")]) {
        const place = tried.places.get(name);
        expect(text.endsWith(place ? ` at ${place.memory}[${place.offset}]` : ")")).toBe(true);
        if (!place) expect(["data", "result"]).toContain(tensorOf(graph, name).role);
      }
    });
  });

  it("are no wider than 120 characters where they list tensors", () => {
    for (let i = 0; i < launches.length; i++) {
      for (const line of describeStage(tried, i).filter((text) => /^ {2}(reads|writes)|^ {10}\S/.test(text))) {
        expect(line.length).toBeLessThanOrEqual(120);
        expect(line).not.toMatch(/\s$/);
      }
    }
  });

  it("end with a line for each op", () => {
    launches.forEach(({ ops }, i) => {
      expect(describeStage(tried, i).slice(-ops.length)).toEqual(describeOps(tried, ops).map((line) => `  ${line}`));
    });
  });
});

describe("what is stored as f16", () => {
  const note = "  stored as f16, relative rounding 2⁻¹¹: a1";
  it("is said by the launch that writes it, with its rounding", () => {
    const half = planOf(OPTIONS, "f16");
    expect(half.launches.map((_, i) => describeStage(half, i).includes(note))).toEqual([true, false, false]);
  });

  it("is said of nothing in a plan of f32: control", () => {
    expect(plan.launches.flatMap((_, i) => describeStage(plan, i)).join("\n")).not.toContain("f16");
  });
});

it("a stage of a program has no grid", () => {
  const stages = plan.launches.map(({ kernel, label, ops, touches, flops }) => ({ kernel, label, ops, touches, flops }));
  const program = new Plan(plan.graph, {
    batch: BATCH,
    formulas: FORMULAS,
    program: () => ({ planned: stages, lifetimes: [], slots: [], memory: { bytes: 0 } }),
  });
  const lines = describeStage(program, 0);
  expect(lines[0]).toBe("stage 1 of 3: product; computes data, z, a");
  expect(lines.join("\n")).not.toContain("workgroups");
  expect([...listed(lines, "reads").values()]).toContain("w1 (784, 128)");
});
