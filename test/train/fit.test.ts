// The training loop by itself, on runners that stop or fail where a test wants it: what is counted, what is thrown away.

import { describe, expect, it } from "vitest";
import { GpuError } from "../../src/index.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { dense as layer } from "../../src/model/layers.ts";
import type { ResultHandler, StopSignal } from "../../src/train/backend/backend.ts";
import { CpuBackend } from "../../src/train/float64/cpu-backend.ts";
import { FaultTolerantRunner } from "../../src/train/recovery/fault-tolerant-runner.ts";
import { runEpochs, type Loop } from "../../src/train/fit.ts";
import type { History } from "../../src/train/loop/history.ts";
import { DeviceSession } from "../../src/train/recovery/device-session.ts";
import { Orders } from "../../src/train/backend/orders.ts";
import { Gate } from "../../src/train/call/lifecycle.ts";
import { Steering } from "../../src/train/loop/steering.ts";
import type { Prepared, Progress } from "../../src/train/loop/passes.ts";
import type { StepScalars } from "../../src/graph/types.ts";

type Run = (steps: readonly StepScalars[], onResults: ResultHandler, signal?: StopSignal) => Promise<number>;
const ROWS = 8,
  PORTIONS = { rows: ROWS, at: 0, batchSize: 2 };

/** Reports steps one by one, each of loss 1. */
const steady: Run = async (steps, onResults, signal) => {
  for (let i = 0; i < steps.length; i++) {
    if (signal?.aborted) return i;
    onResults(i, 1, [1]);
    await Promise.resolve();
  }
  return steps.length;
};
const prepared = (run: Run): Prepared => ({
  orders: new Orders(
    { dataset: { rows: ROWS, x: new Float32Array(ROWS), format: { type: "float32", scale: 1 }, y: null }, setOrder() {} },
    1,
  ),
  runner: { resultElements: 1, run, dispose() {} },
  ...PORTIONS,
});
const network = resolveNetwork([layer({ units: 1, inputShape: [1] })], 0);

/** Trains with the runner from where `progress` is. */
function fit(
  train: Run,
  changes: Partial<Loop> = {},
  progress: Progress = { steps: 0, epochs: 0, stateRows: 0 },
  validation: Run | null = null,
): Promise<History> {
  const backend = new CpuBackend(),
    recipe = resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" });
  const session = new DeviceSession({ backend, state: new Map(), reopen: async () => backend }, progress, () => {});
  const faultTolerant = new FaultTolerantRunner({
    session,
    progress,
    position: null,
    course: { recipe, seed: 0, portions: PORTIONS, shuffle: true },
    onDeviceLost() {},
    onNaN: "stop",
    gate: new Gate(),
    steering: new Steering(),
    recipe: () => recipe,
    checkpointing: null,
    firstNonFinite: async () => "loss",
    open: async () => ({ train: prepared(train), validation: validation && prepared(validation), dispose() {} }),
  });
  return runEpochs(
    {
      faultTolerant,
      portions: PORTIONS,
      readout: { names: ["loss"], means: 1 },
      validates: validation !== null,
      epochs: 2,
      by: null,
      ahead: 1,
      options: {},
      signal: { aborted: false },
      ...changes,
    },
    progress,
  );
}

describe("the step counter", () => {
  it("counts what was seen to be done before the GPU failed", async () => {
    const progress = { steps: 10, epochs: 0, stateRows: 0 };
    const failing: Run = async (_, onResults) => {
      onResults(0, 2, [1, 1]);
      onResults(2, 1, [1]);
      throw new GpuError("gone");
    };
    await expect(fit(failing, {}, progress)).rejects.toThrow("gone");
    expect(progress.steps).toBe(13);
  });

  it("goes on from epoch to epoch", async () => {
    const progress = { steps: 10, epochs: 3, stateRows: 0 };
    expect(await fit(steady, {}, progress)).toMatchObject({ steps: 8, epochs: 2, stopped: false });
    expect(progress).toMatchObject({ steps: 18, epochs: 5 });
  });
});

describe("stopping", () => {
  it("within validation ends training, and half a validation is no result", async () => {
    const stop = new AbortController(),
      ended: number[] = [];
    let validations = 0;
    const validate: Run = (steps, onResults, signal) =>
      steady(
        steps,
        (first, count, results) => {
          if (++validations === 6) stop.abort();
          onResults(first, count, results);
        },
        signal,
      );
    const history = await fit(
      steady,
      { epochs: 5, signal: stop.signal, options: { callbacks: { onEpochEnd: (epoch) => void ended.push(epoch) } } },
      undefined,
      validate,
    );
    // 4 steps of validation an epoch: the sixth is in the second.
    expect(validations).toBe(6);
    expect(history).toEqual({ history: { loss: [1], val_loss: [1] }, epochs: 1, steps: 8, stopped: true });
    expect(ended).toEqual([0]);
  });

  it.each([
    [1, true],
    [2, false],
  ])("a signal after epoch %i of 2: stopped is %s", async (after, stopped) => {
    const stop = new AbortController();
    const history = await fit(steady, {
      signal: stop.signal,
      options: { callbacks: { onEpochEnd: (epoch) => void (epoch + 1 === after && stop.abort()) } },
    });
    expect(history).toMatchObject({ epochs: after, stopped });
  });
});
