// The adding problem (Hochreiter, Schmidhuber 1997): of 50 numbers in [0, 1) two are marked, one in either half; the answer is their sum. Whoever always
// answers 1 errs by 1/6 in the mean of squares. An LSTM and a GRU learn it from three seeds; a simple recurrent layer does not in the same steps.

import { expect, it } from "vitest";
import { adam, dense, gru, lstm, simpleRNN } from "../../src/index.ts";
import { compiledModel, pseudoRandom } from "../support/models.ts";

const STEPS = 50,
  ROWS = 3000,
  EPOCHS = 8,
  LEARNT = 0.02;

function problem(rows: number, seed: number): { x: Float32Array; y: Float32Array } {
  const next = pseudoRandom(seed),
    uniform = () => (next() + 1) / 2,
    x = new Float32Array(rows * STEPS * 2),
    y = new Float32Array(rows);
  for (let b = 0; b < rows; b++) {
    for (let t = 0; t < STEPS; t++) x[(b * STEPS + t) * 2] = uniform();
    for (const half of [0, 1]) {
      const at = (b * STEPS + Math.floor(((half + uniform()) * STEPS) / 2)) * 2;
      x[at + 1] = 1;
      y[b] += x[at];
    }
  }
  return { x, y };
}

/** The error on problems that it was not trained on, after at most so many epochs: fewer where it has learnt it before. */
async function errorOf(layer: typeof simpleRNN | typeof lstm | typeof gru, seed: number): Promise<number> {
  const model = await compiledModel(
    { seed, layers: [layer({ units: 32, inputShape: [STEPS, 2] }), dense({ units: 1 })] },
    { backend: "wasm", loss: "meanSquaredError", optimizer: adam({ learningRate: 0.01, globalClipNorm: 1 }) },
  );
  const seen = problem(ROWS, seed),
    unseen = problem(500, seed + 10);
  let error = Infinity;
  for (let epoch = 0; epoch < EPOCHS && !(error < LEARNT); epoch++) {
    await model.fit(seen.x, seen.y, { batchSize: 32 });
    error = (await model.evaluate(unseen.x, unseen.y)).loss;
  }
  return error;
}

it.each([
  ["lstm", lstm],
  ["gru", gru],
] as const)("%s learns it from three seeds", async (_, layer) => {
  for (const seed of [1, 2, 3]) expect(await errorOf(layer, seed)).toBeLessThan(LEARNT);
});

it("control: a simple recurrent layer does not", async () => {
  for (const seed of [1, 2, 3]) expect(await errorOf(simpleRNN, seed)).toBeGreaterThan(0.1);
});
