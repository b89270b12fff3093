// Code written for TensorFlow.js' Layers API runs with the import changed: its namespaces, its argument order, a
// compile() that nobody awaits, options that it passes by habit.

import { expect, it, vi } from "vitest";
import * as tf from "../../src/index.ts";

const XOR = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];
const ANSWERS = [0, 1, 1, 0];

it("trains XOR as TensorFlow.js code does", async () => {
  const print = vi.spyOn(console, "log").mockImplementation(() => {});
  const model = tf.sequential({ seed: 1 });
  model.add(
    tf.layers.dense({
      units: 8,
      activation: "tanh",
      inputShape: [2],
      kernelRegularizer: tf.regularizers.l2({ l2: 1e-5 }),
      kernelInitializer: tf.initializers.glorotUniform(),
    }),
  );
  model.add(tf.layers.dense({ units: 1, activation: "sigmoid" }));
  void model.compile({ optimizer: tf.train.adam(0.05), loss: "binaryCrossentropy", metrics: ["accuracy"], backend: "cpu" });
  const { history } = await model.fit(XOR, ANSWERS, { epochs: 120, batchSize: 4, verbose: 1 });
  expect(history.accuracy.at(-1)).toBe(1);
  expect(print.mock.calls.length).toBe(120);
  expect(print.mock.calls[119][0]).toMatch(/^epoch 120\/120 {2}loss 0\.\d{4} {2}accuracy 1\.0000$/);
  print.mockRestore();
  model.dispose();
});

it("prints nothing unless asked", async () => {
  const print = vi.spyOn(console, "log").mockImplementation(() => {});
  const model = tf.sequential({ layers: [tf.dense({ units: 1, inputShape: [2] })] });
  await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
  await model.fit(XOR, ANSWERS);
  expect(print).not.toHaveBeenCalled();
  print.mockRestore();
});

it("takes optimizers in TensorFlow.js' argument order", () => {
  expect(tf.train.momentum(0.1, 0.9)).toEqual(tf.sgd({ learningRate: 0.1, momentum: 0.9 }));
  expect(tf.train.adam(0.1, 0.8, 0.99, 1e-8)).toEqual(tf.adam({ learningRate: 0.1, beta1: 0.8, beta2: 0.99, epsilon: 1e-8 }));
  expect(tf.train.rmsprop(0.1, 0.8)).toEqual(tf.rmsprop({ learningRate: 0.1, rho: 0.8 }));
  expect(tf.train.adagrad(0.1, 0.2)).toEqual(tf.adagrad({ learningRate: 0.1, initialAccumulatorValue: 0.2 }));
  expect(tf.train.adadelta(0.1, 0.9, 1e-6)).toEqual(tf.adadelta({ learningRate: 0.1, rho: 0.9, epsilon: 1e-6 }));
  expect(tf.train.adamax()).toEqual(tf.adamax({ learningRate: 0.002 }));
  expect(tf.train.sgd(0.1)).not.toEqual(tf.sgd(0.2));
});

it("fit() after a compile() that failed says that the model is not compiled, and why", async () => {
  const model = tf.sequential({ layers: [tf.dense({ units: 1, inputShape: [2] })] });
  const compiling = model.compile({ optimizer: "sgd", loss: "categoricalCrossentropy", backend: "cpu" });
  const fitting = model.fit(XOR, ANSWERS);
  await expect(compiling).rejects.toThrow(/categoricalCrossentropy needs a last layer/);
  await expect(fitting).rejects.toThrow(/not compiled.*categoricalCrossentropy needs a last layer/);
});

it("a canvas' Uint8ClampedArray is bytes and asks for their scale, as a Uint8Array does", async () => {
  const model = tf.sequential({ layers: [tf.dense({ units: 1, inputShape: [2] })] });
  await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
  const pixels = Uint8ClampedArray.of(0, 255, 51, 102);
  await expect(model.predict(pixels)).rejects.toThrow(/Uint8ClampedArray; say what one unit is worth/);
  expect(await model.predict(pixels, { scale: 1 / 255 })).toEqual(await model.predict(Uint8Array.from(pixels), { scale: 1 / 255 }));
});
