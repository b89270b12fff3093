// What predict() answers for networks that end in any way, on the GPU and on the CPU: within the bounds of rounding of the float64
// reference, and such that the loss computed here from the answers is the one that evaluate() tells. Ends are listed, what comes
// before them is drawn at random.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  activation,
  binaryCrossentropy,
  dense,
  dropout,
  huber,
  simpleRNN,
  sparseCategoricalCrossentropy,
  type ActivationName,
  type Layer,
  type Loss,
  type LossName,
  type Sequential,
} from "../../../src/index.ts";
import { buildGraph } from "../../../src/graph/build.ts";
import * as sequences from "../../../src/graph/recurrent.ts";
import { resolveNetwork, resolveRecipe, type Network } from "../../../src/model/network.ts";
import { compareTensor, runGraphBounded, type Bounded } from "../../../src/reference/bounds.ts";
import { worstError } from "../../support/compare.ts";
import { BACKENDS, compiledModel, ENGINE, noise, pseudoRandom } from "../../support/models.ts";

interface Drawn {
  readonly units: number;
  /** Of the layer before the last. */
  readonly before: ActivationName;
  readonly steps: number;
  readonly features: number;
  readonly rows: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly lengths: boolean;
  /** Of several losses that fit. */
  readonly choice: number;
}

const DRAWN: fc.Arbitrary<Drawn> = fc.record({
  units: fc.integer({ min: 2, max: 9 }),
  before: fc.constantFrom("linear", "tanh", "relu"),
  steps: fc.integer({ min: 1, max: 5 }),
  features: fc.integer({ min: 1, max: 6 }),
  rows: fc.integer({ min: 1, max: 11 }),
  batchSize: fc.integer({ min: 1, max: 12 }),
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  lengths: fc.boolean(),
  choice: fc.nat(3),
});

type Layers = (drawn: Drawn) => Layer[];
const flat: Layers = ({ units, before, features }) => [dense({ units, activation: before, inputShape: [features] })];
const sequence: Layers = ({ units, before, steps, features }) => [dense({ units, activation: before, inputShape: [steps, features] })];

/** Networks by what they end in. */
const ENDS: Readonly<Record<string, Layers>> = {
  "dense alone": ({ units, features }) => [dense({ units, inputShape: [features] })],
  "dense, linear": (drawn) => [...flat(drawn), dense({ units: 3 })],
  "dense, sigmoid": (drawn) => [...flat(drawn), dense({ units: 3, activation: "sigmoid" })],
  "dense, softmax": (drawn) => [...flat(drawn), dense({ units: 3, activation: "softmax" })],
  "dense of one unit, sigmoid": (drawn) => [...flat(drawn), dense({ units: 1, activation: "sigmoid" })],
  activation: (drawn) => [...flat(drawn), dense({ units: 2 }), activation("tanh")],
  "activation, linear": (drawn) => [...flat(drawn), dense({ units: 2, activation: "relu" }), activation("linear")],
  "activation behind dropout": (drawn) => [...flat(drawn), dropout({ rate: 0.5 }), activation("softplus")],
  "dropout before dense": (drawn) => [dropout({ rate: 0.5, inputShape: [drawn.features] }), dense({ units: 2 })],
  "simpleRNN alone": ({ units, steps, features }) => [simpleRNN({ units, inputShape: [steps, features] })],
  "simpleRNN, all steps": ({ units, steps, features }) => [simpleRNN({ units, inputShape: [steps, features], returnSequences: true })],
  "simpleRNN behind dense": (drawn) => [...sequence(drawn), simpleRNN({ units: 3 })],
  "simpleRNN with inputVocabulary": ({ units, steps }) => [simpleRNN({ units, inputShape: [steps], inputVocabulary: 7 })],
  "simpleRNN, stateful": ({ units, steps, features }) => [simpleRNN({ units, inputShape: [steps, features], stateful: true })],
  "simpleRNN, stateful, all steps": ({ units, steps, features }) => [
    simpleRNN({ units, inputShape: [steps, features], stateful: true, returnSequences: true }),
  ],
  "two simpleRNNs": ({ units, steps, features }) => [
    simpleRNN({ units, inputShape: [steps, features], returnSequences: true }),
    simpleRNN({ units: 2, activation: "sigmoid" }),
  ],
  "simpleRNN, dropout in it": ({ units, steps, features }) => [simpleRNN({ units, inputShape: [steps, features], dropout: 0.5 })],
  "activation, linear, behind a simpleRNN": ({ units, steps, features }) => [
    simpleRNN({ units, inputShape: [steps, features] }),
    activation("linear"),
  ],
  "activation behind a simpleRNN": ({ units, steps, features }) => [simpleRNN({ units, inputShape: [steps, features] }), activation("elu")],
  "activation, linear, behind dropout and dense": ({ units, steps, features }) => [
    simpleRNN({ units, inputShape: [steps, features] }),
    dropout({ rate: 0.5 }),
    dense({ units: 2 }),
    activation("linear"),
  ],
  "dense for every step": (drawn) => [
    simpleRNN({ units: drawn.units, inputShape: [drawn.steps, drawn.features], returnSequences: true }),
    dense({ units: 3, activation: "softmax" }),
  ],
  "dense behind a simpleRNN": (drawn) => [...sequence(drawn), simpleRNN({ units: 4 }), dense({ units: 2 })],
};

