// Which networks load what the WebAssembly engine keeps in files of its own: an MLP loads none of it.

import { expect, it } from "vitest";
import { dense, dropout } from "../../src/model/layers.ts";
import { adam, rmsprop, sgd } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { loadWriters } from "../../src/wasm/rarity.ts";
import { sample } from "../reference/samples.ts";

const MLP = {
  rows: 4,
  loss: "sparseCategoricalCrossentropy",
  optimizer: adam(),
  metrics: ["accuracy"],
  layers: [
    dense({ units: 5, activation: "relu", inputShape: [3] }),
    dropout({ rate: 0.5 }),
    dense({ units: 4, activation: "tanh" }),
    dense({ units: 3, activation: "softmax" }),
  ],
} as const;
const REGRESSION = { ...MLP, loss: "meanSquaredError", metrics: ["meanAbsoluteError"] } as const;

const loadedFor = async (of: Parameters<typeof sample>[0]): Promise<string[]> =>
  Object.entries(await loadWriters(sample(of).graph.ops)).flatMap(([name, writers]) => (writers === null ? [] : [name]));

it.each([
  ["an MLP", MLP, []],
  ["one with SGD and momentum", { ...MLP, optimizer: sgd({ momentum: 0.9 }) }, []],
  ["regression", REGRESSION, []],
  ["another optimizer", { ...MLP, optimizer: rmsprop() }, ["uncommon"]],
  ["clipping", { ...MLP, optimizer: adam({ clipValue: 1 }) }, ["uncommon"]],
  ["a norm", { ...MLP, optimizer: adam({ globalClipNorm: 1 }) }, ["uncommon"]],
  [
    "a penalty",
    { ...MLP, layers: [dense({ units: 3, activation: "softmax", inputShape: [3], kernelRegularizer: l2(0.1) })] },
    ["uncommon"],
  ],
  ["another activation", { ...REGRESSION, layers: [dense({ units: 3, activation: "swish", inputShape: [3] })] }, ["uncommon"]],
  ["another loss", { ...REGRESSION, loss: "meanAbsoluteError" }, ["uncommon"]],
  ["another metric", { ...MLP, metrics: ["topKAccuracy"] }, ["uncommon"]],
  [
    "a recurrent layer",
    { ...MLP, layers: [simpleRNN({ units: 4, inputShape: [5, 2] }), dense({ units: 3, activation: "softmax" })] },
    ["sequences"],
  ],
] as const)("%s", async (_, of, expected) => {
  expect(await loadedFor(of)).toEqual(expected);
});
