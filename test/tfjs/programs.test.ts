// Programs as people write them for TensorFlow.js, run by TensorFlow.js itself and by deltaprop/tfjs from the same weights, rows in the
// same order: losses, metrics, predictions and what callbacks see are equal.

import "@tensorflow/tfjs-backend-cpu";
import * as core from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import * as tfjsLayers from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { gru as coreGru, sequential as coreSequential, UnsupportedError } from "../../src/index.ts";
import * as ours from "../../src/tfjs/index.ts";

type TF = typeof ours;
const { sequential, layers, regularizers, initializers, metrics, callbacks, CustomCallback } = tfjsLayers;
const theirs = { ...core, sequential, layers, regularizers, initializers, metrics, callbacks, CustomCallback } as unknown as TF;

beforeAll(async () => {
  await core.setBackend("cpu");
  await ours.setBackend("wasm");
});

/** Fixed numbers in ±1. */
const numbers = (count: number, at = 0): number[] => Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + at + 1)) * 0.9);

interface Outcome {
  losses: Record<string, number[]>;
  epochs: number[];
  seen: number[];
}

/** Weights that do not depend on who draws them; a variance is above 0. */
function start(tf: TF, model: ours.Sequential): void {
  const names = model.weights.map(({ name }) => name);
  model.setWeights(
    model.getWeights().map((w, i) => {
      const values = numbers(w.size, 100 * i);
      return tf.tensor(/moving_variance/.test(names[i]) ? values.map((value) => Math.abs(value) + 0.2) : values, w.shape);
    }),
  );
}

function rows(tf: TF, count: number, features: number): ours.Tensor {
  return tf.tensor2d(numbers(count * features), [count, features]);
}
const labelsOf = (count: number, classes: number): number[] => Array.from({ length: count }, (_, i) => (i * 7 + 3) % classes);

async function finish(tf: TF, model: ours.Sequential, x: ours.Tensor, y: ours.Tensor, args: object): Promise<Outcome> {
  start(tf, model);
  const seen: number[] = [],
    { history, epoch } = await model.fit(x, y, {
      shuffle: false,
      ...args,
      callbacks: {
        onEpochEnd: () => {
          seen.push(...model.predict(x).slice(0, 2).dataSync());
        },
      },
    });
  seen.push(...model.predict(x).dataSync(), ...[model.evaluate(x, y)].flat().map((scalar) => scalar.dataSync()[0]));
  return { losses: history, epochs: epoch, seen };
}

