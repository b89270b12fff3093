// The page of page-alive.test.ts: trains with the built library and says which tasks of its thread took over 50 ms meanwhile.

import { adam, dense, sequential, trainInWorker } from "./index.js";

const ROWS = 2000;
const x = Uint8Array.from({ length: ROWS * 784 }, (_, i) => (i * 31) % 251);
const labels = Uint32Array.from({ length: ROWS }, (_, i) => i % 10);

const NETWORKS = {
  wide: [dense({ units: 128, activation: "relu", inputShape: [784] }), dense({ units: 10, activation: "softmax" })],
  tiny: [dense({ units: 3, activation: "tanh", inputShape: [784] }), dense({ units: 10, activation: "softmax" })],
};

/** Durations of the long tasks while the work goes on, in milliseconds. */
async function longTasks(work) {
  const found = [],
    observer = new PerformanceObserver((list) => found.push(...list.getEntries()));
  observer.observe({ type: "longtask" });
  // A task is known when it is over.
  const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
  await pause();
  const from = performance.now();
  await work();
  const to = performance.now();
  await pause();
  found.push(...observer.takeRecords());
  observer.disconnect();
  return found.filter(({ startTime }) => startTime >= from && startTime <= to).map(({ duration }) => duration);
}

globalThis.busy = (milliseconds) =>
  longTasks(async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
  });

globalThis.train = async ({ by, network, epochs }) => {
  const model = sequential({ seed: 1, layers: NETWORKS[network] });
  await model.compile({ optimizer: adam(0.001), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"], backend: "webgpu" });
  let batches = 0;
  const options = {
    epochs,
    batchSize: 32,
    scale: 1 / 255,
    validationSplit: 0.1,
    callbacks: {
      onBatchEnd: () => {
        batches++;
      },
      onEpochEnd() {},
    },
  };
  const started = performance.now();
  const tasks = await longTasks(() => (by === "fit" ? model.fit(x, labels, options) : trainInWorker(model, x, labels, options)));
  const seconds = (performance.now() - started) / 1000;
  model.dispose();
  return { tasks, batches, seconds };
};
