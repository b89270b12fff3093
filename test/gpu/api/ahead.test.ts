// Epochs of a small data set run ahead in one go where nobody listens between them; that changes nothing but the time.

import { describe, expect, it, vi } from "vitest";
import { adam, dense, sequential, type FitOptions } from "../../../src/index.ts";
import { BACKENDS, describeGpu, type TestBackend } from "../../support/models.ts";
import { needsPersistent } from "../support.ts";

const ROWS = 10,
  EPOCHS = 7;
const X = Float32Array.from({ length: 2 * ROWS }, (_, i) => Math.sin(3 * i));
const Y = Float32Array.from({ length: ROWS }, (_, i) => X[2 * i] * X[2 * i + 1]);

async function train(backend: TestBackend, options: FitOptions, fits = 1) {
  const model = sequential({ seed: 5, layers: [dense({ units: 4, activation: "tanh", inputShape: [2] }), dense({ units: 1 })] });
  await model.compile({ optimizer: adam(0.05), loss: "meanSquaredError", backend });
  const histories = [];
  for (let i = 0; i < fits; i++) histories.push(await model.fit(X, Y, { batchSize: 4, ...options }));
  const weights = (await model.getWeights()).map(({ data }) => [...data]);
  model.dispose();
  return { weights, loss: histories.flatMap(({ history }) => history.loss), steps: histories.reduce((n, { steps }) => n + steps, 0) };
}

describe.each(BACKENDS)("%s", (backend) => {
  it.each([true, false])("shuffle %s: the weights and losses of epochs one by one, bit for bit", async (shuffle) => {
    const ahead = await train(backend, { epochs: EPOCHS, shuffle });
    const paused = await train(backend, { epochs: EPOCHS, shuffle, callbacks: { onEpochEnd() {} } });
    const apart = await train(backend, { epochs: 1, shuffle }, EPOCHS);
    expect(ahead).toEqual(paused);
    expect(ahead).toEqual(apart);
    expect(ahead.loss).toHaveLength(EPOCHS);
    expect(ahead.steps).toBe(3 * EPOCHS);
  });

  it("control: another order of the rows gives other weights", async () => {
    expect((await train(backend, { epochs: EPOCHS })).weights).not.toEqual(
      (await train(backend, { epochs: EPOCHS, shuffle: false })).weights,
    );
  });
});

describeGpu("dispatches", () => {
  it("hundreds of epochs of four rows take few", async (context) => {
    await needsPersistent(context);
    const dispatch = vi.spyOn(GPUComputePassEncoder.prototype, "dispatchWorkgroups");
    const { steps } = await train("webgpu", { epochs: 300, batchSize: ROWS });
    expect(steps).toBe(300);
    expect(dispatch.mock.calls.length).toBeLessThan(20);
    dispatch.mockRestore();
  });
});
