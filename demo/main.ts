// The page: trains 784-128-10 on the digits through the public API and shows how it goes.

import { adam, dense, dropout, sequential, type Sequential } from "../src/index.ts";
import { LossChart } from "./chart.ts";
import { loadDigits, type Digits } from "./digits.ts";

const EPOCHS = 20;
const BATCH_SIZE = 64;
const VALIDATION_SPLIT = 0.1;
/** What one unit of a pixel byte is worth. */
const SCALE = 1 / 255;

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found as T;
}

const start = element<HTMLButtonElement>("start");
const stop = element<HTMLButtonElement>("stop");
const result = element("result");
const chart = new LossChart(element("chart"));
const show = (id: string, text: string) => { element(id).textContent = text; };
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

let abort = new AbortController();

async function createModel(): Promise<Sequential> {
  const model = sequential({ seed: 1, layers: [
    dense({ units: 128, activation: "relu", inputShape: [784] }),
    dropout({ rate: 0.3 }),
    dense({ units: 10, activation: "softmax" }),
  ] });
  await model.compile({ optimizer: adam({ learningRate: 1e-3 }), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"] });
  return model;
}

async function fit(model: Sequential, { images, labels }: Digits): Promise<boolean> {
  const began = performance.now();
  let samples = 0;
  const { stopped } = await model.fit(images, labels, {
    epochs: EPOCHS, batchSize: BATCH_SIZE, validationSplit: VALIDATION_SPLIT, scale: SCALE, signal: abort.signal,
    callbacks: {
      onTrainBegin: () => show("plan", `${model.summary()}\n\n${model.plan.toString()}`),
      onEpochBegin: (epoch) => show("epoch", `${epoch + 1} of ${EPOCHS}`),
      onBatchEnd(_batch, { loss, size }) {
        samples += size;
        chart.addBatch(loss);
        show("loss", loss.toFixed(3));
        show("speed", Math.round((1000 * samples) / (performance.now() - began)).toLocaleString("en"));
      },
      onEpochEnd(_epoch, logs) {
        chart.addEpoch(logs.val_loss);
        show("accuracy", percent(logs.val_accuracy));
      },
    },
  });
  return stopped;
}

async function train(digits: Digits, held: Digits): Promise<void> {
  start.disabled = true;
  stop.disabled = false;
  result.hidden = true;
  abort = new AbortController();
  chart.clear();
  show("status", "Preparing the GPU …");
  let model: Sequential | null = null;
  try {
    model = await createModel();
    show("status", model.backend === "webgpu" ? `Training on ${model.adapter}` : "No WebGPU here: training on the CPU");
    const stopped = await fit(model, digits);
    const { accuracy, loss } = await model.evaluate(held.images, held.labels, { scale: SCALE });
    show("status", stopped ? "Stopped." : "Done.");
    show("result", `It reads ${percent(accuracy)} of 2,000 digits that it has never seen (loss ${loss.toFixed(3)}).`);
    result.hidden = false;
  } finally {
    model?.dispose();
    start.disabled = false;
    stop.disabled = true;
  }
}

const report = (error: unknown) => show("status", error instanceof Error ? error.message : String(error));

stop.addEventListener("click", () => {
  abort.abort();
  show("status", "Stopping …");
});

Promise.all([loadDigits("train"), loadDigits("test")]).then(([digits, held]) => {
  show("status", "Ready.");
  start.addEventListener("click", () => { train(digits, held).catch(report); });
  start.dataset.ready = "true";
}, report);
