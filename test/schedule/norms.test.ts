// Clipping by a norm without a launch for the norm. What each workgroup leaves, and what is added up where gradients are scaled, is read out
// of the kernels of whole plans: the numbers that are added up for a norm are those that the workgroups of its gradients wrote in launches
// before, each once and no other.

import { describe, expect, it } from "vitest";
import type { Graph, Op } from "../../src/graph/types.ts";
import { sgd } from "../../src/model/optimizers.ts";
import type { BufferAccess } from "../../src/schedule/access.ts";
import { groupSteps } from "../../src/schedule/groups.ts";
import { normsOf } from "../../src/schedule/norm-writer.ts";
import { Norms } from "../../src/schedule/norms.ts";
import { Plan, type PlanOptions } from "../../src/schedule/plan.ts";
import type { Adapter } from "../../src/schedule/tiles.ts";
import { viewsOf } from "../../src/schedule/views.ts";
import { FORMULAS } from "../support/formulas.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { graphOf, type NetworkOptions } from "./networks.ts";

type Launches = readonly { readonly source: string }[];

/** A range of the buffer of norms, and in which launch. */
interface Range {
  readonly launch: number;
  readonly first: number;
  readonly count: number;
}

/** Of each part of a kernel its text and how many workgroups it has. */
function partsOf(source: string): { text: string; workgroups: number }[] {
  const dealt = [...source.matchAll(/if \(workgroup < (\d+)u\) \{ part\d+\(workgroup - (\d+)u, lane\); \}/g)],
    texts = source.split(/\nfn part\d+\(workgroup: u32, lane: u32\) \{/).slice(1);
  if (dealt.length === 0 || texts.length !== dealt.length) throw new Error(`no parts in\n${source}`);
  return dealt.map(([, end, start], i) => ({ text: texts[i], workgroups: Number(end) - Number(start) }));
}

const written = (launches: Launches): Range[] =>
  launches.flatMap(({ source }, launch) =>
    partsOf(source).flatMap(({ text, workgroups }) =>
      [...text.matchAll(/norms\[(\d+)u \+ workgroup\] = norm_of\(total\);/g)].map(([, first]) => ({
        launch,
        first: Number(first),
        count: workgroups,
      })),
    ),
  );

const added = (launches: Launches): Range[] =>
  launches.flatMap(({ source }, launch) =>
    [...source.matchAll(/i < (\d+)u; i \+= \d+u\) \{ sum \+= squares_of\(norms\[(\d+)u \+ i\]\); \}/g)].map(([, count, first]) => ({
      launch,
      first: Number(first),
      count: Number(count),
    })),
  );

const numbers = ({ first, count }: Range): number[] => Array.from({ length: count }, (_, i) => first + i);

/** What is wrong with the norms of a plan. @param global whether one norm is taken of all gradients */
function faults(launches: Launches, global: boolean): string[] {
  const sums = written(launches),
    users = added(launches),
    found: string[] = [];
  if (sums.length === 0 || users.length === 0) return ["no norms"];
  const all = sums.flatMap(numbers);
  if (new Set(all).size !== all.length) found.push("a number is written twice");
  for (const user of users) {
    const own = global ? sums : sums.filter(({ first, count }) => first === user.first && count === user.count);
    if (own.some(({ launch }) => launch >= user.launch)) found.push(`launch ${user.launch} adds up what is not there yet`);
    const left = own.flatMap(numbers).sort((a, b) => a - b);
    if (left.join() !== numbers(user).join())
      found.push(`${user.count} numbers from ${user.first} on are added up, which no gradients left so`);
  }
  if (!global && new Set(users.map(({ first }) => first)).size !== sums.length) found.push("a norm is not used");
  return found;
}

const SOFTWARE: Adapter = { kind: "software", quads: true, workgroupBytes: 32768 };
const SHAPES: Readonly<Record<string, NetworkOptions>> = {
  "one weight": { widths: [1, 1] },
  "narrow layers": { widths: [9, 8, 7] },
  "wide layers": { widths: [300, 200, 100] },
  "many layers": { widths: [17, 300, 17, 300, 17] },
};
const planOf = (graph: Graph, more: Partial<PlanOptions> = {}) => new Plan(graph, { batch: 33, formulas: FORMULAS, ...more });

