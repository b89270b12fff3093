// ONNX's own tests on the engine, step by step, and its RNN tests as models on all backends. What is expected was computed in
// float32, as it is here: each may be off by the bound, and one from the other by twice that.

import { describe, expect, it } from "vitest";
import { dense, simpleRNN } from "../../src/index.ts";
import { ONNX_TESTS, restate, rnnRuns, worstRatio, type RnnRun } from "../conformance/onnx.ts";
import { ROUNDOFF, worstError } from "../support/compare.ts";
import { BACKENDS, compiledModel, setNumbers, type TestBackend } from "../support/models.ts";
import { runStep, useGpu } from "./support.ts";

const gpu = useGpu();

describe.each(ONNX_TESTS.filter(({ node }) => node.op !== "RNN"))("$name", (test) => {
  it("is what the engine computes", async () => {
    for (const restated of restate(test)) {
      const {
        outputs: [output],
        reference: [{ bounds }],
      } = await runStep(gpu, restated);
      expect(
        worstRatio(
          restated,
          output,
          bounds.map((bound) => 2 * bound),
        ),
        restated.name,
      ).toBeLessThanOrEqual(1);
    }
  });
});

async function lastStates(
  { shape: [batch, steps, features, units], x, weights }: RnnRun,
  backend: TestBackend,
): Promise<ArrayLike<number>> {
  const model = await compiledModel(
    { layers: [simpleRNN({ units, inputShape: [steps, features] }), dense({ units, useBias: false })] },
    { optimizer: "sgd", loss: "meanSquaredError", backend },
  );
  const identity = Array.from({ length: units * units }, (_, i) => (i % (units + 1) === 0 ? 1 : 0));
  await setNumbers(model, [...weights.map((data) => [...data]), identity]);
  return model.predict(x, { batchSize: batch });
}

/** tanh from e^(−2|z|): 1 − e and 1 + e, e to (3 + 2·2|z|) ULP of at most e, and a division; far below this wherever z is. */
const TANH = 32 * ROUNDOFF;

/**
 * How far h(T) of two float32 machines may lie apart: roundings of the sums, what came in from the step before, and how steep
 * tanh is there.
 */
function tolerance({ shape: [batch, steps, features, units], x, weights: [kernel, recurrent, bias] }: RnnRun): number {
  let worst = 0;
  for (let b = 0; b < batch; b++) {
    let h = new Array<number>(units).fill(0),
      errors = h;
    for (let t = 0; t < steps; t++) {
      const now = h.map((_, j) => {
        const terms = [...h.map((value, i) => value * recurrent[i * units + j]), bias[j]];
        for (let k = 0; k < features; k++) terms.push(x[(b * steps + t) * features + k] * kernel[k * units + j]);
        const z = terms.reduce((sum, term) => sum + term, 0),
          size = terms.reduce((sum, term) => sum + Math.abs(term), 0);
        const error = (terms.length + 1) * ROUNDOFF * size + errors.reduce((sum, e, i) => sum + e * Math.abs(recurrent[i * units + j]), 0);
        return { h: Math.tanh(z), error: error * (1 - Math.tanh(Math.max(Math.abs(z) - error, 0)) ** 2) + TANH };
      });
      [h, errors] = [now.map(({ h: value }) => value), now.map(({ error }) => error)];
    }
    worst = Math.max(worst, ...errors);
  }
  return 2 * worst;
}

describe.each(ONNX_TESTS.filter(({ node }) => node.op === "RNN").flatMap(rnnRuns))("$name", (run) => {
  it.each(BACKENDS)("h(T) on %s", async (backend) => {
    expect(tolerance(run)).toBeLessThan(1e-4);
    expect(worstError(await lastStates(run, backend), run.last)).toBeLessThanOrEqual(tolerance(run));
  });

  it("control: without the recurrent weights, or with another input where there is one step, it is something else", async () => {
    const [kernel, recurrent, bias] = run.weights,
      alone = run.shape[1] === 1;
    const other = alone
      ? { ...run, weights: [kernel.map((w) => 0.9 * w), recurrent, bias] }
      : { ...run, weights: [kernel, recurrent.map(() => 0), bias] };
    expect(worstError(await lastStates(other, "cpu"), run.last)).toBeGreaterThan(tolerance(run));
  });
});
