// The page of hidden.test.ts: trains on the CPU backend of the built library and says how long it took, and how often it was interrupted.

import { dense, sequential, sgd } from "./index.js";

const ROWS = 512;
const x = Float32Array.from({ length: ROWS * 16 }, (_, i) => Math.sin(i)),
  y = Float32Array.from({ length: ROWS }, (_, i) => Math.cos(i));

globalThis.train = async (epochs) => {
  const model = sequential({ seed: 1, layers: [dense({ units: 16, activation: "tanh", inputShape: [16] }), dense({ units: 1 })] });
  await model.compile({ optimizer: sgd(0.01), loss: "meanSquaredError", backend: "cpu" });
  const started = performance.now();
  const { steps } = await model.fit(x, y, { epochs, batchSize: 32 });
  const milliseconds = performance.now() - started;
  model.dispose();
  return { steps, milliseconds, state: document.visibilityState };
};

/** How long so many timers of 0 ms take, one after the other. */
globalThis.timers = async (count) => {
  const started = performance.now();
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve));
  return { milliseconds: performance.now() - started, state: document.visibilityState };
};
