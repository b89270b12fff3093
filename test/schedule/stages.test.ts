// Which groups share a launch: parts of one stage never depend on each other, nothing runs before what it needs, a program of several
// groups mixes no rows, and no part waits for longer than it must. All of it is worked out here from what ops read and write.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as normalizations from "../../src/graph/normalization.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import { sizeOf, tensorOf, type Graph, type Op } from "../../src/graph/types.ts";
import { dense, type Layer } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { batchNormalization } from "../../src/model/normalization.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { groupSteps, type Group } from "../../src/schedule/groups.ts";
import { stagesOf, type Stage } from "../../src/schedule/stages.ts";
import { viewsOf } from "../../src/schedule/views.ts";
import { graphOf, NETWORKS } from "./networks.ts";

const graphFor = (layers: readonly Layer[], masked = false): Graph => {
  const network = resolveNetwork(layers, 1);
  const recipe = resolveRecipe(network, { optimizer: "adam", loss: "meanSquaredError", metrics: ["mae"] });
  return buildGraph(network, recipe, "train", { type: "float32", scale: 1, masked }, { ...recurrent, ...normalizations });
};

const GRAPHS: Readonly<Record<string, Graph>> = {
  ...Object.fromEntries(Object.entries(NETWORKS).map(([name, options]) => [name, graphOf(options)])),
  "a recurrent layer": graphFor([simpleRNN({ units: 3, inputShape: [4, 2] }), dense({ units: 2 })]),
  "two stateful ones, padded": graphFor(
    [
      simpleRNN({ units: 3, inputShape: [4, 2], returnSequences: true, stateful: true }),
      simpleRNN({ units: 300, returnSequences: true, stateful: true }),
      dense({ units: 2 }),
    ],
    true,
  ),
  "batch normalization": graphFor([dense({ units: 4, inputShape: [3] }), batchNormalization(), dense({ units: 2 })]),
};

/** What an op reads, and what is read in place of views. */
function readsOf(graph: Graph, op: Op): Set<string> {
  const views = viewsOf(graph),
    found = new Set<string>();
  const visit = (name: string): void => {
    found.add(name);
    views.get(name)?.inputs.forEach(visit);
  };
  op.inputs.forEach(visit);
  return found;
}

/** Whether two ops must keep their order: one reads or writes what the other writes. */
function dependencies(graph: Graph): (a: Op, b: Op) => boolean {
  const reads = new Map(graph.ops.map((op) => [op, readsOf(graph, op)]));
  const touches = (written: Op, by: Op) => written.outputs.some((name) => reads.get(by)!.has(name) || by.outputs.includes(name));
  return (a, b) => touches(a, b) || touches(b, a);
}

/** Ops that make row r of a tensor from numbers of other rows than r too: of weights, of the whole mini-batch. */
const mixesRows = (graph: Graph, op: Op): boolean =>
  tensorOf(graph, op.outputs[0]).rows !== "batch" || (op.type === "product" && op.form === "leftTransposed");

const opsOf = (part: { readonly groups: readonly Group[] }): Op[] => part.groups.flatMap(({ ops }) => [...ops]);

function complaints(graph: Graph, stages: readonly Stage[]): string[] {
  const depend = dependencies(graph),
    found: string[] = [];
  const placed = stages.flatMap((stage, level) =>
    stage.flatMap((part) => opsOf(part).map((op, position) => ({ op, level, part, position }))),
  );
  const views = viewsOf(graph);
  const wanted = graph.ops.filter(({ outputs: [out] }) => !views.has(out));
  if (placed.length !== wanted.length || wanted.some((op) => !placed.some((p) => p.op === op))) found.push("not every op once");
  const order = new Map(graph.ops.map((op, i) => [op, i]));
  for (const a of placed) {
    for (const b of placed) {
      if (order.get(a.op)! >= order.get(b.op)! || !depend(a.op, b.op)) continue;
      const names = `${b.op.outputs[0]} after ${a.op.outputs[0]}`;
      if (a.level > b.level) found.push(`${names}: too early`);
      else if (a.level === b.level && a.part !== b.part) found.push(`${names}: side by side`);
      else if (a.part === b.part && a.position > b.position) found.push(`${names}: the wrong way round`);
    }
  }
  for (const part of stages.flat().filter(({ groups }) => groups.length > 1)) {
    for (const op of opsOf(part)) {
      const { inputs, type } = op,
        weights = type === "product" ? sizeOf(tensorOf(graph, inputs[1]), 1) : 0;
      if (mixesRows(graph, op)) found.push(`${op.outputs[0]}: rows are mixed in a program`);
      if (weights > 256 * 256) found.push(`${op.outputs[0]}: every workgroup would read ${weights} weights`);
    }
  }
  stages.slice(1).forEach((stage, i) => {
    for (const part of stage) {
      const waits = stages[i].some((before) => opsOf(before).some((a) => opsOf(part).some((b) => depend(a, b))));
      if (!waits) found.push(`${opsOf(part)[0].outputs[0]}: could run earlier`);
    }
  });
  return found;
}