const PROGRAMS: Record<string, (tf: TF) => Promise<Outcome>> = {
  "flowers in three classes": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 30, 4),
      y = tf.oneHot(tf.tensor1d(labelsOf(30, 3), "int32"), 3);
    model.add(tf.layers.dense({ units: 10, activation: "sigmoid", inputShape: [x.shape[1]] }));
    model.add(tf.layers.dense({ units: 3, activation: "softmax" }));
    model.compile({ optimizer: tf.train.adam(0.01, 0.9, 0.999, 1e-10), loss: "categoricalCrossentropy", metrics: ["accuracy"] });
    return finish(tf, model, x, y, { epochs: 4, validationData: [x.slice(0, 9), y.slice(0, 9)] });
  },
  "prices, with a part for validation": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 50, 6),
      y = tf.tensor1d(numbers(50, 7));
    model.add(tf.layers.dense({ inputDim: 6, units: 12, activation: "tanh", kernelInitializer: "leCunNormal" }));
    model.add(tf.layers.dense({ units: 1, kernelRegularizer: tf.regularizers.l2({ l2: 0.1 }) }));
    model.compile({ optimizer: tf.train.sgd(0.05), loss: "meanSquaredError", metrics: ["mse", tf.metrics.meanAbsoluteError] });
    return finish(tf, model, x, y, { epochs: 3, batchSize: 8, validationSplit: 0.2 });
  },
  "classes that weigh differently, with a part for validation": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 30, 4),
      y = tf.oneHot(tf.tensor1d(labelsOf(30, 3), "int32"), 3);
    model.add(tf.layers.dense({ units: 7, activation: "relu", inputShape: [4] }));
    model.add(tf.layers.dense({ units: 3, activation: "softmax", kernelRegularizer: tf.regularizers.l2({ l2: 0.1 }) }));
    model.compile({ optimizer: tf.train.sgd(0.1), loss: "categoricalCrossentropy", metrics: ["accuracy"] });
    return finish(tf, model, x, y, { epochs: 3, batchSize: 8, validationSplit: 0.2, classWeight: { 0: 1, 1: 4, 2: 0.25, 7: 9 } });
  },
  "yes or no, of which yes is rare": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 20, 3),
      y = tf.tensor1d(labelsOf(20, 5).map((label) => Number(label === 1)));
    model.add(tf.layers.dense({ units: 1, activation: "sigmoid", inputShape: [3] }));
    model.compile({ optimizer: tf.train.sgd(0.3), loss: "binaryCrossentropy", metrics: ["accuracy"] });
    return finish(tf, model, x, y, { epochs: 4, batchSize: 6, classWeight: { 0: 0.6, 1: 2.5 } });
  },
  "class indices that weigh differently": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 20, 3),
      y = tf.tensor1d(labelsOf(20, 4));
    model.add(tf.layers.dense({ units: 4, activation: "softmax", inputShape: [3] }));
    model.compile({ optimizer: tf.train.sgd(0.3), loss: "sparseCategoricalCrossentropy" });
    return finish(tf, model, x, y, {
      epochs: 2,
      validationData: [x.slice(0, 9), y.slice(0, 9)],
      classWeight: { 0: 0.6, 1: 2.5, 2: 1, 3: 7 },
    });
  },
  "layers by name and place, weights set one layer at a time": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 10, 3),
      y = rows(tf, 10, 1);
    model.add(tf.layers.dense({ units: 4, activation: "tanh", inputShape: [3], name: "body" }));
    model.add(tf.layers.dense({ units: 1, name: "head" }));
    model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
    await finish(tf, model, x, y, { epochs: 1 });
    const [body, head] = [model.getLayer("body"), model.getLayer(1)];
    head.setWeights(head.getWeights().map((w) => tf.tensor(numbers(w.size, 5), w.shape)));
    const { history, epoch } = await model.fit(x, y, { epochs: 2, shuffle: false });
    const seen = [...body.getWeights(), ...model.layers[1].getWeights()].flatMap((w) => [...w.dataSync()]);
    return { losses: history, epochs: epoch, seen };
  },
  "exclusive or": async (tf) => {
    const x = tf.tensor2d([
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ]),
      y = tf.tensor2d([[0], [1], [1], [0]]);
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 8, activation: "relu", batchInputShape: [null, 2] }),
        tf.layers.dense({ units: 1, activation: "sigmoid" }),
      ],
    });
    model.compile({ optimizer: tf.train.momentum(0.1, 0.9), loss: "binaryCrossentropy", metrics: "accuracy" });
    return finish(tf, model, x, y, { epochs: 20, batchSize: 4 });
  },
  "class indices, adagrad by name, flatten and layers of activations": async (tf) => {
    const model = tf.sequential(),
      x = tf.tensor3d(numbers(20 * 6), [20, 2, 3]),
      y = tf.tensor1d(labelsOf(20, 4));
    model.add(tf.layers.flatten({ inputShape: [2, 3] }));
    model.add(tf.layers.dense({ units: 5, useBias: false }));
    model.add(tf.layers.activation({ activation: "elu" }));
    model.add(tf.layers.dense({ units: 4 }));
    model.add(tf.layers.softmax());
    model.compile({ optimizer: "adagrad", loss: "sparseCategoricalCrossentropy", metrics: ["acc"] });
    return finish(tf, model, x, y, { epochs: 3, batchSize: 7 });
  },
  "logits with a loss given as a function": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 12, 3),
      y = tf.tensor2d(labelsOf(12, 2), [12, 1]);
    model.add(tf.layers.dense({ units: 1, inputShape: [3], activation: "linear" }));
    model.compile({ optimizer: tf.train.rmsprop(0.01, 0.8), loss: tf.losses.sigmoidCrossEntropy });
    return finish(tf, model, x, y, { epochs: 3, batchSize: 5 });
  },
  ...Object.fromEntries(
    [
      "meanAbsoluteError",
      "meanAbsolutePercentageError",
      "meanSquaredLogarithmicError",
      "logcosh",
      "squaredHinge",
      "hinge",
      "kullbackLeiblerDivergence",
      "poisson",
    ].map((loss): [string, (tf: TF) => Promise<Outcome>] => [
      `regression by ${loss}`,
      async (tf) => {
        const isHinge = /inge/.test(loss),
          model = tf.sequential(),
          x = rows(tf, 20, 3);
        const y = tf.tensor2d(
          numbers(40, 9).map((value) => (isHinge ? Math.sign(value) : Math.abs(value) + 0.1)),
          [20, 2],
        );
        model.add(tf.layers.dense({ units: 6, activation: "tanh", inputShape: [3] }));
        model.add(tf.layers.dense({ units: 2, activation: isHinge ? "tanh" : loss.startsWith("k") ? "sigmoid" : "softplus" }));
        model.compile({ optimizer: tf.train.sgd(0.01), loss, metrics: ["mae"] });
        return finish(tf, model, x, y, { epochs: 3, batchSize: 6 });
      },
    ]),
  ),
  ...Object.fromEntries(
    (
      [
        ["adamax by name", () => "adamax"],
        ["adamax", (tf) => tf.train.adamax(0.01, 0.8, 0.9)],
      ] as [string, (tf: TF) => string | ours.Optimizer][]
    ).map(([name, optimizer]): [string, (tf: TF) => Promise<Outcome>] => [
      name,
      async (tf) => {
        const model = tf.sequential(),
          x = rows(tf, 25, 3),
          y = tf.tensor2d(numbers(50, 4), [25, 2]);
        model.add(tf.layers.dense({ units: 6, activation: "tanh", inputShape: [3] }));
        model.add(tf.layers.dense({ units: 2 }));
        model.compile({ optimizer: optimizer(tf), loss: "meanSquaredError" });
        return finish(tf, model, x, y, { epochs: 4, batchSize: 5 });
      },
    ]),
  ),
  "a layer that is not trained, and one that is frozen and set free between two calls of compile()": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 26, 5),
      y = tf.tensor2d(numbers(52, 4), [26, 2]);
    model.add(tf.layers.dense({ units: 8, inputShape: [5], activation: "tanh", trainable: false, kernelRegularizer: "l1l2" }));
    model.add(tf.layers.dense({ units: 6, activation: "relu" }));
    model.add(tf.layers.dense({ units: 2 }));
    const train = async () => {
      model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
      return finish(tf, model, x, y, { epochs: 3, batchSize: 8, shuffle: false });
    };
    const before = await train();
    model.layers[1].trainable = false;
    const frozen = await train();
    model.layers[0].trainable = model.layers[1].trainable = true;
    const free = await train();
    return { ...free, seen: [before, frozen, free].flatMap(({ seen }) => seen) };
  },
  "batch normalization between dense and its activation": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 26, 5),
      y = tf.oneHot(tf.tensor1d(labelsOf(26, 3), "int32"), 3);
    model.add(tf.layers.dense({ units: 8, inputShape: [5], useBias: false }));
    model.add(tf.layers.batchNormalization());
    model.add(tf.layers.activation({ activation: "relu" }));
    model.add(tf.layers.dense({ units: 3, activation: "softmax" }));
    model.compile({ optimizer: tf.train.sgd(0.1), loss: "categoricalCrossentropy", metrics: ["accuracy"] });
    // The last mini-batch of an epoch has two rows.
    return finish(tf, model, x, y, { epochs: 5, batchSize: 8, validationData: [x.slice(0, 9), y.slice(0, 9)] });
  },
  "batch normalization first, twice in a row and last, with all options": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 20, 4),
      y = tf.tensor2d(numbers(40, 9), [20, 2]);
    model.add(
      tf.layers.batchNormalization({
        inputShape: [4],
        axis: 1,
        momentum: 0.7,
        epsilon: 0.01,
        betaRegularizer: tf.regularizers.l2({ l2: 0.1 }),
      }),
    );
    model.add(tf.layers.dense({ units: 6, activation: "tanh" }));
    model.add(
      tf.layers.batchNormalization({
        axis: -1,
        gammaInitializer: "ones",
        betaInitializer: "zeros",
        movingMeanInitializer: "zeros",
        movingVarianceInitializer: "ones",
        gammaRegularizer: "l1l2",
      }),
    );
    model.add(tf.layers.batchNormalization({ momentum: 0 }));
    model.add(tf.layers.dense({ units: 2 }));
    model.add(tf.layers.batchNormalization({ momentum: 1, name: "last" }));
    model.compile({ optimizer: tf.train.momentum(0.05, 0.9), loss: "meanSquaredError" });
    return finish(tf, model, x, y, { epochs: 4, batchSize: 10, validationSplit: 0.25 });
  },
  "layer normalization of features": async (tf) => {
    const model = tf.sequential(),
      x = rows(tf, 20, 4),
      y = tf.tensor2d(numbers(40, 9), [20, 2]);
    model.add(tf.layers.layerNormalization({ inputShape: [4] }));
    model.add(tf.layers.dense({ units: 6, activation: "tanh" }));
    model.add(tf.layers.layerNormalization({ epsilon: 0.1, gammaRegularizer: tf.regularizers.l1({ l1: 0.02 }) }));
    model.add(tf.layers.layerNormalization({ axis: 1 }));
    model.add(tf.layers.dense({ units: 2 }));
    model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError", metrics: ["mae"] });
    return finish(tf, model, x, y, { epochs: 4, batchSize: 7 });
  },
  "a normalized sequence": async (tf) => {
    const model = tf.sequential(),
      x = tf.tensor3d(numbers(10 * 12), [10, 4, 3]),
      y = tf.tensor2d(numbers(20, 5), [10, 2]);
    model.add(tf.layers.batchNormalization({ inputShape: [4, 3] }));
    model.add(tf.layers.simpleRNN({ units: 5, returnSequences: true }));
    model.add(tf.layers.layerNormalization());
    model.add(tf.layers.simpleRNN({ units: 4 }));
    model.add(tf.layers.batchNormalization());
    model.add(tf.layers.dense({ units: 2 }));
    model.compile({ optimizer: tf.train.sgd(0.1), loss: tf.losses.meanSquaredError });
    return finish(tf, model, x, y, { epochs: 3, batchSize: 5 });
  },
  "a sequence": async (tf) => {
    const model = tf.sequential(),
      x = tf.tensor3d(numbers(10 * 12), [10, 4, 3]),
      y = tf.tensor2d(numbers(20, 5), [10, 2]);
    model.add(tf.layers.simpleRNN({ units: 5, inputShape: [4, 3], returnSequences: true }));
    model.add(tf.layers.simpleRNN({ units: 4, activation: "relu" }));
    model.add(tf.layers.dense({ units: 2 }));
    model.compile({ optimizer: tf.train.sgd(0.1), loss: tf.losses.meanSquaredError });
    return finish(tf, model, x, y, { epochs: 3, batchSize: 5 });
  },
  "an LSTM on another": async (tf) => {
    const model = tf.sequential(),
      x = tf.tensor3d(numbers(10 * 12), [10, 4, 3]),
      y = tf.tensor2d(numbers(20, 5), [10, 2]);
    model.add(tf.layers.lstm({ units: 5, inputShape: [4, 3], returnSequences: true }));
    model.add(
      tf.layers.lstm({ units: 4, recurrentActivation: "tanh", activation: "relu", useBias: false, recurrentDropout: 0, implementation: 2 }),
    );
    model.add(tf.layers.dense({ units: 2 }));
    model.compile({ optimizer: tf.train.sgd(0.1), loss: tf.losses.meanSquaredError });
    return finish(tf, model, x, y, { epochs: 3, batchSize: 5 });
  },
  "GRUs of one unit, whose two forms are the same": async (tf) => {
    const model = tf.sequential(),
      x = tf.tensor3d(numbers(10 * 12), [10, 4, 3]),
      y = tf.tensor2d(numbers(20, 5), [10, 2]);
    model.add(gru(tf, { units: 1, useBias: false, inputShape: [4, 3], returnSequences: true }));
    model.add(gru(tf, { units: 1, useBias: false }));
    model.add(tf.layers.dense({ units: 2 }));
    model.compile({ optimizer: tf.train.sgd(0.1), loss: tf.losses.meanSquaredError });
    return finish(tf, model, x, y, { epochs: 3, batchSize: 5 });
  },
};

