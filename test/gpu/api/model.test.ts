// What a user does with a model apart from training it: weights in and out, answers, forms of data, metrics, tables.

import { describe, expect, it } from "vitest";
import { adam, dense, dropout, sequential, sgd, type Sequential } from "../../../src/index.ts";
import { ROUNDOFF, worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel, noise, numbersOf, sameWeights, setNumbers } from "../../support/models.ts";
import { feedForward, plainLayers } from "../../support/plain-network.ts";

const LAYERS = [dense({ units: 5, activation: "tanh", inputShape: [3] }), dense({ units: 2, activation: "sigmoid" })];

describe.each(BACKENDS)("on %s", (backend) => {
  const declare = (seed = 1): Promise<Sequential> =>
    compiledModel({ seed, layers: LAYERS }, { optimizer: sgd(0.5), loss: "meanSquaredError", backend });

  describe("weights", () => {
    it("come layer by layer, kernel (fan-in, fan-out) then bias, as copies", async () => {
      const model = await declare();
      const weights = await model.getWeights();
      expect(weights.map(({ name, shape }) => [name, shape])).toEqual([
        ["dense/kernel", [3, 5]],
        ["dense/bias", [5]],
        ["dense_1/kernel", [5, 2]],
        ["dense_1/bias", [2]],
      ]);
      expect(weights[0].data).toHaveLength(15);
      const first = weights[0].data[0];
      weights[0].data.fill(7);
      expect((await model.getWeights())[0].data[0]).toBe(first);
    });

    it("go back in bit for bit, also into another model and before it is compiled", async () => {
      const model = await declare(1),
        other = await declare(2),
        early = sequential({ layers: LAYERS, seed: 3 });
      const weights = await model.getWeights();
      expect(sameWeights(await other.getWeights(), weights)).toBe(false);
      await other.setWeights(weights);
      await early.setWeights(weights);
      await early.compile({ optimizer: "sgd", loss: "meanSquaredError", backend });
      for (const given of [other, early]) expect(sameWeights(await given.getWeights(), weights)).toBe(true);
      expect(await early.predict(noise(9, 5))).toEqual(await model.predict(noise(9, 5)));
      early.dispose();
    });

    it("are kept when a model is compiled once more, while its optimizer starts afresh", async () => {
      const x = noise(30, 5),
        y = noise(20, 6, 0.5).map((v) => v + 0.5),
        options = { batchSize: 5, shuffle: false };
      const recipe = { optimizer: adam(0.05), loss: "meanSquaredError", backend } as const;
      const model = await compiledModel({ seed: 1, layers: LAYERS }, recipe);
      await model.fit(x, y, options);
      const trained = await model.getWeights();
      await model.compile(recipe);
      expect(sameWeights(await model.getWeights(), trained)).toBe(true);
      const fresh = await compiledModel({ seed: 9, layers: LAYERS }, recipe);
      await fresh.setWeights(trained);
      for (const each of [model, fresh]) await each.fit(x, y, options);
      expect(sameWeights(await model.getWeights(), await fresh.getWeights())).toBe(true);
    });
  });

  // 128 rows at a time by default: one, one less than a batch, a batch, one more, and a third batch of another size.
  it.each([1, 127, 128, 129, 300])("predict() answers %i rows as a plain loop does, in order", async (rows) => {
    const model = await declare(),
      x = noise(rows * 3, rows, 2);
    const answers = await model.predict(x);
    const layers = plainLayers(await model.getWeights(), ["tanh", "sigmoid"]);
    const expected = Array.from({ length: rows }, (_, n) => feedForward(layers, [...x.subarray(3 * n, 3 * n + 3)]).a[2]);
    expect(worstError(answers, expected.flat())).toBeLessThanOrEqual(40 * ROUNDOFF);
    // Control: neighbouring rows do differ.
    if (rows > 1) expect(worstError(answers.subarray(0, 2), answers.subarray(2, 4))).toBeGreaterThan(1e-3);
  });

  it("rows at a time change neither answers nor, but for rounding, the average loss", async () => {
    const model = await declare(),
      x = noise(61 * 3, 7),
      y = noise(61 * 2, 8);
    const [answers, { loss }] = [await model.predict(x), await model.evaluate(x, y)];
    for (const batchSize of [1, 7, 60, 61, 1000]) {
      expect(await model.predict(x, { batchSize })).toEqual(answers);
      expect(worstError([(await model.evaluate(x, y, { batchSize })).loss], [loss])).toBeLessThanOrEqual(8 * ROUNDOFF);
    }
  });

  describe("forms of data", () => {
    it("numbers in any array, flat or in rows, are the same data", async () => {
      const model = await declare(),
        x = noise(12, 9),
        y = noise(8, 10);
      const rows = (flat: Float32Array, width: number) =>
        Array.from({ length: 4 }, (_, n) => [...flat.subarray(n * width, (n + 1) * width)]);
      const answers = await model.predict(x),
        logs = await model.evaluate(x, y);
      for (const form of [[...x], Float64Array.from(x), rows(x, 3), rows(x, 3).map((row) => Float32Array.from(row))]) {
        expect(await model.predict(form)).toEqual(answers);
      }
      expect(await model.evaluate(rows(x, 3), rows(y, 2))).toEqual(logs);
    });

    it("bytes with a scale are the scaled floats", async () => {
      const [fromBytes, fromFloats] = [await declare(), await declare()];
      // 7 rows of 3 are no whole number of words, and the view starts at an odd address.
      const bytes = Uint8Array.from({ length: 22 }, (_, i) => (i * 83) % 256).subarray(1);
      const y = noise(14, 11);
      // A power of two: the product is exact on either side.
      await fromBytes.fit(bytes, y, { scale: 1 / 256, epochs: 3, batchSize: 2 });
      await fromFloats.fit(
        Float32Array.from(bytes, (b) => b / 256),
        y,
        { epochs: 3, batchSize: 2 },
      );
      expect(sameWeights(await fromBytes.getWeights(), await fromFloats.getWeights())).toBe(true);
      // 1/255 is rounded, and so is the product.
      const scale = 1 / 255;
      const floats = Float32Array.from(bytes, (b) => b / 255);
      expect(worstError(await fromBytes.predict(bytes, { scale }), await fromFloats.predict(floats))).toBeLessThanOrEqual(20 * ROUNDOFF);
      expect(
        worstError([(await fromBytes.evaluate(bytes, y, { scale })).loss], [(await fromFloats.evaluate(floats, y)).loss]),
      ).toBeLessThanOrEqual(20 * ROUNDOFF);
      // Control: another scale gives other answers.
      expect(worstError(await fromBytes.predict(bytes, { scale: 1 / 128 }), await fromFloats.predict(floats))).toBeGreaterThan(1e-3);
    });
  });

  describe("metrics", () => {
    it("accuracy of class indices and of one-hot rows is the share of rows whose largest answer is right", async () => {
      const layers = [dense({ units: 4, activation: "softmax", inputShape: [3] })] as const;
      const x = noise(40 * 3, 12),
        labels = Uint8Array.from({ length: 40 }, (_, i) => i % 4);
      const oneHot = Float32Array.from({ length: 160 }, (_, i) => Number(labels[Math.floor(i / 4)] === i % 4));
      const sparse = await compiledModel(
        { layers, seed: 4 },
        { optimizer: "sgd", loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"], backend },
      );
      const rows = await compiledModel(
        { layers, seed: 4 },
        { optimizer: "sgd", loss: "categoricalCrossentropy", metrics: ["acc"], backend },
      );
      const answers = await sparse.predict(x);
      const right = [...labels].filter((label, n) => {
        const row = answers.subarray(4 * n, 4 * n + 4);
        return row.indexOf(Math.max(...row)) === label;
      }).length;
      expect(right).toBeGreaterThan(0);
      expect(right).toBeLessThan(40);
      const logs = await sparse.evaluate(x, labels);
      expect(worstError([logs.accuracy], [right / 40])).toBeLessThanOrEqual(ROUNDOFF);
      const expected = [...labels].reduce((sum, label, n) => sum - Math.log(answers[4 * n + label]) / 40, 0);
      expect(worstError([logs.loss], [expected])).toBeLessThanOrEqual(40 * ROUNDOFF);
      expect(await rows.evaluate(x, oneHot)).toEqual(logs);
    });

    it("errors and binary accuracy are means over rows and outputs", async () => {
      const model = await compiledModel(
        { layers: LAYERS, seed: 4 },
        { optimizer: "sgd", loss: "halfSquaredError", metrics: ["mse", "meanAbsoluteError"], backend },
      );
      const x = noise(33 * 3, 13),
        y = noise(66, 14);
      const gaps = (await model.predict(x)).map((a, i) => a - y[i]);
      const logs = await model.evaluate(x, y);
      const mean = (of: (gap: number) => number) => [...gaps].reduce((sum, gap) => sum + of(gap), 0) / 66;
      expect(Object.keys(logs)).toEqual(["loss", "meanSquaredError", "meanAbsoluteError"]);
      expect(
        worstError([logs.meanSquaredError, logs.meanAbsoluteError, logs.loss], [mean((e) => e * e), mean(Math.abs), mean((e) => e * e)]),
      ).toBeLessThanOrEqual(40 * ROUNDOFF);
      const binary = await compiledModel(
        { layers: [dense({ units: 1, activation: "sigmoid", inputShape: [3] })], seed: 4 },
        { optimizer: "sgd", loss: "binaryCrossentropy", metrics: ["accuracy"], backend },
      );
      const truth = Uint8Array.from({ length: 33 }, (_, i) => i % 2);
      const right = [...(await binary.predict(x))].filter((a, n) => Number(a > 0.5) === truth[n]).length;
      expect(worstError([(await binary.evaluate(x, truth)).accuracy], [right / 33])).toBeLessThanOrEqual(ROUNDOFF);
    });
  });

  it("says what it is: summary(), plan, backend, adapter", async () => {
    const model = await compiledModel(
      {
        layers: [
          dense({ units: 16, activation: "relu", inputShape: [784], name: "hidden" }),
          dropout({ rate: 0.25 }),
          dense({ units: 10, activation: "softmax" }),
        ],
      },
      { optimizer: "adam", loss: "sparseCategoricalCrossentropy", backend },
    );
    expect(model.summary()).toMatch(
      /hidden +dense +\(batch, 16\) +12560\n.*relu[^]*dropout 0\.25[^]*dense_1[^]*170\n[^]*12,730 parameters$/,
    );
    expect(model.backend).toBe(backend);
    expect(model.adapter.length).toBeGreaterThan(0);
    // Adam keeps two numbers beside each weight.
    expect(model.plan.bytes).toMatchObject({ parameters: 12730 * 4, optimizer: 2 * 12730 * 4 });
    expect(model.plan.bytes.withReuse).toBeLessThanOrEqual(model.plan.bytes.withoutReuse);
    expect(model.plan.launchesPerStep > 0).toBe(backend !== "wasm");
    // The plan is that of the last fit(), of 32 rows before there was one.
    expect(model.plan.toString()).toMatch(
      backend === "wasm" ? /^train step, batch 32: \d+ stages, any number of steps in one call\n/ : /^train step, batch 32: \d+ launches\n/,
    );
    expect(model.plan.toDot()).toMatch(/^digraph plan \{[^]*\}$/);
    await model.fit(new Float32Array(784 * 5), [0, 1, 2, 3, 4], { batchSize: 5 });
    expect(model.plan.toString()).toMatch(/^train step, batch 5: /);
  });

  it("starts from the seed's weights, other seeds from others", async () => {
    const [one, same, two] = [await numbersOf(await declare(1)), await numbersOf(await declare(1)), await numbersOf(await declare(2))];
    expect(same).toEqual(one);
    expect(two).not.toEqual(one);
    // Biases start at zero whatever the seed.
    expect(two[1]).toEqual(one[1]);
  });

  it("layers can be added one by one", async () => {
    const [whole, piecemeal] = [await declare(), sequential({ seed: 1 })];
    for (const layer of LAYERS) piecemeal.add(layer);
    await piecemeal.compile({ optimizer: sgd(0.5), loss: "meanSquaredError", backend });
    expect(await numbersOf(piecemeal)).toEqual(await numbersOf(whole));
    await setNumbers(piecemeal, await numbersOf(whole));
    piecemeal.dispose();
  });
});
