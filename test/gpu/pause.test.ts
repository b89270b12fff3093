// pause() and resume(): fit() stands still between two steps, other calls go on, and the end is the same, bit for bit.

import { describe, expect, it } from "vitest";
import { adam, dense, type CompileOptions } from "../../src/index.ts";
import { BACKENDS, compiledModel, noise, sameWeights } from "../support/models.ts";
import { openLimited } from "./limited.ts";

const ROWS = 40;
const X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92);
const LAYERS = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dense({ units: 2 })];
const RECIPE: CompileOptions = { optimizer: adam(0.01), loss: "meanSquaredError" };
const FIT = { epochs: 6, batchSize: 4 };
const moment = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.each(BACKENDS)("on %s", (backend) => {
  it("stands still until resume(), at any step; weights and answers can be had meanwhile; the end is the same", async () => {
    const calm = await compiledModel({ layers: LAYERS, seed: 1 }, { ...RECIPE, backend });
    const calmHistory = await calm.fit(X, Y, FIT);
    for (const at of [1, 7, 10, 59]) {
      const model = await compiledModel({ layers: LAYERS, seed: 1 }, { ...RECIPE, backend });
      let batches = 0,
        standing: Promise<void> = Promise.resolve();
      const training = model.fit(X, Y, {
        ...FIT,
        callbacks: {
          onBatchEnd: () => {
            if (++batches === at) standing = model.pause();
          },
        },
      });
      while (batches < at) await moment(1);
      await standing;
      const then = batches,
        weights = await model.getWeights();
      await model.predict(X);
      await moment(20);
      expect(batches).toBe(then);
      expect(sameWeights(await model.getWeights(), weights)).toBe(true);
      model.resume();
      expect(await training).toEqual(calmHistory);
      expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
    }
  });

  it("abort and dispose() end a fit() that stands still; fit() can be called again", async () => {
    const model = await compiledModel({ layers: LAYERS, seed: 1 }, { ...RECIPE, backend });
    const abort = new AbortController();
    const training = model.fit(X, Y, { epochs: 100_000, batchSize: 4, signal: abort.signal });
    await moment(30);
    await model.pause();
    abort.abort();
    expect((await training).stopped).toBe(true);
    // Nothing is trained, so nothing stands still, and the next one runs.
    await model.pause();
    expect((await model.fit(X, Y)).stopped).toBe(false);
    const last = model.fit(X, Y, { epochs: 100_000, batchSize: 4 });
    await moment(30);
    await model.pause();
    model.dispose();
    await expect(last).rejects.toThrow(/disposed/);
  });
});

it("an abort at every boundary of a short run leaves valid weights and no memory behind", async () => {
  const { model, alive } = await openLimited({ layers: LAYERS, seed: 1 }, RECIPE),
    bare = await alive();
  for (let at = 1; at <= 12; at++) {
    const abort = new AbortController();
    let batches = 0;
    const { steps } = await model.fit(X, Y, {
      epochs: 2,
      batchSize: 7,
      signal: abort.signal,
      callbacks: { onBatchEnd: () => void (++batches === at && abort.abort()) },
    });
    expect(steps).toBeGreaterThanOrEqual(at);
    expect(await alive()).toBe(bare);
    expect((await model.getWeights()).every(({ data }) => data.every(Number.isFinite))).toBe(true);
  }
});
