// The page of reload.test.ts: trains with checkpoints in a store of the browser, as a page would that goes on where it was.

import { adam, dense, dropout, indexedDBStore, opfsStore, sequential } from "./index.js";

const ROWS = 400,
  FIT = { epochs: 6, batchSize: 8, validationSplit: 0.1 };
// A linear congruence (Numerical Recipes): the same numbers in every load of the page.
let seed = 7;
const noise = (count) => Float32Array.from({ length: count }, () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1);
const x = noise(ROWS * 4),
  y = noise(ROWS * 2);

globalThis.train = async ({ store: kind, name, resume = false, slow = false }) => {
  const store = kind === "opfs" ? opfsStore(name) : indexedDBStore(name);
  const model = sequential({
    seed: 3,
    layers: [dense({ units: 16, activation: "tanh", inputShape: [4] }), dropout({ rate: 0.2 }), dense({ units: 2 })],
  });
  await model.compile({ optimizer: adam(0.01), loss: "meanSquaredError", backend: "webgpu" });
  let steps = 0;
  const history = await model.fit(x, y, {
    ...FIT,
    checkpoint: { store, every: 5 },
    ...(resume ? { resumeFrom: store } : {}),
    callbacks: {
      onBatchEnd: () => {
        globalThis.steps = ++steps;
      },
      // Time enough to be reloaded in between.
      onEpochEnd: () => (slow ? new Promise((resolve) => setTimeout(resolve, 100)) : undefined),
    },
  });
  const bits = (await model.getWeights()).flatMap(({ data }) => [...new Uint32Array(data.buffer)]);
  model.dispose();
  return { history, bits, trained: steps };
};