describe.each(Object.entries(SHAPES))("%s", (_, options) => {
  const [global, each] = [sgd({ globalClipNorm: 1 }), sgd({ clipNorm: 1 })].map((optimizer) => graphOf({ ...options, optimizer }));

  it.each([
    ["a GPU", {}],
    ["software", { adapter: SOFTWARE }],
  ] as const)("one norm of all gradients, or one each, is added up from what its own workgroups left, on %s", (_, more) => {
    expect(faults(planOf(global, more).launches, true)).toEqual([]);
    expect(faults(planOf(each, more).launches, false)).toEqual([]);
  });

  it("has a number for each workgroup that makes a gradient, and a buffer as long", () => {
    const plan = planOf(each),
      gradients = plan.graph.ops.filter(({ type }) => type === "clipFactor").flatMap(({ inputs }) => inputs);
    expect(written(plan.launches)).toHaveLength(gradients.length);
    const total = written(plan.launches).reduce((sum, { count }) => sum + count, 0);
    expect(plan.scratch.get("norms")).toBe(4 * total);
  });
});

describe("launches that would bind too many buffers, and are written part by part", () => {
  // No two intermediates fit one buffer.
  const batch = 400,
    widths = [300, 300, 300, 300, 300],
    maxBytes = 4 * batch * 300;
  const plans = (optimizer: unknown) =>
    [8, 6, 5].map((maxBuffers) => planOf(graphOf({ widths, optimizer }), { batch, maxBytes, maxBuffers }));

  it("leave the norms of the launches that run, and no others", () => {
    for (const [optimizer, isGlobal] of [
      [sgd({ globalClipNorm: 1 }), true],
      [sgd({ clipNorm: 1 }), false],
    ] as const) {
      for (const plan of plans(optimizer)) {
        expect(faults(plan.launches, isGlobal)).toEqual([]);
        const total = written(plan.launches).reduce((sum, { count }) => sum + count, 0);
        expect(plan.scratch.get("norms")).toBe(4 * total);
      }
    }
  });

  it("control: there are such launches", () => {
    const counts = plans(sgd({ globalClipNorm: 1 })).map(({ launches }) => launches.length);
    expect(counts[2]).toBeGreaterThan(counts[0]);
  });
});

describe("the groups that norms are about", () => {
  const graph = graphOf({ widths: [9, 8, 7], optimizer: sgd({ globalClipNorm: 1 }) }),
    norms = normsOf(graph, FORMULAS)!,
    groups = groupSteps(graph, true, new Map<string, Op>([...viewsOf(graph), ...norms.factors]));

  it("are those that make a gradient; a factor is known to those that scale by it", () => {
    const gradients = groups.map((group) => norms.gradientOf(group)).filter((name) => name !== null);
    expect(gradients.sort()).toEqual(["grad_b1", "grad_b2", "grad_w1", "grad_w2"]);
    const named: string[] = [];
    const access = { bind: () => "norms", name: (tensor: string) => named.push(tensor) } as unknown as BufferAccess;
    const scaling = groups.filter((group) => norms.writeFactor(group, 4, access, "p") !== null);
    expect(scaling.map(({ ops }) => ops[0].outputs[0]).sort()).toEqual(["clipped_b1", "clipped_b2", "clipped_w1", "clipped_w2"]);
    expect(new Set(named)).toEqual(new Set(["clip_factor"]));
  });

  it("are none where nothing is clipped by a norm", () => {
    expect(normsOf(graphOf({ widths: [9, 8, 7] }), FORMULAS)).toBeNull();
    expect(normsOf(graphOf({ widths: [9, 8, 7], optimizer: sgd({ clipValue: 1 }) }), FORMULAS)).toBeNull();
    expect(new Norms(new Map()).gradientOf(groups[0])).toBeNull();
  });
});

describe("control: kernels changed by hand", () => {
  const { launches } = planOf(graphOf({ widths: [300, 200, 100], optimizer: sgd({ globalClipNorm: 1 }) }));
  const changed = (from: RegExp, to: string): Launches => {
    const at = launches.findIndex(({ source }) => from.test(source));
    return launches.map(({ source }, i) => ({ source: i === at ? replaceOrThrow(source, from, to) : source }));
  };

  it("a sum from another place, of too few numbers, or in the wrong order is found", () => {
    expect(faults(launches, true)).toEqual([]);
    expect(faults(changed(/squares_of\(norms\[0u \+ i\]\)/, "squares_of(norms[1u + i])"), true)).toHaveLength(1);
    expect(faults(changed(/norms\[0u \+ workgroup\] =/, "norms[9u + workgroup] ="), true)).toContain("a number is written twice");
    expect(faults([...launches].reverse(), true).join()).toContain("not there yet");
    expect(
      faults(
        launches.map(({ source }) => ({ source: source.replaceAll("squares_of(norms", "squares_of(other") })),
        true,
      ),
    ).toEqual(["no norms"]);
  });
});