/** Losses that a network with this last activation may have. */
function lossesFor(network: Network): readonly (LossName | Loss)[] {
  const isRecurrent = network.stages.at(-1)?.type !== "activation";
  switch (network.lastActivation) {
    case "linear":
      return [
        "meanSquaredError",
        huber({ delta: 0.5 }),
        binaryCrossentropy({ fromLogits: true }),
        network.outputWidth > 1 ? sparseCategoricalCrossentropy({ fromLogits: true }) : "halfSquaredError",
      ];
    case "softmax":
      return ["categoricalCrossentropy", "sparseCategoricalCrossentropy", "meanSquaredError"];
    case "sigmoid":
      return isRecurrent ? ["meanSquaredError"] : ["binaryCrossentropy", "halfSquaredError"];
    default:
      return ["meanSquaredError", "halfSquaredError", "huber", "meanAbsoluteError", "logCosh"];
  }
}

const nameOf = (loss: LossName | Loss): LossName => (typeof loss === "string" ? loss : loss.name);

/** Targets that suit the loss. */
function targetsFor(loss: LossName | Loss, rows: number, width: number, seed: number): Float32Array | Uint32Array {
  const random = pseudoRandom(seed),
    below = (n: number) => Math.floor(((random() + 1) / 2) * n);
  switch (nameOf(loss)) {
    case "sparseCategoricalCrossentropy":
      return Uint32Array.from({ length: rows }, () => below(width));
    case "binaryCrossentropy":
      return Float32Array.from({ length: rows * width }, () => below(2));
    case "categoricalCrossentropy": {
      const y = new Float32Array(rows * width);
      for (let row = 0; row < rows; row++) y[row * width + below(width)] = 1;
      return y;
    }
    default:
      return noise(rows * width, seed);
  }
}

/** The loss of one row of answers by its textbook formula, in float64. */
function lossOf(loss: LossName | Loss, a: readonly number[], y: ArrayLike<number>): number {
  const fromLogits = typeof loss === "object" && loss.fromLogits,
    width = a.length;
  const sum = (of: (a: number, y: number) => number) => a.reduce((total, value, j) => total + of(value, y[j]), 0);
  const p = (z: number) => (fromLogits ? 1 / (1 + Math.exp(-z)) : z);
  switch (nameOf(loss)) {
    case "meanSquaredError":
      return sum((v, t) => (v - t) ** 2) / width;
    case "halfSquaredError":
      return sum((v, t) => (v - t) ** 2) / 2;
    case "huber": {
      const delta = typeof loss === "object" ? loss.delta : 1;
      return sum((v, t) => (Math.abs(v - t) <= delta ? (v - t) ** 2 / 2 : delta * (Math.abs(v - t) - delta / 2))) / width;
    }
    case "binaryCrossentropy":
      return sum((v, t) => -t * Math.log(p(v)) - (1 - t) * Math.log(1 - p(v))) / width;
    case "categoricalCrossentropy":
      return sum((v, t) => -t * Math.log(v));
    case "meanAbsoluteError":
      return sum((v, t) => Math.abs(v - t)) / width;
    case "meanAbsolutePercentageError":
      return (100 * sum((v, t) => Math.abs((v - t) / t))) / width;
    case "meanSquaredLogarithmicError":
      return sum((v, t) => Math.log((1 + v) / (1 + t)) ** 2) / width;
    case "logCosh":
      return sum((v, t) => Math.log(Math.cosh(v - t))) / width;
    case "hinge":
      return sum((v, t) => Math.max(1 - t * v, 0)) / width;
    case "squaredHinge":
      return sum((v, t) => Math.max(1 - t * v, 0) ** 2) / width;
    case "klDivergence":
      return sum((v, t) => t * Math.log(t / v));
    case "poisson":
      return sum((v, t) => v - t * Math.log(v)) / width;
    case "sparseCategoricalCrossentropy":
      return fromLogits ? Math.log(a.reduce((total, z) => total + Math.exp(z), 0)) - a[y[0]] : -Math.log(a[y[0]]);
  }
}

