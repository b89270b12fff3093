// Which intermediates live at the same time, and which share memory: by hand on one network, by brute force on all of them, and slots of
// random lifetimes. What whole plans make of it, launch by launch, is in memory.test.ts.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowsOf, tensorOf, type Graph, type Op } from "../../src/graph/types.ts";
import { groupSteps } from "../../src/schedule/groups.ts";
import { assignSlots, lifetimesOf, type Lifetime, type Slot } from "../../src/schedule/lifetimes.ts";
import { stagesOf } from "../../src/schedule/stages.ts";
import { viewsOf } from "../../src/schedule/views.ts";
import { digits, graphOf, NETWORKS } from "./networks.ts";

/** The lifetimes of a step, and the ops of each of its launches and groups. */
function scheduled(graph: Graph, batch: number, fuse: boolean, halves?: ReadonlySet<string>) {
  const views = fuse ? viewsOf(graph) : new Map<string, never>(),
    groups = groupSteps(graph, fuse, views);
  const launches = stagesOf(graph, groups, fuse, views).map((stage) => stage.flatMap((part) => part.groups));
  return { lifetimes: lifetimesOf(graph, batch, groups, launches, views, halves), launches, views };
}

/** Pairs of tensors that lie in one slot and are both alive in some launch, tensors in no slot or in two, slots that are too small. */
function faults(lifetimes: readonly Lifetime[], slots: readonly Slot[]): string[] {
  const lifeOf = new Map(lifetimes.map((life) => [life.tensor, life])),
    launches = Math.max(0, ...lifetimes.map(({ last }) => last + 1));
  const found = lifetimes
    .filter(({ tensor }) => slots.filter(({ tensors }) => tensors.includes(tensor)).length !== 1)
    .map(({ tensor }) => `${tensor} is not in one slot`);
  for (const { bytes, tensors } of slots) {
    for (const tensor of tensors) if (lifeOf.get(tensor)!.bytes > bytes) found.push(`${tensor} does not fit`);
    for (let launch = 0; launch < launches; launch++) {
      const alive = tensors.filter((tensor) => lifeOf.get(tensor)!.first <= launch && launch <= lifeOf.get(tensor)!.last);
      if (alive.length > 1) found.push(`${alive.join(" and ")} in launch ${launch}`);
    }
  }
  return found;
}

const peak = (lifetimes: readonly Lifetime[]): number =>
  Math.max(
    0,
    ...lifetimes.map(({ first: launch }) =>
      lifetimes.filter(({ first, last }) => first <= launch && launch <= last).reduce((sum, { bytes }) => sum + bytes, 0),
    ),
  );
const total = (slots: readonly Slot[]): number => slots.reduce((sum, { bytes }) => sum + bytes, 0);

describe("784-128-10 at batch 2: the wide layer, then each row to the loss and back, then all gradients", () => {
  const graph = graphOf({ ...digits, widths: [784, 128, 10] });
  const lives = (halves?: ReadonlySet<string>) =>
    scheduled(graph, 2, true, halves).lifetimes.map(({ tensor, first, last, bytes }) => [tensor, first, last, bytes]);

  it("has a1 until ∂C/∂w2 = a1ᵀ·δ², δ and the losses until they are summed, and z2 and a2 for one launch", () => {
    expect(lives().sort()).toEqual(
      [
        ["a1", 0, 2, 4 * 2 * 128],
        ["z2", 1, 1, 4 * 2 * 10],
        ["a2", 1, 1, 4 * 2 * 10],
        ["loss_rows", 1, 2, 4 * 2],
        ["accuracy_rows", 1, 2, 4 * 2],
        ["delta2", 1, 2, 4 * 2 * 10],
        ["delta1", 1, 2, 4 * 2 * 128],
      ].sort(),
    );
  });

  it("takes two bytes a number of those that memory holds as f16", () => {
    const half = lives(new Set(["a1"])),
      full = lives();
    expect(half.find(([tensor]) => tensor === "a1")).toEqual(["a1", 0, 2, 2 * 2 * 128]);
    expect(half.filter(([tensor]) => tensor !== "a1")).toEqual(full.filter(([tensor]) => tensor !== "a1"));
  });
});

const CASES = Object.entries(NETWORKS).flatMap(([name, options]) =>
  [true, false].map((fuse) => [`${name}, ${fuse ? "fused" : "unfused"}`, graphOf(options), fuse] as const),
);

