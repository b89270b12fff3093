// The kernels of the plans of test/schedule, and of what these leave out. Built by wgsl.test.ts, too.

import * as recurrentGraph from "../../src/graph/recurrent.ts";
import { buildGraph } from "../../src/graph/build.ts";
import { dense } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adagrad, sgd } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { writePersistent } from "../../src/schedule/persistent.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { graphOf, planCases } from "../schedule/networks.ts";
import { FORMULAS } from "../support/formulas.ts";

function recurrentPlan(): Plan {
  const network = resolveNetwork([simpleRNN({ units: 5, inputShape: [4, 3], stateful: true }), dense({ units: 2 })], 1);
  const graph = buildGraph(
    network,
    resolveRecipe(network, { optimizer: sgd({ momentum: 0.9, nesterov: true }), loss: "meanSquaredError" }),
    "train",
    { type: "float32", scale: 1, masked: true },
    recurrentGraph,
  );
  return new Plan(graph, { formulas: FORMULAS, batch: 3, sequences: SEQUENCES });
}

export function planSources(): string[] {
  const plans = [
    ...planCases([1, 64]).map(([, plan]) => plan),
    ...planCases([512], { adapter: { kind: "gpu", quads: false, workgroupBytes: 65_536 }, precision: "f16" }).map(([, plan]) => plan),
    ...planCases([33], { adapter: { kind: "software", quads: true, workgroupBytes: 32_768 } }).map(([, plan]) => plan),
    ...planCases([4], { persistentBytes: 32_768, writePersistent }).map(([, plan]) => plan),
    new Plan(
      graphOf({ widths: [600, 600, 600], activation: "leakyRelu", last: "sigmoid", loss: "binaryCrossentropy", optimizer: adagrad() }),
      { formulas: FORMULAS, batch: 600 },
    ),
    recurrentPlan(),
  ];
  return plans.flatMap(({ launches }) => launches.map(({ source }) => source));
}