/** TensorFlow.js knows neither the name resetAfter: true nor that form of the GRU. */
const gru = (tf: TF, options: Parameters<TF["layers"]["gru"]>[0]) =>
  tf.layers.gru({ recurrentActivation: "sigmoid", ...options, ...(tf === ours && { resetAfter: true }) });

it("a GRU answers as TensorFlow.js' where both forms are the same: W of g diagonal, no second bias; elsewhere not", async () => {
  const answers = (tf: TF, offDiagonal: number): number[] => {
    const model = tf.sequential({
      layers: [gru(tf, { units: 3, returnSequences: true, inputShape: [5, 2] }), gru(tf, { units: 3, activation: "sigmoid" })],
    });
    let at = 0;
    for (const layer of model.layers) {
      const drawn = layer.getWeights().slice(0, 3);
      const [kernel, recurrent, bias] = drawn.map(({ size }) => numbers(size, (at += 100)).map((value) => 2 * value));
      const diagonal = recurrent.map((value, i) => (i % 9 < 6 || (i % 9) - 6 === Math.floor(i / 9) ? value : offDiagonal));
      layer.setWeights([
        ...[kernel, diagonal, bias].map((values, i) => tf.tensor(values, drawn[i].shape)),
        ...(tf === ours ? [tf.zeros([9])] : []),
      ]);
    }
    return [...model.predict(tf.tensor3d(numbers(40), [4, 5, 2])).dataSync()];
  };
  expectNear(answers(ours, 0), answers(theirs, 0), "answers");
  expect(answers(ours, 1).findIndex((value, i) => Math.abs(value - answers(theirs, 1)[i]) > 1e-3)).not.toBe(-1);
});

