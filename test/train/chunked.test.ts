// Mini-batches computed in chunks, on the CPU backend made to hold less: there the numbers are those of the whole but for the
// order of float64 sums.

import { describe, expect, it } from "vitest";
import { OutOfMemoryError, UnsupportedError, type Layer } from "../../src/index.ts";
import { dense, dropout } from "../../src/model/layers.ts";
import { initialParameters, resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { miniBatches } from "../../src/train/data/batches.ts";
import { Compiled } from "../../src/train/compiled/compiled.ts";
import { initialStates } from "../../src/model/initial-states.ts";
import { CpuBackend } from "../../src/train/float64/cpu-backend.ts";
import type { Dataset } from "../../src/train/data/data.ts";
import { loadExtras, loadKnown } from "../../src/train/compiled/extras.ts";
import { runEvaluation } from "../../src/train/fit.ts";
import { DeviceDataset } from "../../src/train/limits/device-dataset.ts";
import { largestBatch } from "../../src/train/limits/largest-batch.ts";
import type { Adapter } from "../../src/schedule/tiles.ts";
import { worstError } from "../support/compare.ts";
import { noise } from "../support/models.ts";
import { ALL_DRAWS } from "../../src/model/uncommon-initializers.ts";

const ROWS = 50,
  BATCH = 20,
  NAMES = ["loss", "mae"];
const MLP: Layer[] = [
  dense({ units: 16, activation: "relu", inputShape: [6], kernelRegularizer: l2(0.01) }),
  dropout({ rate: 0.25 }),
  dense({ units: 3 }),
];
const PLAIN: Layer[] = [dense({ units: 16, activation: "relu", inputShape: [6] }), dense({ units: 3 })];
const EVERY_STEP: Layer[] = [simpleRNN({ units: 8, inputShape: [3, 2], returnSequences: true }), dense({ units: 3 })];

interface Less {
  readonly maxBytes?: number;
  readonly dataBytes?: number;
  readonly planAdapter?: Adapter;
}

async function prepared(layers: Layer[], less: Less, masked = false) {
  const network = resolveNetwork(layers, 4),
    recipe = resolveRecipe(network, { optimizer: adam(0.01), loss: "meanSquaredError", metrics: ["mae"] });
  const backend = Object.assign(new CpuBackend(), less);
  const state = new Map([...initialParameters(network, ALL_DRAWS), ...initialStates(network, recipe.optimizer)]);
  await backend.write(state);
  const compiled = new Compiled(
    network,
    recipe,
    { backend, state, reopen: async () => backend },
    await loadExtras(network, backend, await loadKnown(network, recipe)),
    BATCH,
  );
  const dataset: Dataset = {
    rows: ROWS,
    format: { type: "float32", scale: 1, ...(masked ? { masked } : {}) },
    x: noise(ROWS * 6, 5),
    y: noise(ROWS * network.outputWidth * network.outputSteps, 6),
    ...(masked ? { lengths: Uint32Array.from({ length: ROWS }, (_, i) => 1 + (i % 3)) } : {}),
  };
  return {
    compiled,
    dataset,
    deviceDataset: new DeviceDataset(compiled),
    weights: () => backend.read(network.parameters.map(({ symbol }) => symbol)),
  };
}

/** Trains, evaluates and predicts. */
async function results(layers: Layer[], less: Less) {
  const { compiled, dataset, deviceDataset, weights } = await prepared(layers, less);
  const training = await deviceDataset.lease("train", dataset, BATCH),
    left: number[] = [];
  const steps = miniBatches(ROWS, BATCH, training.orders.place([null])[0], 0, compiled.recipe.optimizer);
  for (let epoch = 0; epoch < 2; epoch++) {
    await training.runner.run(
      steps.map((step, i) => ({ ...step, step: epoch * 3 + i })),
      (first, count, numbers) => left.push(first, count, ...Array.from(numbers)),
    );
  }
  const evaluation = await deviceDataset.lease("evaluate", dataset, BATCH);
  const averages = await runEvaluation({ ...evaluation, rows: ROWS, at: 0, batchSize: BATCH }, { names: NAMES, means: NAMES.length });
  const prediction = await deviceDataset.lease("predict", dataset, BATCH),
    answers: number[] = [];
  await prediction.runner.run(miniBatches(ROWS, BATCH, prediction.orders.place([null])[0]), (_, count, numbers) => {
    expect(numbers.length).toBe(count * prediction.runner.resultElements);
    answers.push(...Array.from(numbers));
  });
  return { left, logs: Object.values(averages!.logs()), answers, weights: [...(await weights()).values()].flatMap((w) => [...w]) };
}

describe.each([
  ["an MLP with dropout and a penalty", MLP],
  ["an MLP of what every page loads", PLAIN],
  ["sequences", EVERY_STEP],
] as const)("%s", (_, layers) => {
  // 20 rows of 16 numbers are 1,280 bytes, of 8 numbers at 3 steps 1,920.
  it.each<Less>([{ maxBytes: 1000 }, { maxBytes: 700 }, { maxBytes: 400 }, { maxBytes: 400, dataBytes: 300 }, { dataBytes: 300 }])(
    "%o",
    async (less) => {
      const whole = await results(layers, {}),
        chunked = await results(layers, less);
      expect(worstError(chunked.left, whole.left)).toBeLessThan(1e-12);
      expect(worstError(chunked.logs, whole.logs)).toBeLessThan(1e-12);
      expect(worstError(chunked.answers, whole.answers)).toBeLessThan(1e-6);
      // Weights are read as float32.
      expect(worstError(chunked.weights, whole.weights)).toBeLessThan(1e-7);
    },
  );
});

it("more workgroups than the device takes", async () => {
  const wide: Layer[] = [dense({ units: 300, activation: "relu", inputShape: [6] }), dense({ units: 3 })];
  const few: Adapter = { kind: "gpu", quads: false, workgroupBytes: 16384, maxWorkgroups: 8 },
    { compiled } = await prepared(wide, { planAdapter: few });
  expect(() => compiled.plan("train", BATCH)).toThrow(UnsupportedError);
  const whole = await results(wide, {}),
    chunked = await results(wide, { planAdapter: few });
  expect(worstError(chunked.weights, whole.weights)).toBeLessThan(1e-7);
  expect(worstError(chunked.left, whole.left)).toBeLessThan(1e-12);
});

it("padded sequences: evaluated in chunks with the means over what counts; not trained on", async () => {
  const logs = [];
  for (const maxBytes of [Infinity, 1000]) {
    const { dataset, deviceDataset } = await prepared(EVERY_STEP, { maxBytes }, true),
      lease = await deviceDataset.lease("evaluate", dataset, BATCH);
    logs.push(
      Object.values(
        (await runEvaluation({ ...lease, rows: ROWS, at: 0, batchSize: BATCH }, { names: NAMES, means: NAMES.length }))!.logs(),
      ),
    );
    lease.dispose();
    if (maxBytes === Infinity) continue;
    const error: unknown = await deviceDataset.lease("train", dataset, BATCH).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(OutOfMemoryError);
    const { batchSize, limit, bytesAsked, message } = error as OutOfMemoryError;
    // 8 numbers at 3 steps are 96 bytes a row: with 10 rows each tensor takes a buffer, which are more than a launch binds.
    expect({ batchSize, limit, bytesAsked }).toEqual({ batchSize: 5, limit: 1000, bytesAsked: 1920 });
    expect(message).toMatch(
      /: 1920 bytes are asked for but one buffer of this device holds 1000\. Use a smaller batchSize\. The largest that fits is 5\. It cannot be computed in chunks/,
    );
    expect((await deviceDataset.lease("train", dataset, 5)).runner.resultElements).toBe(3);
  }
  expect(worstError(logs[1], logs[0])).toBeLessThan(1e-12);
});

it("a stop comes into effect between mini-batches, never within one", async () => {
  const { deviceDataset, dataset, compiled } = await prepared(MLP, { maxBytes: 400 }),
    lease = await deviceDataset.lease("train", dataset, BATCH),
    seen: number[] = [];
  const signal = {
    get aborted() {
      return seen.length === 2;
    },
  };
  const steps = miniBatches(ROWS, BATCH, lease.orders.place([null])[0], 0, compiled.recipe.optimizer);
  expect(await lease.runner.run(steps, (first) => void seen.push(first), signal)).toBe(2);
  expect(seen).toEqual([0, 1]);
});

it("not even one row fits: told without a batch size", async () => {
  const { deviceDataset, dataset } = await prepared(MLP, { maxBytes: 60 });
  const error: unknown = await deviceDataset.lease("train", dataset, BATCH).catch((e: unknown) => e);
  expect(error).toMatchObject({ name: "OutOfMemoryError", limit: 60, batchSize: null });
  expect((error as Error).message).not.toMatch(/largest that fits/);
});

it("other errors come out as they are", async () => {
  const { deviceDataset, dataset, compiled } = await prepared(MLP, {}),
    oops = new UnsupportedError("no such thing");
  compiled.backend.prepare = async () => {
    throw oops;
  };
  await expect(deviceDataset.lease("train", dataset, BATCH)).rejects.toBe(oops);
});

it.each([
  [100, 1, 1],
  [100, 99, 99],
  [100, 37, 37],
  [100, 100, 99],
  [2, 1, 1],
])("the largest below %i that is at most %i is %i", (below, most, expected) => {
  expect(largestBatch(below, (batch) => batch <= most)).toBe(expected);
});

it("none where not even 1 fits, or nothing is below", () => {
  expect(largestBatch(100, () => false)).toBe(null);
  expect(largestBatch(1, () => true)).toBe(null);
});
