// An option that is null is one that is left out, everywhere; and null in place of all options is none of them.

import { describe, expect, it, onTestFinished } from "vitest";
import {
  activation,
  adadelta,
  adagrad,
  adam,
  adamax,
  adamW,
  binaryCrossentropy,
  cosineDecay,
  dataset,
  dense,
  dropout,
  exponentialDecay,
  huber,
  initializers,
  lion,
  InputError,
  l1,
  l1l2,
  l2,
  rmsprop,
  sequential,
  sgd,
  simpleRNN,
  warmup,
  windows,
  type FitOptions,
  type Sequential,
} from "../../src/index.ts";

type Options = Record<string, unknown>;
type Make = (options: never) => unknown;

/** Options with a default, and what is needed beside them. */
const DECLARATIONS: readonly [name: string, make: Make, required: Options, optional: readonly string[]][] = [
  [
    "dense",
    dense,
    { units: 2 },
    ["activation", "useBias", "inputShape", "kernelInitializer", "biasInitializer", "kernelRegularizer", "biasRegularizer", "name"],
  ],
  ["dropout", dropout, { rate: 0.5 }, ["inputShape"]],
  ["activation", activation, { activation: "relu" }, ["inputShape"]],
  [
    "simpleRNN",
    simpleRNN,
    { units: 2 },
    [
      "activation",
      "returnSequences",
      "stateful",
      "useBias",
      "inputShape",
      "inputVocabulary",
      "kernelInitializer",
      "recurrentInitializer",
      "biasInitializer",
      "kernelRegularizer",
      "recurrentRegularizer",
      "biasRegularizer",
      "dropout",
      "name",
    ],
  ],
  ["sgd", sgd, {}, ["learningRate", "momentum", "nesterov", "clipNorm", "globalClipNorm", "clipValue"]],
  ["adam", adam, {}, ["learningRate", "beta1", "beta2", "epsilon", "clipNorm"]],
  ["adamW", adamW, {}, ["learningRate", "beta1", "beta2", "epsilon", "weightDecay"]],
  ["rmsprop", rmsprop, {}, ["learningRate", "rho", "momentum", "epsilon", "centered"]],
  ["adagrad", adagrad, {}, ["learningRate", "initialAccumulatorValue", "epsilon"]],
  ["adadelta", adadelta, {}, ["learningRate", "rho", "epsilon"]],
  ["adamax", adamax, {}, ["learningRate", "beta1", "beta2", "epsilon", "clipValue"]],
  ["lion", lion, {}, ["learningRate", "beta1", "beta2"]],
  ["huber", huber, {}, ["delta"]],
  ["binaryCrossentropy", binaryCrossentropy, {}, ["fromLogits"]],
  ["exponentialDecay", exponentialDecay, { initialLearningRate: 0.1, decaySteps: 3, decayRate: 0.5 }, ["staircase"]],
  ["cosineDecay", cosineDecay, { initialLearningRate: 0.1, decaySteps: 3 }, ["alpha"]],
  ["warmup", warmup, { steps: 3, then: 0.1 }, ["from"]],
  ["l1", l1, {}, ["l1"]],
  ["l2", l2, {}, ["l2"]],
  ["l1l2", l1l2, {}, ["l1", "l2"]],
  ["randomNormal", initializers.randomNormal, {}, ["mean", "stddev"]],
  ["randomUniform", initializers.randomUniform, {}, ["minval", "maxval"]],
  ["truncatedNormal", initializers.truncatedNormal, {}, ["mean", "stddev"]],
  ["orthogonal", initializers.orthogonal, {}, ["gain"]],
  ["identity", initializers.identity, {}, ["gain"]],
  ["constant", initializers.constant, {}, ["value"]],
  ["varianceScaling", initializers.varianceScaling, {}, ["scale", "mode", "distribution"]],
  ["windows", (options) => windows(Float32Array.of(1, 2, 3, 4, 5), options), { length: 2, batchSize: 1 }, ["features", "targets"]],
];