const planned = (graph: Graph, fuse = true) => {
  const elsewhere = viewsOf(graph),
    groups = groupSteps(graph, fuse, elsewhere);
  return { groups, stages: stagesOf(graph, groups, fuse, elsewhere) };
};

describe.each(Object.entries(GRAPHS))("%s", (_, graph) => {
  it("parts side by side do not depend on each other, all else keeps its order, and nothing waits in vain", () => {
    expect(complaints(graph, planned(graph).stages)).toEqual([]);
  });

  it("unfused, every group is a launch of its own, in the order of the graph", () => {
    const { groups, stages } = planned(graph, false);
    expect(stages).toEqual(groups.map((group) => [{ groups: [group] }]));
    expect(complaints(graph, stages).filter((text) => !text.includes("could run earlier"))).toEqual([]);
  });
});

describe("row programs", () => {
  const partsOf = (units: number, timesteps: number): number => {
    const layers =
      timesteps === 1
        ? [dense({ units, inputShape: [128] })]
        : [simpleRNN({ units: 128, inputShape: [timesteps, 128], returnSequences: true }), dense({ units })];
    const all = planned(graphFor(layers)).stages.flat();
    const made = all.find((part) =>
      opsOf(part).some(({ type, inputs }) => type === "product" && inputs[1] === (timesteps === 1 ? "w1" : "w2")),
    );
    return made!.groups.length;
  };

  it("have products of up to 128 × 128 weights, of sequences 256 × 256; larger ones are spread over the grid", () => {
    expect(partsOf(128, 1)).toBeGreaterThan(1);
    expect(partsOf(129, 1)).toBe(1);
    expect(partsOf(512, 4)).toBeGreaterThan(1);
    expect(partsOf(513, 4)).toBe(1);
  });

  it("do not take carried states along: these are replaced last of all", () => {
    const { stages } = planned(GRAPHS["two stateful ones, padded"]);
    const carries = stages
      .flatMap((stage, level) => stage.flatMap((part) => opsOf(part).map(({ type }) => ({ type, level }))))
      .filter(({ type }) => type === "carry");
    expect(carries).toHaveLength(2);
    const { ops } = GRAPHS["two stateful ones, padded"];
    const readers = ops.filter(({ type }) => type === "recurrentForward");
    for (const { level } of carries) {
      const readAt = stages.findIndex((stage) => stage.some((part) => opsOf(part).includes(readers[0])));
      expect(level).toBeGreaterThan(readAt);
    }
  });
});

describe("control: stages that are wrong are found", () => {
  const graph = GRAPHS["digits, four hidden layers"],
    { stages } = planned(graph);

  it("in another order", () => {
    expect(complaints(graph, [...stages].reverse())).toContainEqual(expect.stringContaining("too early"));
  });

  it("two that become one", () => {
    const merged = [[...stages[0], ...stages[1]], ...stages.slice(2)];
    expect(complaints(graph, merged)).toContainEqual(expect.stringContaining("side by side"));
  });

  it("a part that is missing, or comes twice", () => {
    expect(complaints(graph, stages.slice(0, -1))).toContain("not every op once");
    expect(complaints(graph, [...stages, stages[stages.length - 1]])).toContain("not every op once");
  });

  it("a part that waits although it need not", () => {
    const apart = stages.flatMap((stage) => stage.map((part) => [part]));
    expect(complaints(graph, apart)).toContainEqual(expect.stringContaining("could run earlier"));
  });

  it("a program whose groups go the wrong way round, or mix rows", () => {
    const reversed = stages.map((stage) => stage.map(({ groups }) => ({ groups: [...groups].reverse() })));
    expect(complaints(graph, reversed)).toContainEqual(expect.stringContaining("the wrong way round"));
    const joined = [[{ groups: stages.flat().flatMap(({ groups }) => [...groups]) }]];
    expect(complaints(graph, joined)).toContainEqual(expect.stringContaining("rows are mixed"));
    expect(complaints(graph, joined)).toContainEqual(expect.stringMatching(/would read 200704 weights/));
  });
});