it("predict() of a GRU with all its weights is what the reference of deltaprop computes", async () => {
  const model = ours.sequential({
    layers: [
      ours.layers.gru({ units: 4, recurrentActivation: "sigmoid", resetAfter: true, returnSequences: true, inputShape: [5, 3] }),
      ours.layers.gru({ units: 3, recurrentActivation: "tanh", activation: "relu", resetAfter: true }),
    ],
  });
  start(ours, model);
  const x = numbers(60),
    reference = coreSequential({
      layers: [
        coreGru({ units: 4, returnSequences: true, inputShape: [5, 3] }),
        coreGru({ units: 3, recurrentActivation: "tanh", activation: "relu" }),
      ],
    });
  await reference.setWeights(model.getWeights().map((w) => ({ shape: w.shape, data: w.dataSync() as Float32Array<ArrayBuffer> })));
  await reference.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
  expectNear([...model.predict(ours.tensor3d(x, [4, 5, 3])).dataSync()], [...(await reference.predict(Float32Array.from(x)))], "answers");
});

it("penalties on the weights of recurrent layers count, which TensorFlow.js leaves out", async () => {
  const firstLoss = async (tf: TF, kernelRegularizer: "l1l2" | null) => {
    const model = tf.sequential({ layers: [tf.layers.simpleRNN({ units: 2, inputShape: [2, 1], kernelRegularizer })] });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    start(tf, model);
    return (await model.fit(tf.tensor3d(numbers(8), [4, 2, 1]), tf.zeros([4, 2]), { shuffle: false })).history.loss[0];
  };
  const penalty = numbers(2).reduce((sum, w) => sum + 0.01 * (Math.abs(w) + w * w), 0);
  expectNear([await firstLoss(ours, "l1l2")], [(await firstLoss(ours, null)) + penalty], "with a penalty");
  expectNear([await firstLoss(theirs, "l1l2")], [await firstLoss(ours, null)], "TensorFlow.js");
});

