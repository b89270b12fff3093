// Which ops share a kernel. What a kernel hands on in a register must be the same number of a tensor of the same shape, so groups are
// looked through member by member here, with a list of pointwise ops of this file's own; and the table of docs/architecture.md is tried
// on small networks.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import { rowsOf, tensorOf, type Graph, type Op, type OpName } from "../../src/graph/types.ts";
import { dense, type Layer } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam, sgd } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { behind, groupSteps, operandsOf, storedOutputs, type Group } from "../../src/schedule/groups.ts";
import { viewsOf } from "../../src/schedule/views.ts";
import { digits, graphOf, NETWORKS, type NetworkOptions } from "./networks.ts";

const sequenceGraph = (layers: readonly Layer[], purpose: Graph["purpose"] = "train"): Graph => {
  const network = resolveNetwork(layers, 1);
  const recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" });
  return buildGraph(network, recipe, purpose, { type: "float32", scale: 1 }, recurrent);
};

const fusedOf = (graph: Graph): Group[] => groupSteps(graph, true, viewsOf(graph));
const said = (groups: readonly Group[]): string[] => groups.map(({ ops }) => ops.flatMap(({ outputs }) => outputs).join(" "));
const fused = (options: NetworkOptions): string[] => said(fusedOf(graphOf(options)));

/** Each number of the output comes from numbers at the same place, or from columns and scalars. */
const POINTWISE: readonly OpName[] = [
  "activation",
  "activationDerivative",
  "hadamard",
  "dropout",
  "maskRows",
  "weightRows",
  "normalize",
  "penaltyGradient",
  "clipValue",
  "accumulate",
  "update",
];
/** Each row of the output comes from the same row. */
const BY_ROW: readonly OpName[] = [...POINTWISE, "softmax", "softmaxPullback", "lossRows", "lossGradient", "metricRows", "normalizeRows"];

/** Members of groups that no invocation of the group's kernel could compute from what it has. */
function misfits(graph: Graph, groups: readonly Group[]): string[] {
  const shape = (name: string) => [rowsOf(tensorOf(graph, name), 7), tensorOf(graph, name).cols].join("×");
  const rows = (name: string) => rowsOf(tensorOf(graph, name), 7);
  return groups.flatMap(({ ops: [first, ...others] }) => {
    const isByRow = BY_ROW.includes(first.type) && !POINTWISE.includes(first.type);
    return others
      .filter(({ type, outputs: [out] }) =>
        isByRow
          ? !BY_ROW.includes(type) || rows(out) !== rows(first.outputs[0])
          : !POINTWISE.includes(type) || shape(out) !== shape(first.outputs[0]),
      )
      .map(({ outputs }) => `${outputs[0]} in the group of ${first.outputs[0]}`);
  });
}

const GRAPHS: readonly (readonly [string, Graph])[] = [
  ...Object.entries(NETWORKS).map(([name, options]) => [name, graphOf(options)] as const),
  ["last step of a sequence", sequenceGraph([simpleRNN({ units: 3, inputShape: [4, 2] }), dense({ units: 2, activation: "tanh" })])],
  ["each step of a sequence", sequenceGraph([simpleRNN({ units: 3, inputShape: [4, 2], returnSequences: true }), dense({ units: 2 })])],
];

describe.each(GRAPHS)("%s", (_, graph) => {
  const views = viewsOf(graph);

  it("every op that makes a tensor is in one group, in the order of the graph", () => {
    const made = graph.ops.filter(({ outputs: [out] }) => !views.has(out));
    expect(fusedOf(graph).flatMap(({ ops }) => ops)).toEqual(made);
    expect(groupSteps(graph, false, new Map())).toHaveLength(graph.ops.length);
    expect(groupSteps(graph, false, new Map()).flatMap(({ ops }) => ops)).toEqual(graph.ops);
  });

  it("no kernel hands a number on to an op that needs others", () => {
    expect(misfits(graph, fusedOf(graph))).toEqual([]);
  });

  it("what another group, or nobody but the user, reads is stored; what only its own group reads is not", () => {
    const groups = fusedOf(graph);
    for (const group of groups.filter(({ anchor, ops }) => anchor !== "rowWise" && ops.length > 1)) {
      const wanted = group.ops
        .flatMap(({ outputs }) => outputs)
        .filter((name) => {
          if (tensorOf(graph, name).role !== "intermediate") return true;
          const readsIt = (op: Op): boolean =>
            op.inputs.some((input) => input === name || (views.has(input) && readsIt(views.get(input)!)));
          return graph.ops.some((op) => !views.has(op.outputs[0]) && !group.ops.includes(op) && readsIt(op));
        });
      expect([...storedOutputs(graph, group, groups, views)].sort()).toEqual(wanted.sort());
    }
  });
});

