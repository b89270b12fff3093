// dist/min: the library for pages without a bundler, loaded by a plain <script type="module">. Property names that leave the library,
// lazy files and the worker have to work under their short names, too.

import { expect, it, onTestFinished } from "vitest";
import { builtLibrary, servedPage } from "../support/served-page.ts";

/** Ends with the sum of all weights, so that a minified and a readable library can be compared. */
const PAGE = `
import { adam, dense, dropout, l2, sequential, simpleRNN, trainInWorker, InputError } from "./index.js";
const x = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i)), y = Float32Array.from({ length: 256 }, (_, i) => x[2 * i] * x[2 * i + 1]);
const sum = async (model) => (await model.getWeights()).flatMap(({ data }) => [...data]).reduce((a, b) => a + b, 0);
async function trained(layers, options = {}) {
  const model = sequential({ seed: 3, layers });
  await model.compile({ optimizer: adam({ learningRate: 0.01, ...options }), loss: "meanSquaredError", metrics: ["mae"] });
  return model;
}
globalThis.run = async () => {
  const wide = await trained([dense({ units: 96, activation: "gelu", inputShape: [2], kernelRegularizer: l2(1e-3) }), dropout({ rate: 0.1 }),
    dense({ units: 64, activation: "tanh" }), dense({ units: 1 })], { clipNorm: 1 });
  const { history, steps } = await wide.fit(x, y, { epochs: 3, validationSplit: 0.25 });
  const { ok } = await wide.verify(x, y);
  const tiny = await trained([dense({ units: 8, activation: "relu", inputShape: [2] }), dense({ units: 1 })]);
  await trainInWorker(tiny, x, y, { epochs: 2 });
  const recurrent = await trained([simpleRNN({ units: 8, inputShape: [4, 2] }), dense({ units: 1 })]);
  await recurrent.fit(x, y.subarray(0, 64), { epochs: 2 });
  const refused = await tiny.fit(x, [1]).catch((error) => error);
  return { history, steps, ok, sums: [await sum(wide), await sum(tiny), await sum(recurrent)], summary: wide.summary(), plan: String(wide.plan),
    refused: refused instanceof InputError && refused.message };
};`;

interface Ran {
  readonly history: Readonly<Record<string, readonly number[]>>;
  readonly ok: boolean;
  readonly sums: readonly number[];
  readonly refused: string;
}

async function ran(environment: "client" | "minified"): Promise<Ran> {
  const served = await servedPage(new Map([...(await builtLibrary(environment)), ["page.js", PAGE]]), "page.js", {});
  onTestFinished(() => served.close());
  await served.page.waitForFunction("globalThis.run !== undefined");
  return (await served.page.evaluate("run()")) as Ran;
}

it("trains, verifies, goes to a worker and refuses as the readable one does, bit for bit", async () => {
  const [readable, minified] = [await ran("client"), await ran("minified")];
  expect(Object.keys(minified.history)).toEqual(["loss", "meanAbsoluteError", "val_loss", "val_meanAbsoluteError"]);
  expect(minified.ok).toBe(true);
  expect(minified.refused).toMatch(/^fit\(\): y has 1 /);
  expect(minified.sums.every((sum) => Number.isFinite(sum) && sum !== 0)).toBe(true);
  expect(new Set(minified.sums).size).toBe(3);
  expect(minified).toEqual(readable);
}, 120_000);