it("the bias of the forget gate starts at 1 by unitForgetBias, and at 0 by default, as in TensorFlow.js", () => {
  const biases = (tf: TF, unitForgetBias?: boolean) => [
    ...tf
      .sequential({ layers: [tf.layers.lstm({ units: 2, recurrentActivation: "sigmoid", inputShape: [3, 1], unitForgetBias })] })
      .getWeights()[2]
      .dataSync(),
  ];
  expect(biases(ours, true)).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
  for (const unitForgetBias of [true, false, undefined]) expect(biases(ours, unitForgetBias)).toEqual(biases(theirs, unitForgetBias));
});

it("normalizations without γ or β, which TensorFlow.js cannot train, answer as there, and are trained here", async () => {
  const build = (tf: TF) =>
    tf.sequential({
      layers: [
        tf.layers.batchNormalization({ scale: false, inputShape: [4] }),
        tf.layers.dense({ units: 5 }),
        tf.layers.batchNormalization({ center: false }),
        tf.layers.layerNormalization({ scale: false }),
        tf.layers.layerNormalization({ center: false }),
        tf.layers.batchNormalization({ scale: false, center: false }),
        tf.layers.layerNormalization({ scale: false, center: false }),
      ],
    });
  const answers = (tf: TF): number[] => {
    const model = build(tf);
    start(tf, model);
    return [...model.predict(rows(tf, 9, 4)).dataSync()];
  };
  expectNear(answers(ours), answers(theirs), "answers");
  const model = build(ours),
    x = rows(ours, 20, 4);
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  const { loss } = (await model.fit(x, ours.tensor2d(numbers(100, 9), [20, 5]), { epochs: 10 })).history;
  expect(loss[9]).toBeLessThan(loss[0]);
  model.dispose();
});

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b));
function expectNear(mine: readonly number[], reference: readonly number[], where: string): void {
  expect(mine.length, where).toBe(reference.length);
  expect(
    mine.findIndex((value, i) => !near(value, reference[i])),
    `${where}: ${String(mine)} and ${String(reference)}`,
  ).toBe(-1);
}

