// Whole numbers that index something reach a comparison or an index as u32: no kernel of any plan makes a float of them on the way, which
// would round what is above 2²⁴. What kernels do with such numbers is in test/gpu/whole-numbers.test.ts.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as sequences from "../../src/graph/recurrent.ts";
import type { Graph } from "../../src/graph/types.ts";
import { dense, type Layer } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { writePersistent } from "../../src/schedule/persistent.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";

const softmax = dense({ units: 3, activation: "softmax" });
const NETWORKS: Readonly<Record<string, readonly Layer[]>> = {
  labels: [dense({ units: 4, inputShape: [2] }), softmax],
  "picks and a label for each step": [simpleRNN({ units: 4, inputShape: [5], inputVocabulary: 7, returnSequences: true }), softmax],
  "picks and one label": [simpleRNN({ units: 4, inputShape: [5], inputVocabulary: 7 }), softmax],
};

const graphOf = (layers: readonly Layer[], purpose: Graph["purpose"]): Graph => {
  const network = resolveNetwork(layers, 1),
    isPicking = network.vocabulary !== null;
  const recipe = resolveRecipe(network, { optimizer: "sgd", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
  return buildGraph(network, recipe, purpose, isPicking ? { type: "uint32", scale: 1, masked: true } : undefined, sequences);
};

const PLANS = Object.entries(NETWORKS).flatMap(([name, layers]) =>
  (["train", "evaluate", "predict"] as const).flatMap((purpose) =>
    [{}, { fuse: false }, { writePersistent, persistentBytes: 16384 }].map(
      (options) =>
        [
          `${name}: ${purpose} ${JSON.stringify(options)}`,
          new Plan(graphOf(layers, purpose), { batch: 4, sequences: SEQUENCES, ...options }),
        ] as const,
    ),
  ),
);

/** Kernels that turn a float into a whole number. */
const throughFloats = ({ launches }: Pick<Plan, "launches">): string[] =>
  launches.filter(({ source }) => /u32\((?!i32)[^)]*(f32|data_|scratch|memory)/.test(source)).map(({ label }) => label);

describe.each(PLANS)("%s", (_, plan) => {
  it("reads whole numbers as such", () => {
    expect(throughFloats(plan)).toEqual([]);
    const reads = plan.launches.map(({ source }) => source).join("\n");
    if (plan.graph.tensors.has("data_y")) expect(reads).toMatch(/== data_y\[/);
  });
});

it("control: what goes through floats is found", () => {
  const [launch] = new Plan(graphOf(NETWORKS.labels, "train"), { batch: 4, fuse: false }).launches.slice(-1);
  for (const text of ["u32(f32(data_y[i]))", "u32(scratch[8u + i])", "u32(memory[i])"]) {
    expect(throughFloats({ launches: [{ ...launch, source: `${launch.source}\nlet j = ${text};` }] })).toHaveLength(1);
  }
});