interface Data {
  readonly x: Float32Array | Uint32Array;
  readonly y: Float32Array | Uint32Array;
  readonly lengths: Uint32Array | undefined;
  readonly rows: number;
  readonly batchSize: number;
}

/** The mean of the losses of all answers but those of padded steps. */
function meanLoss(network: Network, loss: LossName | Loss, answers: ArrayLike<number>, { y, lengths, rows }: Data): number {
  const { outputWidth: width, outputSteps: steps } = network,
    perRow = y.length / (rows * steps);
  let total = 0,
    count = 0;
  for (let row = 0; row < rows * steps; row++) {
    if (lengths && steps > 1 && row % steps >= lengths[Math.floor(row / steps)]) continue;
    total += lossOf(
      loss,
      Array.from({ length: width }, (_, j) => answers[row * width + j]),
      y.subarray(row * perRow, (row + 1) * perRow),
    );
    count++;
  }
  return total / count;
}

/** The answers of the float64 reference, and how far rounding may take a GPU from them. */
function reference(
  network: Network,
  loss: LossName | Loss,
  weights: readonly ArrayLike<number>[],
  { x, lengths, rows, batchSize }: Data,
): Bounded {
  const recipe = resolveRecipe(network, { optimizer: "sgd", loss });
  const graph = buildGraph(
    network,
    recipe,
    "predict",
    { type: network.vocabulary === null ? "float32" : "uint32", scale: 1, ...(lengths ? { masked: true } : {}) },
    sequences,
  );
  const exact = (values: ArrayLike<number>): Bounded => ({ values: Float64Array.from(values), bounds: new Float64Array(values.length) });
  const tensors = new Map<string, Bounded>(network.parameters.map(({ symbol }, i) => [symbol, exact(weights[i])]));
  tensors.set("data_x", exact(x)).set("order", exact(Array.from({ length: rows }, (_, i) => i)));
  if (lengths) tensors.set("data_lengths", exact(lengths));
  const found: Bounded[] = [];
  for (let offset = 0; offset < rows; offset += batchSize) {
    const inBatch = Math.min(batchSize, rows - offset);
    for (const { name, role, cols } of graph.tensors.values()) {
      if (role === "carried" && offset === 0) tensors.set(name, exact(new Float64Array(inBatch * cols)));
    }
    runGraphBounded(graph, tensors, { rows: inBatch, offset, step: 0, learningRate: 0, correctedRate: 0, fresh: offset === 0 });
    found.push(tensors.get(graph.output) as Bounded);
  }
  const joined = (of: (part: Bounded) => Float64Array) => Float64Array.from(found.flatMap((part) => [...of(part)]));
  return { values: joined(({ values }) => values), bounds: joined(({ bounds }) => bounds) };
}

interface Outcome {
  readonly answers: Float32Array;
  readonly loss: number;
}

async function outcomeOf(model: Sequential, { x, y, lengths, batchSize }: Data): Promise<Outcome> {
  const answers = await model.predict(x, { batchSize, lengths });
  return { answers, loss: (await model.evaluate(x, y, { batchSize, lengths })).loss };
}

/** All backends with the same random weights. */
async function outcomes(layers: Layer[], loss: LossName | Loss, data: Data, seed: number) {
  let weights: ArrayLike<number>[] = [];
  const found: Record<string, Outcome> = {};
  for (const backend of BACKENDS) {
    const model = await compiledModel({ seed: 1, layers }, { optimizer: "sgd", loss, backend });
    const given = (await model.getWeights()).map(({ data: { length }, ...named }, i) => ({ ...named, data: noise(length, seed + i) }));
    await model.setWeights(given);
    weights = given.map(({ data: numbers }) => numbers);
    found[backend] = await outcomeOf(model, data);
    model.dispose();
  }
  return { weights, found };
}