describe.each(Object.entries(PROGRAMS))("%s", (_, program) => {
  it("ends with the losses and answers of TensorFlow.js", async () => {
    const mine = await program(ours),
      reference = await program(theirs);
    expect(Object.keys(mine.losses).sort()).toEqual(Object.keys(reference.losses).sort());
    for (const [key, values] of Object.entries(reference.losses)) expectNear(mine.losses[key], values, key);
    expect(mine.epochs).toEqual(reference.epochs);
    expectNear(mine.seen, reference.seen, "predictions");
  });
});

it("Adam's default ε, which TensorFlow.js adds elsewhere, leaves the losses of the first epochs equal", async () => {
  const losses = async (tf: TF) => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4] })] });
    model.compile({ optimizer: "adam", loss: "meanSquaredError" });
    start(tf, model);
    return (await model.fit(rows(tf, 40, 4), tf.ones([40, 3]), { epochs: 5, shuffle: false })).history.loss;
  };
  expectNear(await losses(ours), await losses(theirs), "losses");
});

it("adadelta divides by the mean that holds this step's gradient, as Keras; TensorFlow.js, by the one before it", async () => {
  const after = async (tf: TF) => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1], useBias: false })] });
    model.compile({ optimizer: tf.train.adadelta(0.5, 0.9, 1e-4), loss: "meanSquaredError" });
    model.setWeights([tf.tensor2d([1], [1, 1])]);
    await model.fit(tf.ones([1, 1]), tf.zeros([1, 1]));
    return model.getWeights()[0].dataSync()[0];
  };
  // The gradient of w² at 1 is 2, and its mean square 0.1·4.
  expect(await after(ours)).toBeCloseTo(1 - (0.5 * 2 * Math.sqrt(1e-4)) / Math.sqrt(0.4 + 1e-4), 6);
  expect(await after(theirs)).toBeCloseTo(1 - (0.5 * 2 * Math.sqrt(1e-4)) / Math.sqrt(1e-4), 6);
});

it("control: other weights give other losses", async () => {
  const program = (at: number) => async (tf: TF) => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [3] })] }),
      x = rows(tf, 8, 3);
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    model.setWeights([tf.tensor2d(numbers(3, at), [3, 1]), tf.tensor1d([0])]);
    return (await model.fit(x, tf.ones([8, 1]))).history.loss[0];
  };
  expect(near(await program(0)(ours), await program(1)(theirs))).toBe(false);
  expect(near(await program(1)(ours), await program(1)(theirs))).toBe(true);
});

