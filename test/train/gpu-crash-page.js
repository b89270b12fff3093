// The page of gpu-crash.test.ts: trains with the built library as it is told, and calls for the crash in the middle.

import { adam, dense, sequential, trainInWorker } from "./index.js";

const ROWS = 600;
const x = Float32Array.from({ length: ROWS * 20 }, (_, i) => Math.sin(3 * i));
const y = Float32Array.from({ length: ROWS * 2 }, (_, i) => Math.cos(5 * i));

globalThis.train = async ({ by, crashAfter = -1, epochs = 12 }) => {
  const model = sequential({ seed: 3, layers: [dense({ units: 100, activation: "relu", inputShape: [20] }), dense({ units: 2 })] });
  await model.compile({ optimizer: adam(0.01), loss: "meanSquaredError", backend: "webgpu" });
  const losses = [];
  const options = {
    epochs,
    batchSize: 10,
    callbacks: {
      onEpochEnd: (epoch) => {
        if (epoch === crashAfter) globalThis.crashGpuProcess();
      },
      onDeviceLost: (info) => void losses.push({ ...info }),
    },
  };
  const history = await (by === "fit" ? model.fit(x, y, options) : trainInWorker(model, x, y, options));
  const bits = (await model.getWeights()).flatMap(({ data }) => [...new Uint32Array(data.buffer, data.byteOffset, data.length)]);
  model.dispose();
  return { bits, history, losses };
};