function dataFor(network: Network, loss: LossName | Loss, { rows: wanted, batchSize: most, seed, lengths }: Drawn): Data {
  const batchSize = Math.min(most, wanted),
    rows = network.stateful ? Math.ceil(wanted / batchSize) * batchSize : wanted;
  const random = pseudoRandom(seed + 7),
    below = (n: number) => Math.floor(((random() + 1) / 2) * n);
  return {
    rows,
    batchSize,
    x:
      network.vocabulary === null
        ? noise(rows * network.inputSteps * network.inputWidth, seed + 8, 2)
        : Uint32Array.from({ length: rows * network.inputSteps }, () => below(network.vocabulary ?? 0)),
    y: targetsFor(loss, rows * network.outputSteps, network.outputWidth, seed + 9),
    lengths: lengths && network.sequences ? Uint32Array.from({ length: rows }, () => 1 + below(network.inputSteps)) : undefined,
  };
}

/** What is wrong with the answers, or null. */
function fault(
  network: Network,
  loss: LossName | Loss,
  weights: readonly ArrayLike<number>[],
  data: Data,
  { answers, loss: told }: Outcome,
): string | null {
  const comparison = compareTensor("answers", answers, reference(network, loss, weights, data));
  if (!comparison.ok) return `answers: ${JSON.stringify(comparison)}`;
  const computed = meanLoss(network, loss, answers, data);
  // Both have what rounding made of probabilities of 0.01 and more, and of sums of a few terms.
  return Math.abs(told - computed) <= 1e-5 * (1 + Math.abs(computed)) ? null : `evaluate() says ${told}, its answers ${computed}`;
}

it("answers what a network ends in that is a view: the last step of its only layer", async () => {
  for (const backend of BACKENDS) {
    const model = await compiledModel(
      { seed: 1, layers: [simpleRNN({ units: 2, inputShape: [2, 1] })] },
      { optimizer: "sgd", loss: "meanSquaredError", backend },
    );
    const weights = (await model.getWeights()).map(({ data }) => data),
      [u, w, b] = weights;
    // tanh(x·U + h·W + b), written out for two units and two steps.
    const step = (x: number, h: readonly number[]) => [0, 1].map((j) => Math.tanh(x * u[j] + h[0] * w[j] + h[1] * w[2 + j] + b[j]));
    const expected = step(2, step(1, [0, 0]));
    expect(worstError(expected, [-0.85437, -0.979277])).toBeLessThan(1e-6);
    expect(worstError(await model.predict([[[1], [2]]]), expected)).toBeLessThan(1e-6);
  }
});

describe.each(Object.entries(ENDS))("%s", (_, layersOf) => {
  it(
    "is answered alike by the reference, the CPU and the GPU, and as evaluate() says",
    () =>
      fc.assert(
        fc.asyncProperty(DRAWN, async (drawn) => {
          const layers = layersOf(drawn),
            network = resolveNetwork(layers, 1);
          const fitting = lossesFor(network),
            loss = fitting[drawn.choice % fitting.length];
          const data = dataFor(network, loss, drawn),
            { weights, found } = await outcomes(layers, loss, data, drawn.seed);
          for (const backend of BACKENDS) expect(fault(network, loss, weights, data, found[backend]), backend).toBeNull();
        }),
        { numRuns: 4, seed: 20261127, endOnFailure: true },
      ),
    120_000,
  );
});

describe("control: a fault is found", () => {
  const layers = [simpleRNN({ units: 3, inputShape: [4, 2] })],
    network = resolveNetwork(layers, 1),
    loss = "meanSquaredError";
  const drawn = { units: 3, before: "tanh", steps: 4, features: 2, rows: 5, batchSize: 2, seed: 3, lengths: true, choice: 0 } as const;
  const data = dataFor(network, loss, drawn);

  it.each([
    ["zeros", ({ answers, loss: told }: Outcome) => ({ answers: answers.map(() => 0), loss: told })],
    ["one number off by 10⁻³", ({ answers, loss: told }: Outcome) => ({ answers: answers.with(7, answers[7] + 1e-3), loss: told })],
    ["NaN", ({ answers, loss: told }: Outcome) => ({ answers: answers.with(0, NaN), loss: told })],
    ["another loss", ({ answers, loss: told }: Outcome) => ({ answers, loss: told * 1.001 })],
    ["a loss of NaN", ({ answers }: Outcome) => ({ answers, loss: NaN })],
  ] as const)("%s", async (_, spoil) => {
    const { weights, found } = await outcomes(layers, loss, data, drawn.seed);
    expect(fault(network, loss, weights, data, found[ENGINE])).toBeNull();
    expect(fault(network, loss, weights, data, spoil(found[ENGINE]))).not.toBeNull();
  });
});