/** Everything that callbacks hear, with the answers at that time. */
async function heard(tf: TF): Promise<unknown[]> {
  const said: unknown[] = [],
    x = rows(tf, 10, 2),
    y = tf.tensor1d(numbers(10, 3));
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  model.compile({ optimizer: tf.train.sgd(0.2), loss: "meanSquaredError" });
  start(tf, model);
  const now = () => Array.from(model.predict(x.slice(0, 1)).dataSync());
  const history = await model.fit(x, y, {
    epochs: 4,
    batchSize: 4,
    shuffle: false,
    initialEpoch: 1,
    callbacks: [
      {
        onTrainBegin: () => said.push("begin"),
        onTrainEnd: () => said.push("end"),
        onEpochBegin: (epoch) => said.push("epoch", epoch, ...now()),
        onBatchEnd: (batch, logs) => {
          said.push("batch", batch, logs!.size, logs!.loss, ...now());
          if (said.length > 60) model.stopTraining = true;
        },
        onEpochEnd: async (epoch, logs) => {
          await tf.nextFrame();
          said.push("epoch end", epoch, logs!.loss, ...now());
        },
      },
    ],
  });
  return [...said, "history", ...history.epoch, ...history.history.loss];
}

it("callbacks hear what TensorFlow.js tells, predict() answers by the weights of that moment, and stopTraining ends within an epoch", async () => {
  const mine = await heard(ours),
    reference = await heard(theirs);
  expect(mine.map((one) => (typeof one === "number" ? 0 : one))).toEqual(reference.map((one) => (typeof one === "number" ? 0 : one)));
  expectNear(
    mine.filter((one) => typeof one === "number"),
    reference.filter((one) => typeof one === "number"),
    "numbers",
  );
});

it("earlyStopping stops at the same epoch", async () => {
  const epochs = async (tf: TF) => {
    const x = rows(tf, 10, 2),
      model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
    model.compile({ optimizer: tf.train.sgd(0.5), loss: "meanSquaredError" });
    start(tf, model);
    return (
      await model.fit(x, tf.tensor1d(numbers(10, 3)), {
        epochs: 60,
        shuffle: false,
        callbacks: tf.callbacks.earlyStopping({ monitor: "loss", minDelta: 0.01, patience: 2 }),
      })
    ).epoch.length;
  };
  const stopped = await epochs(theirs);
  expect(stopped).toBeLessThan(60);
  expect(await epochs(ours)).toBe(stopped);
});

it("an array of callbacks is called in order, and earlyStopping brings back the best weights, bit for bit", async () => {
  const train = async (restoreBestWeights: boolean) => {
    const x = rows(ours, 10, 2),
      model = ours.sequential({ layers: [ours.layers.dense({ units: 1, inputShape: [2] })] }),
      kept: number[][] = [],
      losses: number[] = [];
    // So large a rate that the loss soon rises.
    model.compile({ optimizer: ours.train.momentum(0.3, 0.95), loss: "meanSquaredError" });
    start(ours, model);
    const told: string[] = [],
      tell = (name: string) => ({
        onEpochEnd: (epoch: number) => {
          told.push(`${name}${epoch}`);
        },
      });
    const { epoch } = await model.fit(x, ours.tensor1d(numbers(10, 3)), {
      epochs: 60,
      shuffle: false,
      callbacks: [
        tell("a"),
        {
          onEpochEnd: (_: number, logs?: ours.Logs) => {
            kept.push(model.getWeights().flatMap((w) => [...w.dataSync()]));
            losses.push(logs!.loss);
          },
        },
        ours.callbacks.earlyStopping({ monitor: "loss", patience: 2, restoreBestWeights }),
        tell("b"),
      ],
    });
    expect(told.slice(0, 4)).toEqual(["a0", "b0", "a1", "b1"]);
    const best = losses.indexOf(Math.min(...losses));
    expect(epoch).toHaveLength(best + 3);
    return { ended: model.getWeights().flatMap((w) => [...w.dataSync()]), best: kept[best], last: kept[best + 2] };
  };
  const restored = await train(true),
    control = await train(false);
  expect(restored.ended).toEqual(restored.best);
  expect(control.ended).toEqual(control.last);
  expect(control.last).not.toEqual(control.best);
});

