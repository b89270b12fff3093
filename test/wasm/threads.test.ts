// Several threads leave the bits that one thread leaves, for every kind of function: divided by examples, by rows of weights, or
// done by one of them; and a thread that dies ends the call with an error that names it, not in silence.

import { describe, expect, it, onTestFinished } from "vitest";
import type { StepScalars } from "../../src/graph/types.ts";
import { gru, lstm } from "../../src/model/gated.ts";
import { dense, dropout } from "../../src/model/layers.ts";
import { adam, ratesAt } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { ThreadPool } from "../../src/wasm/threads.ts";
import { sample } from "../reference/samples.ts";
import { WasmTraining } from "./support.ts";

const optimizer = adam({ globalClipNorm: 1 });
const SAMPLES = {
  "13-130-65-10 with dropout and penalties": sample({
    rows: 33,
    loss: "sparseCategoricalCrossentropy",
    metrics: ["accuracy"],
    optimizer,
    layers: [
      dense({ units: 130, activation: "tanh", inputShape: [13], kernelRegularizer: l2(1e-3) }),
      dropout({ rate: 0.3 }),
      dense({ units: 65, activation: "relu" }),
      dense({ units: 10, activation: "softmax" }),
    ],
  }),
  "a padded RNN": sample({
    rows: 7,
    loss: "sparseCategoricalCrossentropy",
    optimizer,
    masked: true,
    layers: [simpleRNN({ units: 17, inputShape: [9, 5], returnSequences: true }), dense({ units: 6, activation: "softmax" })],
  }),
  "padded LSTM and GRU": sample({
    rows: 7,
    loss: "sparseCategoricalCrossentropy",
    optimizer,
    masked: true,
    layers: [
      lstm({ units: 9, inputShape: [6, 5], returnSequences: true }),
      gru({ units: 7, returnSequences: true }),
      dense({ units: 6, activation: "softmax" }),
    ],
  }),
};

const bits = (training: WasmTraining): [string, number[]][] =>
  [...training.state()].map(([name, floats]) => [name, [...new Uint32Array(floats.buffer)]]);

async function poolOf(threads: number, onDeath: (reason: string) => void = () => {}): Promise<ThreadPool> {
  const pool = new ThreadPool(threads, onDeath);
  onTestFinished(() => pool.dispose());
  expect(await pool.start()).toBe(true);
  return pool;
}

describe.each(Object.entries(SAMPLES))("%s", (_, { graph, values, scalars }) => {
  const { rows } = scalars,
    steps = [rows, rows - 2, 1, rows].map((size, step): StepScalars => ({ rows: size, offset: 0, step, ...ratesAt(optimizer, step) }));

  it.each([2, 4])("%d threads", async (threads) => {
    const alone = await WasmTraining.open(graph, rows, values),
      shared = await WasmTraining.open(graph, rows, values, true, threads);
    const pool = await poolOf(threads);
    const expected = alone.run(steps);
    expect([...(await shared.prepared.runOn(pool, steps, 0, steps.length, 1))]).toEqual([...expected]);
    expect(bits(shared)).toEqual(bits(alone));
    // Control: other steps leave other bits.
    await shared.prepared.runOn(pool, steps, 0, 1, 1);
    expect(bits(shared)).not.toEqual(bits(alone));
  });
});

it("a thread that fails ends the call and is told once", async () => {
  const told: string[] = [],
    pool = await poolOf(2, (reason) => told.push(reason));
  // No module of this number was sent.
  await expect(pool.run(99, 0, 1, 1)).rejects.toThrow(/a thread of the WebAssembly engine has ended/);
  await expect(pool.run(99, 0, 1, 1)).rejects.toThrow(/a thread of the WebAssembly engine has ended/);
  expect(told).toHaveLength(1);
});
