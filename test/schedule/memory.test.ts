// Shared memory is where a plan can be wrong without any kernel being wrong. What a plan says is played through here,
// launch by launch, from the tensors that launches touch; nothing of how slots are assigned is used.

import { describe, expect, it } from "vitest";
import { sizeOf, tensorOf } from "../../src/graph/types.ts";
import type { Slot } from "../../src/schedule/lifetimes.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { graphOf, NETWORKS, planCases, PROMISED } from "./networks.ts";
import { FORMULAS } from "../support/formulas.ts";

const CASES = planCases([1, 7, 64]);

/**
 * Plays a step through: what does each slot hold when a launch reads it? Complaints, one for each
 * - tensor that is read where another one, or nothing, lies;
 * - slot that two tensors of one launch share;
 * - tensor without a slot, or one too small for it.
 */
function complaints(plan: Plan, slots: readonly Slot[] = plan.slots): string[] {
  const found: string[] = [];
  const slotOf = new Map(slots.flatMap((slot, i) => slot.tensors.map((tensor): [string, number] => [tensor, i])));
  const holds = new Map<number, string>();
  plan.launches.forEach(({ touches }, launch) => {
    const inUse = new Map<number, string>();
    const local = touches.filter(({ tensor }) => tensorOf(plan.graph, tensor).role === "intermediate");
    for (const { tensor } of local) {
      const slot = slotOf.get(tensor);
      const needed = 4 * sizeOf(tensorOf(plan.graph, tensor), plan.batch);
      if (slot === undefined) found.push(`launch ${launch}: ${tensor} has no slot`);
      else if (slots[slot].bytes < needed) found.push(`launch ${launch}: ${tensor} does not fit`);
      else if (inUse.has(slot)) found.push(`launch ${launch}: ${tensor} and ${inUse.get(slot)} share a slot`);
      else inUse.set(slot, tensor);
    }
    for (const { tensor } of local.filter(({ access }) => access === "read")) {
      const held = holds.get(slotOf.get(tensor) ?? -1);
      if (held !== tensor) found.push(`launch ${launch}: ${tensor} is read but its slot holds ${held ?? "nothing"}`);
    }
    local.filter(({ access }) => access === "read_write").forEach(({ tensor }) => holds.set(slotOf.get(tensor) ?? -1, tensor));
  });
  return found;
}

describe.each(CASES)("%s", (_, plan) => {
  it("no tensor is overwritten while it is needed, and every slot holds its tensors", () => {
    expect(complaints(plan)).toEqual([]);
  });

  it("no two tensors whose lives meet share a slot", () => {
    const life = new Map<string, number[]>();
    plan.launches.forEach(({ touches }, launch) =>
      touches.forEach(({ tensor }) => life.set(tensor, [...(life.get(tensor) ?? []), launch])),
    );
    const meets = ([a, b]: readonly string[]) => {
      const [x, y] = [life.get(a) ?? [], life.get(b) ?? []];
      return Math.min(...x) <= Math.max(...y) && Math.min(...y) <= Math.max(...x);
    };
    const pairs = plan.slots.flatMap(({ tensors }) => tensors.flatMap((a, i) => tensors.slice(i + 1).map((b) => [a, b])));
    expect(pairs.filter(meets)).toEqual([]);
  });

  it("its bytes are those of its slots", () => {
    const { allIntermediates, withoutReuse, withReuse } = plan.bytes;
    expect(withReuse).toBe(plan.slots.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(withReuse).toBeLessThanOrEqual(withoutReuse);
    expect(withoutReuse).toBeLessThanOrEqual(allIntermediates);
    const intermediates = [...plan.graph.tensors.values()].filter(({ role }) => role === "intermediate");
    expect(allIntermediates).toBe(intermediates.reduce((sum, tensor) => sum + 4 * sizeOf(tensor, plan.batch), 0));
    // At no launch is less memory enough.
    const alive = plan.launches.map((_, launch) =>
      plan.lifetimes.filter(({ first, last }) => first <= launch && launch <= last).reduce((sum, { bytes }) => sum + bytes, 0),
    );
    expect(withReuse).toBeGreaterThanOrEqual(Math.max(...alive));
  });
});

describe("reuse", () => {
  it.each(planCases([7], { reuse: false }))("off, %s: a slot for each tensor", (_, plan) => {
    expect(plan.slots.every(({ tensors }) => tensors.length === 1)).toBe(true);
    expect(plan.bytes.withReuse).toBe(plan.bytes.withoutReuse);
    expect(complaints(plan)).toEqual([]);
  });

  describe("saves at least 40 % of the intermediates of 784-256-256-256-256-10", () => {
    it("where nothing is fused, by sharing alone", () => {
      const { allIntermediates, withReuse, withoutReuse } = new Plan(graphOf(PROMISED), { formulas: FORMULAS, batch: 64, fuse: false })
        .bytes;
      expect(withoutReuse).toBe(allIntermediates);
      expect(withReuse).toBeLessThanOrEqual(0.6 * withoutReuse);
    });

    it("in the plan that is used, by fusing and sharing", () => {
      const { allIntermediates, withReuse, withoutReuse } = new Plan(graphOf(PROMISED), { formulas: FORMULAS, batch: 64 }).bytes;
      expect(withReuse).toBeLessThanOrEqual(0.6 * allIntermediates);
      expect(withReuse).toBeLessThan(withoutReuse);
    });

    // With z kept for its slope, and two more tensors a layer, there is more to keep: the promise should not hang on relu.
    it.each(["gelu", "tanh"] as const)("with %s too, where nothing is fused", (activation) => {
      const { withReuse, withoutReuse } = new Plan(graphOf({ ...PROMISED, activation }), { formulas: FORMULAS, batch: 64, fuse: false })
        .bytes;
      expect(withReuse).toBeLessThanOrEqual(0.6 * withoutReuse);
    });
  });
});

describe("control: an assignment broken by hand", () => {
  const plan = new Plan(graphOf(PROMISED), { formulas: FORMULAS, batch: 64 });
  const moved = (tensor: string, to: string): Slot[] =>
    plan.slots.map(({ bytes, tensors }) => ({
      bytes,
      tensors: [...tensors.filter((name) => name !== tensor), ...(tensors.includes(to) ? [tensor] : [])],
    }));

  it("is as good as the plan's own if nothing is moved", () => {
    expect(complaints(plan, moved("a1", "a1"))).toEqual([]);
  });

  it("a tensor needed later is overwritten", () => {
    expect(complaints(plan, moved("a1", "a3"))).toContainEqual(expect.stringContaining("is read but its slot holds"));
  });

  it("two tensors of one launch in one slot", () => {
    expect(complaints(plan, moved("a2", "a1"))).toContainEqual(expect.stringMatching(/a\d and a\d share a slot/));
  });

  it("a slot is too small, or missing", () => {
    const small = plan.slots.map(({ bytes, tensors }) => ({ tensors, bytes: tensors.includes("a1") ? bytes - 4 : bytes }));
    expect(complaints(plan, small)).toContainEqual(expect.stringContaining("a1 does not fit"));
    expect(complaints(plan, moved("a1", "nowhere"))).toContainEqual(expect.stringContaining("a1 has no slot"));
  });
});

it("these networks are of every kind", () => {
  expect(Object.keys(NETWORKS).length).toBeGreaterThan(10);
  expect(Math.max(...CASES.map(([, { launches }]) => launches.length))).toBeGreaterThan(100);
  expect(Math.min(...CASES.map(([, { launches }]) => launches.length))).toBe(2);
});