describe.each(CASES)("%s", (_, graph, fuse) => {
  const batch = 3,
    { lifetimes, launches, views } = scheduled(graph, batch, fuse);
  const isIntermediate = (name: string) => tensorOf(graph, name).role === "intermediate" && !views.has(name);
  /** What an op reads from memory: through views. */
  const readBy = ({ inputs }: Op): string[] => inputs.flatMap((name) => (views.has(name) ? readBy(views.get(name)!) : [name]));

  it("each intermediate lives from the launch that makes it to the last one that reads it", () => {
    const wanted = new Map<string, readonly [number, number]>();
    launches.forEach((groups, launch) => {
      for (const { ops } of groups) {
        for (const name of ops.flatMap(({ outputs }) => outputs).filter(isIntermediate)) {
          const readers = launches.map((all, l) => (all.some((g) => g.ops.some((op) => readBy(op).includes(name))) ? l : -1));
          wanted.set(name, [launch, Math.max(launch, ...readers)]);
        }
      }
    });
    for (const { tensor, first, last, bytes } of lifetimes) {
      expect([tensor, first, last]).toEqual([tensor, ...wanted.get(tensor)!]);
      expect(bytes).toBe(4 * rowsOf(tensorOf(graph, tensor), batch) * tensorOf(graph, tensor).cols);
    }
    expect(lifetimes.length).toBeGreaterThan(0);
    // What is not in memory is read by its own group only.
    const inMemory = new Set(lifetimes.map(({ tensor }) => tensor));
    const lost = launches.flat().flatMap(({ ops }, g, groups) => {
      const own = ops.flatMap(({ outputs }) => outputs).filter((name) => isIntermediate(name) && !inMemory.has(name));
      return own.filter((name) => groups.some((other, o) => o !== g && other.ops.some((op) => readBy(op).includes(name))));
    });
    expect(lost).toEqual([]);
  });

  it("no two that are alive in one launch share a slot, and no slot is larger than its largest tensor", () => {
    const slots = assignSlots(lifetimes);
    expect(faults(lifetimes, slots)).toEqual([]);
    for (const { bytes, tensors } of slots) {
      expect(bytes).toBe(Math.max(...tensors.map((name) => lifetimes.find(({ tensor }) => tensor === name)!.bytes)));
    }
    expect(total(slots)).toBeGreaterThanOrEqual(peak(lifetimes));
    expect(total(slots)).toBeLessThanOrEqual(lifetimes.reduce((sum, { bytes }) => sum + bytes, 0));
  });
});

describe("slots", () => {
  const life = (tensor: string, bytes: number, first: number, last: number): Lifetime => ({ tensor, bytes, first, last });

  it("are taken by the largest first, and again as soon as they are free", () => {
    expect(assignSlots([life("d", 8, 3, 3), life("c", 16, 2, 3), life("b", 24, 1, 2), life("a", 40, 0, 1)])).toEqual([
      { bytes: 40, tensors: ["a", "c"] },
      { bytes: 24, tensors: ["b", "d"] },
    ]);
  });

  it("are left to larger tensors where a smaller one is free", () => {
    expect(assignSlots([life("a", 40, 0, 0), life("b", 24, 0, 0), life("c", 8, 1, 1)])).toEqual([
      { bytes: 40, tensors: ["a"] },
      { bytes: 24, tensors: ["b", "c"] },
    ]);
  });

  it("are not shared by what ends in the launch in which the other begins", () => {
    expect(assignSlots([life("a", 8, 0, 1), life("b", 8, 1, 2)])).toHaveLength(2);
    expect(assignSlots([life("a", 8, 0, 1), life("b", 8, 2, 2)])).toHaveLength(1);
    expect(assignSlots([])).toEqual([]);
  });

  const anyLifetimes = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 9 })), { maxLength: 20 })
    .map((all) => all.map(([a, b, size], i) => life(`t${i}`, 4 * size, Math.min(a, b), Math.max(a, b))));

  it("hold random lifetimes without a clash, with no less memory than is alive at once", () => {
    fc.assert(
      fc.property(anyLifetimes, (lifetimes) => {
        const slots = assignSlots(lifetimes);
        expect(faults(lifetimes, slots)).toEqual([]);
        expect(total(slots)).toBeGreaterThanOrEqual(peak(lifetimes));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("control: a clash, a tensor in no slot, in two, or in one that is too small, are found", () => {
    const [a, b] = [life("a", 8, 0, 2), life("b", 4, 2, 3)];
    expect(faults([a, b], [{ bytes: 8, tensors: ["a", "b"] }])).toEqual(["a and b in launch 2"]);
    expect(faults([a, b], [{ bytes: 8, tensors: ["a"] }])).toEqual(["b is not in one slot"]);
    expect(
      faults(
        [a],
        [
          { bytes: 8, tensors: ["a"] },
          { bytes: 8, tensors: ["a"] },
        ],
      ),
    ).toEqual(["a is not in one slot"]);
    expect(faults([a], [{ bytes: 4, tensors: ["a"] }])).toEqual(["a does not fit"]);
  });
});