it("summary() prints the lines of TensorFlow.js", () => {
  const printed = (tf: TF) => {
    const lines: string[] = [],
      model = tf.sequential();
    model.add(tf.layers.dense({ units: 10, inputShape: [4] }));
    model.add(tf.layers.dropout({ rate: 0.2 }));
    model.add(tf.layers.batchNormalization());
    model.add(tf.layers.layerNormalization());
    model.add(tf.layers.dense({ units: 3, name: "answers" }));
    model.summary(undefined, undefined, (line) =>
      lines.push(line.replace(/(_Dense|_Dropout|_BatchNormalization|_LayerNormalization)\d+ \((\w+)\) +/g, "$1 ($2) ").trimEnd()),
    );
    return lines;
  };
  expect(printed(ours)).toEqual(printed(theirs));
});

it("a learning rate set in a callback counts, trainOnBatch() takes a step, and ignored options are told once", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {}),
    x = rows(ours, 8, 2),
    y = ours.ones([8, 1]);
  const model = ours.sequential({ layers: [ours.layers.dense({ units: 1, inputShape: [2] })] }),
    optimizer = ours.train.sgd(0.1);
  model.compile({ optimizer, loss: "meanSquaredError", metrics: ["mae"] });
  await model.fit(x, y, {
    epochs: 2,
    callbacks: {
      onEpochEnd: () => {
        optimizer.learningRate = 0;
      },
    },
    stepsPerEpochs: 3,
  });
  const before = model.getWeights()[0].arraySync();
  expect(await model.trainOnBatch(x, y)).toHaveLength(2);
  expect(model.getWeights()[0].arraySync()).toEqual(before);
  await model.fit(x, y, { stepsPerEpochs: 3 });
  expect(warn.mock.calls.filter(([line]) => String(line).includes("ignores stepsPerEpochs"))).toHaveLength(1);
  warn.mockRestore();
  model.dispose();
});

it.each<[string, () => unknown, RegExp]>([
  ["convolutions", () => ours.layers.conv2d(), /tf\.layers\.conv2d is not in deltaprop\/tfjs.*dense layers/],
  ["cells", () => ours.layers.lstmCell(), /tf\.layers\.lstmCell.*simpleRNN/],
  ["gates by an activation that is none", () => ours.layers.lstm({ units: 2, recurrentActivation: "selu" }), /recurrentActivation.*"selu"/],
  [
    "gru by TensorFlow.js' default",
    () => ours.layers.gru({ units: 2, recurrentActivation: "sigmoid" }),
    /gru: resetAfter: false.*Set resetAfter: true/,
  ],
  [
    "recurrent dropout",
    () => ours.layers.lstm({ units: 2, recurrentActivation: "sigmoid", recurrentDropout: 0.5 }),
    /option recurrentDropout/,
  ],
  ["a stateful layer", () => ours.layers.simpleRNN({ units: 2, stateful: true }), /option stateful/],
  ["minimize", () => ours.train.sgd(0.1).minimize(), /optimizer\.minimize\(\).*sampleWeight/],
  ["variableGrads", () => ours.variableGrads(), /tf\.variableGrads.*sampleWeight/],
  ["an activation", () => ours.layers.dense({ units: 1, activation: "selu" }), /"selu".*relu/],
  [
    "a loss of one's own",
    () => {
      const model = ours.sequential({ layers: [ours.layers.dense({ units: 1, inputShape: [1] })] });
      model.compile({ optimizer: "sgd", loss: (a: ours.Tensor, b: ours.Tensor) => a.sub(b) });
    },
    /loss by the function/,
  ],
  [
    "normalization over another axis",
    () => ours.sequential({ layers: [ours.layers.batchNormalization({ inputShape: [4, 3], axis: 1 })] }),
    /axis 1 is not in deltaprop\/tfjs\. It must be -1 or 2/,
  ],
  ["a constraint of γ", () => ours.layers.batchNormalization({ gammaConstraint: "nonNeg" } as object), /gammaConstraint.*Known/],
  [
    "a frozen batch normalization",
    () => ours.layers.batchNormalization({ trainable: false }),
    /batchNormalization with trainable: false is not in .* Use deltaprop's own/,
  ],
])("%s: an error that names it and the remedy", (_, call, message) => {
  expect(call).toThrow(UnsupportedError);
  expect(call).toThrow(message);
});