describe.each(DECLARATIONS)("%s()", (_, make, required, optional) => {
  it.each(optional)("%s: null is the default", (name) => {
    expect(make({ ...required, [name]: null } as never)).toEqual(make(required as never));
  });
  it.runIf(Object.keys(required).length === 0)("null in place of all options, too", () => {
    expect(make(null as never)).toEqual(make({} as never));
  });
  it.runIf(Object.keys(required).length > 0)("control: what has no default is asked for", () => {
    expect(() => make(null as never)).toThrow(InputError);
  });
});

const X = Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1),
  Y = Float32Array.of(0, 1, 1, 0);

async function compiled(options: Options = {}): Promise<Sequential> {
  const model = sequential({
    seed: null as never,
    layers: [dense({ units: 3, activation: "tanh", inputShape: [2] }), dense({ units: 1 })],
  });
  onTestFinished(() => model.dispose());
  await model.compile({ optimizer: "adam", loss: "meanSquaredError", backend: "cpu", ...options } as never);
  return model;
}

describe("a model", () => {
  it.each(["metrics", "precision", "threads", "device", "autotune"])("compile({ %s: null })", async (name) => {
    expect((await compiled({ [name]: null })).backend).toBe("cpu");
  });

  const OF_FIT: readonly (keyof FitOptions)[] = [
    "epochs",
    "initialEpoch",
    "steps",
    "stepsPerEpoch",
    "validationSteps",
    "batchSize",
    "validationSplit",
    "validationData",
    "shuffle",
    "scale",
    "lengths",
    "sampleWeight",
    "classWeight",
    "signal",
    "onNaN",
    "checkpoint",
    "resumeFrom",
    "callbacks",
    "verbose",
  ];
  it.each(OF_FIT)("fit({ %s: null })", async (name) => {
    const [model, other] = [await compiled(), await compiled()];
    expect(await model.fit(X, Y, { [name]: null })).toEqual(await other.fit(X, Y));
    expect(await model.getWeights()).toEqual(await other.getWeights());
    const set = dataset(X, Y);
    expect((await model.fit(set, { [name]: null } as never)).epochs).toBe(1);
    set.dispose();
  });

  it.each(["onTrainBegin", "onResume", "onEpochBegin", "onBatchEnd", "onEpochEnd", "onTrainEnd", "onDeviceLost"])(
    "fit({ callbacks: { %s: null } })",
    async (name) => {
      const ended: number[] = [],
        model = await compiled();
      await model.fit(X, Y, {
        callbacks: { ...(name === "onEpochEnd" ? {} : { onEpochEnd: (epoch) => void ended.push(epoch) }), [name]: null },
      });
      expect(ended).toEqual(name === "onEpochEnd" ? [] : [0]);
    },
  );

  it("evaluate(), predict() and the others, also with null in place of all options", async () => {
    const model = await compiled(),
      none = null as never;
    for (const options of [none, { batchSize: none, scale: none, lengths: none }]) {
      expect(await model.evaluate(X, Y, options)).toEqual(await model.evaluate(X, Y));
      expect(await model.predict(X, options)).toEqual(await model.predict(X));
    }
    expect((await model.fit(X, Y, none)).epochs).toBe(1);
    expect((await model.gradientCheck(X, Y, none)).maxRelativeError).toBeLessThan(1e-6);
    expect((await model.inspectStep(X, Y, { scale: none, lengths: none })).tensors.length).toBeGreaterThan(9);
    const set = dataset(X, Y, { scale: none, lengths: none });
    expect(await model.evaluate(set, none)).toEqual(await model.evaluate(X, Y));
    set.dispose();
  });

  it("control: an option that is wrong, and one that is none, are refused", async () => {
    const model = await compiled();
    await expect(model.fit(X, Y, { epochs: 0 })).rejects.toThrow(InputError);
    await expect(model.fit(X, Y, { epoch: null } as never)).rejects.toThrow(/unknown option epoch/);
    await expect(model.fit(X, Y, [] as never)).rejects.toThrow(/options must be an object/);
  });
});