describe("a product", () => {
  it("takes along activation and dropout of its shape, and stops at a tensor of another shape", () => {
    expect(fused({ ...digits, widths: [6, 5, 3], dropoutRate: 0.5, purpose: "train" }).slice(0, 2)).toEqual(["z1 a1 d1", "z2"]);
  });

  it("stops at another product, even of its shape", () => {
    expect(fused({ widths: [4, 4, 4, 4], purpose: "predict" })).toEqual(["z1 a1", "z2 a2", "z3"]);
  });

  it("pulled back takes along the mask, σ′ and ⊙", () => {
    expect(fused({ ...digits, widths: [6, 5, 3], dropoutRate: 0.5 })).toContain("grad_d1 grad_a1 slope_z1 delta1");
  });

  it("and a row sum take along penalty, clipped value and update of a weight", () => {
    const groups = fused({ ...digits, widths: [6, 5, 3], regularizer: l2(0.1), optimizer: adam({ clipValue: 1 }) });
    expect(groups).toContain("data_grad_w1 grad_w1 clipped_w1 w1 m_w1 v_w1");
    expect(groups).toContain("data_grad_b1 grad_b1 clipped_b1 b1 m_b1 v_b1");
  });

  it("ends where a norm of the gradient has to be known first, and scaling begins a group with the update", () => {
    const groups = fused({ widths: [6, 5, 3], optimizer: sgd({ globalClipNorm: 1 }) });
    for (const group of ["grad_w1", "grad_b1", "clip_factor", "clipped_w1 w1", "clipped_b1 b1"]) expect(groups).toContain(group);
  });
});

describe("what is done row by row", () => {
  it("is one group from softmax to δᴸ, whatever metrics there are", () => {
    expect(fused({ ...digits, widths: [6, 3] })).toContain("a1 loss_rows accuracy_rows delta1");
    expect(fused({ ...NETWORKS["softmax under squares"] })).toContain(
      "a2 loss_rows accuracy_rows meanSquaredError_rows meanAbsoluteError_rows grad_a2 delta2",
    );
  });

  it("never takes along sums over a whole tensor", () => {
    const groups = fusedOf(graphOf({ ...digits, widths: [6, 3], regularizer: l2(0.1) }));
    const sums = groups.filter(({ ops: [{ type }] }) => type === "penalty" || type === "summarize");
    expect(said(sums)).toEqual(["penalty_w1", "penalty_b1", "results"]);
  });
});

describe("a view", () => {
  it("is in no group where it is read from what lies behind it", () => {
    expect(fused({ widths: [4, 3], purpose: "evaluate" }).join(" ")).not.toMatch(/\b[xy]\b/);
  });

  it("that is a result is copied by itself: nothing joins it", () => {
    const graph = sequenceGraph([simpleRNN({ units: 3, inputShape: [4, 2] })], "predict"),
      groups = fusedOf(graph);
    expect(groups[groups.length - 1].ops.map(({ type }) => type)).toEqual(["lastStep"]);
  });

  it("brings what it is read from to whoever reads it", () => {
    const graph = sequenceGraph([simpleRNN({ units: 3, inputShape: [4, 2] })]);
    const views = viewsOf(graph);
    expect([...behind(["previous_h1", "w1"], views)].sort()).toEqual(["h1", "previous_h1", "w1"]);
    expect([...behind(["x"], views)].sort()).toEqual(["data_x", "order", "x"]);
    expect([...behind(["h1"], views)]).toEqual(["h1"]);
  });
});

it("the operands of a group are what it reads and has not made, and all that it makes", () => {
  const group = fusedOf(graphOf({ widths: [6, 5, 3], optimizer: adam() })).find(({ ops: [{ outputs }] }) => outputs[0] === "grad_w1")!;
  const { reads, writes } = operandsOf(group);
  expect([...reads].sort()).toEqual(["delta1", "m_w1", "v_w1", "w1", "x"]);
  expect([...writes].sort()).toEqual(["grad_w1", "m_w1", "v_w1", "w1"]);
});

describe("control: groups put together by hand", () => {
  const graph = graphOf({ ...digits, widths: [6, 5, 3] }),
    groups = fusedOf(graph);
  const joined = (first: string, second: string): Group[] => {
    const at = said(groups).findIndex((text) => text.startsWith(first));
    expect(said(groups)[at + 1]).toMatch(new RegExp(`^${second}`));
    return [
      ...groups.slice(0, at),
      { anchor: groups[at].anchor, ops: [...groups[at].ops, ...groups[at + 1].ops] },
      ...groups.slice(at + 2),
    ];
  };

  it.each([
    ["z1 a1", "z2", ["z2 in the group of z1"]],
    [
      "z2",
      "a2",
      ["a2 in the group of z2", "loss_rows in the group of z2", "accuracy_rows in the group of z2", "delta2 in the group of z2"],
    ],
    ["grad_w2", "grad_b2", ["grad_b2 in the group of grad_w2", "b2 in the group of grad_w2"]],
  ])("%s with %s is found", (first, second, complaints) => {
    expect(misfits(graph, joined(first, second))).toEqual(complaints);
  });
});
