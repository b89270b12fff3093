// A callback that sets model.learningRate or model.stopTraining, or returns a promise: it counts from the next mini-batch on, whatever
// steps were under way. What is right is trained with a schedule that says the same, or with as many steps.

import { describe, expect, it } from "vitest";
import {
  adam,
  dense,
  InputError,
  piecewiseConstantDecay,
  trainInWorker,
  type FitOptions,
  type Schedule,
  type Sequential,
} from "../../../src/index.ts";
import { BACKENDS, compiledModel, noise, sameWeights } from "../../support/models.ts";

const ROWS = 80,
  X = noise(ROWS * 3, 91),
  Y = noise(ROWS * 2, 92),
  PER_EPOCH = 20;
const FIT = { epochs: 4, batchSize: 4 };
/** Wide enough, and small enough to stay on the device. */
const NETWORKS = [70, 6] as const;
const hasWorkers = typeof document !== "undefined";
const ways = [["fit()", false], ...(hasWorkers ? [["trainInWorker()", true] as const] : [])] as const;

describe.each(BACKENDS)("on %s", (backend) =>
  describe.each(NETWORKS)("%i units", (units) =>
    describe.each(ways)("%s", (_, there) => {
      const declare = (learningRate: number | Schedule = 0.05) =>
        compiledModel(
          { seed: 1, layers: [dense({ units, activation: "tanh", inputShape: [3] }), dense({ units: 2 })] },
          { optimizer: adam({ learningRate }), loss: "meanSquaredError", backend },
        );
      const fit = (model: Sequential, options: FitOptions) => (there ? trainInWorker(model, X, Y, options) : model.fit(X, Y, options));
      const moment = () => new Promise((resolve) => setTimeout(resolve, 1));

      it.each([0, 37, 59, 79])("another η in onBatchEnd of step %i is that of a stair", async (at) => {
        const model = await declare(),
          stair = await declare(piecewiseConstantDecay({ boundaries: [at], values: [0.05, 0.001] }));
        const losses: [number[], number[]] = [[], []];
        let step = 0;
        await fit(model, {
          ...FIT,
          callbacks: {
            onBatchEnd(_batch, { loss }) {
              losses[0].push(loss);
              if (step++ === at) model.learningRate = 0.001;
            },
          },
        });
        await stair.fit(X, Y, { ...FIT, callbacks: { onBatchEnd: (_batch, { loss }) => void losses[1].push(loss) } });
        expect(losses[0]).toEqual(losses[1]);
        expect(sameWeights(await model.getWeights(), await stair.getWeights())).toBe(true);
        // Control: a step later is something else.
        const later = await declare(piecewiseConstantDecay({ boundaries: [at + 1], values: [0.05, 0.001] }));
        await later.fit(X, Y, FIT);
        expect(sameWeights(await model.getWeights(), await later.getWeights())).toBe(at === 79);
      });

      it("η that is read in every onBatchEnd and made smaller is that of so many steps", async () => {
        const model = await declare(),
          rates: number[] = [];
        await fit(model, {
          ...FIT,
          epochs: 1,
          callbacks: {
            onBatchEnd: () => {
              rates.push((model.learningRate *= 0.9));
            },
          },
        });
        let rate = 0.05;
        expect(rates).toEqual(Array.from({ length: PER_EPOCH }, () => (rate *= 0.9)));
        const stair = await declare(piecewiseConstantDecay({ boundaries: rates.map((_r, i) => i), values: [0.05, ...rates] }));
        await stair.fit(X, Y, { ...FIT, epochs: 1 });
        expect(sameWeights(await model.getWeights(), await stair.getWeights())).toBe(true);
      });

      it("another η in onEpochEnd is that of the next epoch", async () => {
        const model = await declare(),
          stair = await declare(piecewiseConstantDecay({ boundaries: [39], values: [0.05, 0.001] }));
        await fit(model, {
          ...FIT,
          callbacks: {
            onEpochEnd(epoch) {
              if (epoch === 1) model.learningRate = 0.001;
            },
          },
        });
        await stair.fit(X, Y, FIT);
        expect(sameWeights(await model.getWeights(), await stair.getWeights())).toBe(true);
      });

      it.each([0, 37, 39])("stopTraining in onBatchEnd of step %i leaves exactly the steps before it", async (at) => {
        const model = await declare();
        let seen = 0;
        const ended: number[] = [];
        const history = await fit(model, {
          ...FIT,
          callbacks: {
            onBatchEnd: () => {
              if (seen++ === at) model.stopTraining = true;
            },
            onEpochEnd: (epoch) => void ended.push(epoch),
          },
        });
        expect(history).toMatchObject({ steps: at + 1, stopped: true, epochs: Math.floor((at + 1) / PER_EPOCH) });
        expect([seen, ended.length, model.stopTraining]).toEqual([at + 1, history.epochs, true]);
        const stopped = await model.getWeights(),
          same: boolean[] = [];
        for (const steps of [at + 1, at + 2]) {
          const calm = await declare();
          if (steps >= PER_EPOCH) await calm.fit(X, Y, { ...FIT, epochs: Math.floor(steps / PER_EPOCH) });
          let rest = steps % PER_EPOCH;
          if (rest > 0)
            await calm.fit(X, Y, {
              ...FIT,
              epochs: 1,
              callbacks: {
                onBatchEnd: () => {
                  if (--rest === 0) calm.stopTraining = true;
                },
              },
            });
          same.push(sameWeights(stopped, await calm.getWeights()));
        }
        expect(same).toEqual([true, false]);
        // The next one runs.
        expect(await fit(model, { ...FIT, epochs: 1 })).toMatchObject({ stopped: false, epochs: 1 });
      });

      it("stopTraining in onEpochEnd ends it behind that epoch", async () => {
        const model = await declare(),
          calm = await declare();
        expect(
          await fit(model, {
            ...FIT,
            callbacks: {
              onEpochEnd: (epoch) => {
                model.stopTraining = epoch === 1;
              },
            },
          }),
        ).toMatchObject({ epochs: 2, stopped: true });
        await calm.fit(X, Y, { ...FIT, epochs: 2 });
        expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
      });

      it("an async onBatchEnd is waited for, and what it throws comes out", async () => {
        const model = await declare(),
          calm = await declare(),
          order: string[] = [];
        await fit(model, {
          ...FIT,
          epochs: 1,
          callbacks: {
            async onBatchEnd(batch) {
              order.push(`begins ${batch}`);
              await moment();
              order.push(`ends ${batch}`);
            },
          },
        });
        expect(order).toEqual(Array.from({ length: PER_EPOCH }, (_n, i) => [`begins ${i}`, `ends ${i}`]).flat());
        await calm.fit(X, Y, { ...FIT, epochs: 1 });
        expect(sameWeights(await model.getWeights(), await calm.getWeights())).toBe(true);
        const oops = new Error("the user's own");
        await expect(fit(model, { ...FIT, callbacks: { onBatchEnd: () => Promise.reject(oops) } })).rejects.toBe(oops);
      });
    }),
  ),
);

it("nothing that is assigned to a model is without effect", async () => {
  const model = await compiledModel(
    { layers: [dense({ units: 1, inputShape: [3] })] },
    { optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" },
  );
  expect(() => {
    model.stopTraining = true;
  }).toThrow(InputError);
  expect(() => {
    model.stopTraining = 1 as never;
  }).toThrow(/stopTraining must be true or false; got 1/);
  model.stopTraining = false;
  for (const name of ["optimizer", "loss", "trainable", "fit", "backend"]) {
    expect(() => {
      (model as unknown as Record<string, unknown>)[name] = 3;
    }, name).toThrow(TypeError);
  }
});
