import { test } from "vitest";
import { resolveNetwork, resolveRecipe, initialParameters } from "/work/main/src/model/network.ts";
import { dense } from "/work/main/src/model/layers.ts";
import { buildGraph } from "/work/main/src/graph/build.ts";
import { runGraph } from "/work/main/src/reference/evaluate.ts";
test("speed", () => {
  const net = resolveNetwork([dense({ units: 128, activation: "relu", inputShape: [784] }), dense({ units: 10, activation: "softmax" })], 1);
  const recipe = resolveRecipe(net, { optimizer: "sgd", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
  const graph = buildGraph(net, recipe, "train", { type: "uint8", scale: 1 / 255 });
  const n = 1000;
  const values = new Map<string, ArrayLike<number>>([...initialParameters(net), ["data_x", Uint8Array.from({ length: n * 784 }, (_, i) => (i * 7919) % 256)],
    ["data_y", Uint32Array.from({ length: n }, (_, i) => i % 10)], ["order", Uint32Array.from({ length: n }, (_, i) => i)]]);
  for (let i = 0; i < 10; i++) runGraph(graph, values, { rows: 64, offset: 0, step: i, learningRate: 0.01, correctedRate: 0.01 });
  const t = performance.now(), N = 60;
  for (let i = 0; i < N; i++) runGraph(graph, values, { rows: 64, offset: 64 * (i % 10), step: i, learningRate: 0.01, correctedRate: 0.01 });
  const s = (performance.now() - t) / 1000 / N;
  const flops = 64 * 2 * (2 * 784 * 128 + 3 * 128 * 10);
  console.log("ms/step", s * 1000, "MFLOP/s", flops / s / 1e6, values.get("results"));
});
