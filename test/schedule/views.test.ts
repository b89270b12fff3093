// Every number that is read was written: by plans of networks with and without recurrent layers, for every purpose, fused and not.
// A view (a tensor that is only another way to read another one) is in no memory, but a result is read back and must be.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as sequences from "../../src/graph/recurrent.ts";
import { sizeOf, tensorOf, type Graph } from "../../src/graph/types.ts";
import { activation, dense, type Layer } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { viewsOf } from "../../src/schedule/views.ts";
import { planCases } from "./networks.ts";

const ENDS: Readonly<Record<string, readonly Layer[]>> = {
  "last step": [simpleRNN({ units: 3, inputShape: [4, 2] })],
  "last step, linear behind it": [simpleRNN({ units: 3, inputShape: [4, 2] }), activation("linear")],
  "last step of two layers": [simpleRNN({ units: 3, inputShape: [4, 2], returnSequences: true }), simpleRNN({ units: 200 })],
  "last step, stateful": [simpleRNN({ units: 3, inputShape: [4, 2], stateful: true })],
  "last step, whole numbers in": [simpleRNN({ units: 3, inputShape: [4], inputVocabulary: 9 })],
  "all steps": [simpleRNN({ units: 3, inputShape: [4, 2], returnSequences: true })],
  "all steps, stateful": [simpleRNN({ units: 3, inputShape: [4, 2], returnSequences: true, stateful: true })],
  dense: [simpleRNN({ units: 3, inputShape: [4, 2] }), dense({ units: 2 })],
};

const graphFor = (layers: readonly Layer[], purpose: Graph["purpose"], masked: boolean): Graph => {
  const network = resolveNetwork(layers, 1),
    type = network.vocabulary === null ? ("float32" as const) : ("uint32" as const);
  const recipe = resolveRecipe(network, { optimizer: "adam", loss: "meanSquaredError" });
  return buildGraph(network, recipe, purpose, { type, scale: 1, ...(masked ? { masked } : {}) }, sequences);
};

const CASES = Object.entries(ENDS).flatMap(([name, layers]) =>
  (["train", "evaluate", "predict"] as const).flatMap((purpose) =>
    [true, false].flatMap((masked) =>
      [true, false].map(
        (fuse) =>
          [
            `${name}: ${purpose}${masked ? ", padded" : ""}, ${fuse ? "fused" : "unfused"}`,
            new Plan(graphFor(layers, purpose, masked), { batch: 5, fuse, sequences: SEQUENCES }),
          ] as const,
      ),
    ),
  ),
);

/** What is read before it is written, and results that nobody writes. */
function neverWritten({ graph, launches }: Pick<Plan, "graph" | "launches">): string[] {
  const written = new Set<string>(),
    lacking: string[] = [];
  for (const { touches } of launches) {
    for (const { tensor, access } of touches) if (access === "read_write") written.add(tensor);
    for (const { tensor } of touches) {
      if (tensorOf(graph, tensor).role === "intermediate" && !written.has(tensor)) lacking.push(tensor);
    }
  }
  const results = [...graph.tensors.values()].filter(({ role }) => role === "result" || role === "carried").map(({ name }) => name);
  return [...lacking, ...results.filter((name) => !written.has(name))];
}

it.each([...CASES, ...planCases([5])])("%s", (_, plan) => {
  expect(neverWritten(plan)).toEqual([]);
});

describe("control: what nobody writes is found", () => {
  const plan = new Plan(graphFor(ENDS.dense, "predict", false), { batch: 5, fuse: false, sequences: SEQUENCES });
  it.each(plan.launches.map((_, i) => [i]))("without launch %i", (missing) => {
    expect(neverWritten({ graph: plan.graph, launches: plan.launches.filter((_, i) => i !== missing) })).not.toEqual([]);
  });
});

it("a result is no view, and is as large as the answers", () => {
  const graph = graphFor(ENDS["last step"], "predict", false);
  expect([...viewsOf(graph).keys()]).toEqual(["x"]);
  expect(sizeOf(tensorOf(graph, graph.output), 5)).toBe(5 * 3);
  expect([...viewsOf(graphFor(ENDS["last step"], "evaluate", false)).keys()]).toEqual(["x", "y", "last1"]);
});
