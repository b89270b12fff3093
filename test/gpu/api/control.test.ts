// Training under way: callbacks, stopping, what else may be done meanwhile, errors of the user's own, and the end of a model.

import { describe, expect, it } from "vitest";
import { dense, InputError, sequential, sgd, type Callbacks, type Sequential } from "../../../src/index.ts";
import { BACKENDS, compiledModel, noise, sameWeights } from "../../support/models.ts";

const ROWS = 60;
const X = noise(ROWS * 3, 71),
  Y = noise(ROWS * 2, 72);
const LAYERS = [dense({ units: 6, activation: "tanh", inputShape: [3] }), dense({ units: 2 })];
const IN_ORDER = { batchSize: 2, shuffle: false };

describe.each(BACKENDS)("on %s", (backend) => {
  const recipe = { optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }), loss: "meanSquaredError", backend } as const;
  const declare = () => compiledModel({ seed: 1, layers: LAYERS }, recipe);
  const afterSteps = async (model: Sequential, steps: number) => {
    const [epochs, rest] = [Math.floor(steps / 30), steps % 30];
    if (epochs > 0) await model.fit(X, Y, { ...IN_ORDER, epochs });
    if (rest > 0) await model.fit(X.slice(0, rest * 6), Y.slice(0, rest * 4), IN_ORDER);
    return model.getWeights();
  };

  it("calls back in order: training, epochs, batches", async () => {
    const calls: string[] = [];
    const log = (...words: (string | number)[]) => void calls.push(words.join(" "));
    const model = await declare();
    await model.fit(X.slice(0, 15), Y.slice(0, 10), {
      batchSize: 2,
      epochs: 2,
      validationSplit: 0.2,
      callbacks: {
        onTrainBegin: () => log("train begins"),
        onEpochBegin: (epoch) => log("epoch begins", epoch),
        onBatchEnd: (batch, { size }) => log("batch", batch, "of", size),
        onEpochEnd: (epoch, logs) => log("epoch ends", epoch, Object.keys(logs).join()),
        onTrainEnd: () => log("train ends"),
      },
    });
    const epoch = (n: number) => [`epoch begins ${n}`, "batch 0 of 2", "batch 1 of 2", `epoch ends ${n} loss,val_loss`];
    expect(calls).toEqual(["train begins", ...epoch(0), ...epoch(1), "train ends"]);
  });

  it("waits for asynchronous callbacks, and keeps `this`", async () => {
    const order: string[] = [];
    const slow: Callbacks & { name: string } = {
      name: "slow",
      async onEpochEnd(this: { name: string }, epoch) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push(`${this.name} ${epoch}`);
      },
      onEpochBegin: (epoch) => void order.push(`begins ${epoch}`),
    };
    await (await declare()).fit(X, Y, { epochs: 2, callbacks: slow });
    expect(order).toEqual(["begins 0", "slow 0", "begins 1", "slow 1"]);
  });

  describe("stopping by signal", () => {
    it("stops at a step boundary, resolves, and leaves exactly the steps that it reports", async () => {
      const model = await declare(),
        stop = new AbortController();
      let seen = 0;
      const history = await model.fit(X, Y, {
        ...IN_ORDER,
        epochs: 100,
        signal: stop.signal,
        callbacks: {
          onBatchEnd() {
            if (++seen === 37) stop.abort();
          },
        },
      });
      expect(history.stopped).toBe(true);
      expect(history.steps).toBeGreaterThanOrEqual(37);
      expect(history.steps).toBeLessThan(3000);
      expect(history.epochs).toBe(Math.floor(history.steps / 30));
      expect(history.history.loss).toHaveLength(history.epochs);
      expect(sameWeights(await model.getWeights(), await afterSteps(await declare(), history.steps))).toBe(true);
      // Control: one step more would be other weights.
      expect(sameWeights(await model.getWeights(), await afterSteps(await declare(), history.steps + 1))).toBe(false);
    });

    it("goes on with another fit() as if nothing had been", async () => {
      const model = await declare(),
        stop = new AbortController();
      const first = await model.fit(X, Y, {
        ...IN_ORDER,
        epochs: 100,
        signal: stop.signal,
        callbacks: { onEpochEnd: (epoch) => void (epoch === 1 && stop.abort()) },
      });
      expect(first).toMatchObject({ stopped: true, epochs: 2, steps: 60 });
      const second = await model.fit(X, Y, IN_ORDER);
      expect(second).toMatchObject({ stopped: false, epochs: 1, steps: 30 });
      expect(sameWeights(await model.getWeights(), await afterSteps(await declare(), 90))).toBe(true);
    });

    // A page lives by its timers and clicks: training must let them through, however short its epochs are.
    it("hears a signal that a timer gives, also when epochs are of one step", async () => {
      const model = await declare(),
        stop = new AbortController();
      const { stopped, epochs } = await model.fit(X, Y, {
        batchSize: ROWS,
        epochs: 20_000,
        signal: stop.signal,
        callbacks: { onTrainBegin: () => void setTimeout(() => stop.abort(), 50) },
      });
      expect(stopped).toBe(true);
      expect(epochs).toBeGreaterThan(0);
      expect(epochs).toBeLessThan(20_000);
    });

    it("does nothing at all if the signal was already given, but to say so", async () => {
      const model = await declare(),
        before = await model.getWeights(),
        calls: string[] = [];
      const history = await model.fit(X, Y, {
        signal: AbortSignal.abort(),
        callbacks: {
          onTrainBegin: () => void calls.push("begin"),
          onEpochBegin: () => void calls.push("epoch"),
          onTrainEnd: () => void calls.push("end"),
        },
      });
      expect(history).toEqual({ history: {}, epochs: 0, steps: 0, stopped: true });
      expect(calls).toEqual(["begin", "end"]);
      expect(sameWeights(await model.getWeights(), before)).toBe(true);
    });
  });

  describe("while training", () => {
    it("predict(), evaluate() and getWeights() may be called, and change nothing of the training", async () => {
      const model = await declare(),
        answers: number[] = [];
      const training = model.fit(X, Y, {
        ...IN_ORDER,
        epochs: 5,
        callbacks: {
          async onEpochEnd() {
            answers.push((await model.predict(X))[0]);
          },
        },
      });
      const meanwhile = await Promise.all([model.predict(X.slice(0, 9)), model.evaluate(X, Y), model.getWeights()]);
      expect((await training).steps).toBe(150);
      expect(meanwhile[0].every(Number.isFinite)).toBe(true);
      expect(Number.isFinite(meanwhile[1].loss)).toBe(true);
      expect(new Set(answers).size).toBe(5);
      expect(answers.at(-1)).toBe((await model.predict(X))[0]);
      expect(sameWeights(await model.getWeights(), await afterSteps(await declare(), 150))).toBe(true);
    });

    it("a second fit(), setWeights() and compile() are refused, and training goes on", async () => {
      const model = await declare(),
        weights = await model.getWeights();
      const stop = new AbortController();
      const training = model.fit(X, Y, { ...IN_ORDER, epochs: 100_000, signal: stop.signal });
      for (const attempt of [() => model.fit(X, Y), () => model.setWeights(weights), () => model.compile(recipe)]) {
        await expect(attempt()).rejects.toThrow(InputError);
        await expect(attempt()).rejects.toThrow(/model is training\. Wait for fit\(\) or abort it/);
      }
      stop.abort();
      const { steps } = await training;
      expect(sameWeights(await model.getWeights(), await afterSteps(await declare(), steps))).toBe(true);
    });
  });

  describe("an error thrown by a callback", () => {
    const oops = new Error("the user's own");
    const thrower = (): never => {
      throw oops;
    };

    it.each(["onTrainBegin", "onEpochBegin", "onBatchEnd", "onEpochEnd", "onTrainEnd"] as const)(
      "%s: comes out of fit(), and the model stays usable",
      async (name) => {
        const model = await declare();
        await expect(model.fit(X, Y, { ...IN_ORDER, epochs: 3, callbacks: { [name]: thrower } })).rejects.toBe(oops);
        // A submit may still have been under way: nothing of it may surface later, and training can go on.
        await new Promise((resolve) => setTimeout(resolve, 50));
        const { history, steps } = await model.fit(X, Y, IN_ORDER);
        expect(steps).toBe(30);
        expect(Number.isFinite(history.loss[0])).toBe(true);
      },
    );

    it("thrown by onBatchEnd while submits overlap: whole steps are left behind, and it is not called again", async () => {
      const model = await declare();
      let seen = 0;
      await expect(
        model.fit(X, Y, { ...IN_ORDER, epochs: 50, callbacks: { onBatchEnd: () => (++seen === 200 ? thrower() : undefined) } }),
      ).rejects.toBe(oops);
      expect(seen).toBe(200);
      // Steps under way are finished: 200 in all, or up to the end of that epoch, the seventh.
      const weights = await model.getWeights();
      const possible = await declare(),
        ends: boolean[] = [sameWeights(weights, await afterSteps(possible, 180))];
      for (let step = 0; step < 30; step++) {
        await possible.fit(X.slice(step * 6, step * 6 + 6), Y.slice(step * 4, step * 4 + 4), IN_ORDER);
        ends.push(sameWeights(weights, await possible.getWeights()));
      }
      expect(ends.filter(Boolean)).toHaveLength(1);
      expect(ends.indexOf(true)).toBeGreaterThanOrEqual(20);
    });
  });

  describe("the end of a model", () => {
    it("dispose() twice is harmless, and every use after it is a clear error", async () => {
      const model = await declare(),
        weights = await model.getWeights();
      model.dispose();
      model.dispose();
      const uses: Record<string, () => unknown> = {
        compile: () => model.compile(recipe),
        fit: () => model.fit(X, Y),
        evaluate: () => model.evaluate(X, Y),
        predict: () => model.predict(X),
        getWeights: () => model.getWeights(),
        setWeights: () => model.setWeights(weights),
        verify: () => model.verify(X, Y),
        gradientCheck: () => model.gradientCheck(X, Y),
        plan: () => model.plan,
      };
      for (const [name, use] of Object.entries(uses)) {
        const error: unknown = await Promise.resolve()
          .then(use)
          .then(
            () => null,
            (reason: unknown) => reason,
          );
        expect(error, name).toBeInstanceOf(InputError);
        expect(String(error), name).toMatch(new RegExp(`${name}\\(?.*the model was disposed\\. Make a new one`));
      }
    });

    it("dispose() of a model never compiled is harmless", () => {
      const model = sequential({ layers: LAYERS });
      model.dispose();
      expect(() => model.dispose()).not.toThrow();
    });

    it("dispose() during fit() ends it with an error, soon, and without a stray rejection", async () => {
      const model = await declare();
      let batches = 0;
      const training = model.fit(X, Y, { ...IN_ORDER, epochs: 2000, callbacks: { onBatchEnd: () => void batches++ } });
      const ended = training.then(
        () => "resolved",
        (error: unknown) => error,
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
      model.dispose();
      const outcome = await Promise.race([ended, new Promise((resolve) => setTimeout(() => resolve("still running"), 5000))]);
      expect(outcome).toBeInstanceOf(InputError);
      expect(String(outcome)).toMatch(/disposed/);
      expect(batches).toBeLessThan(30 * 2000);
    });
  });

  it("calls that need a loss say to compile first", async () => {
    const model = sequential({ layers: LAYERS });
    for (const call of [() => model.fit(X, Y), () => model.evaluate(X, Y)]) {
      await expect(call()).rejects.toThrow(InputError);
      await expect(call()).rejects.toThrow(/not compiled\. Call await model\.compile/);
    }
    expect(await model.getWeights()).toHaveLength(4);
  });
});
