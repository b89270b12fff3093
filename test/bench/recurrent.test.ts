// Recurrent workloads: what each cell computes, by hand, and that contenders written out step by step compute the same. On the CPU.

import { setBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { describe, expect, it } from "vitest";
import { compareLosses, referenceLosses } from "../../bench/agreement.ts";
import type { RecurrentContender } from "../../bench/contender.ts";
import { CONTENDERS } from "../../bench/contenders.ts";
import { jaxRecurrentOn } from "../../bench/contenders/jax-rnn.ts";
import { tfjsRecurrentFit } from "../../bench/contenders/tfjs-rnn-fit.ts";
import { tfjsRecurrentMinimize } from "../../bench/contenders/tfjs-rnn-minimize.ts";
import {
  BLOCKS,
  makeRecurrentProblem,
  RECURRENT,
  type Cell,
  type RecurrentProblem,
  type RecurrentWorkload,
} from "../../bench/recurrent.ts";

const CELLS: readonly Cell[] = ["rnn", "lstm", "gru"];
const tiny = (cell: Cell): RecurrentWorkload => ({
  ...RECURRENT[0],
  name: `tiny ${cell}`,
  cell,
  vocabulary: 5,
  hidden: 4,
  steps: 3,
  batch: 2,
  learningRate: 0.05,
});

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** h(t) and c(t) of one example, each unit by itself, in float64. */
function advance(cell: Cell, problem: RecurrentProblem, character: number, h: readonly number[], c: readonly number[]): number[][] {
  const { input, recurrent, recurrentBias } = problem,
    units = h.length,
    columns = BLOCKS[cell] * units;
  const z = (block: number, j: number) => input.kernel[character * columns + block * units + j] + input.bias[block * units + j];
  const q = (block: number, j: number) =>
    h.reduce((sum, one, k) => sum + one * recurrent[k * columns + block * units + j], recurrentBias?.[block * units + j] ?? 0);
  const pairs = h.map((before, j) => {
    const sum = (block: number) => z(block, j) + q(block, j);
    if (cell === "rnn") return [Math.tanh(sum(0)), 0];
    if (cell === "lstm") {
      const now = sigmoid(sum(1)) * c[j] + sigmoid(sum(0)) * Math.tanh(sum(2));
      return [sigmoid(sum(3)) * Math.tanh(now), now];
    }
    const keep = sigmoid(sum(0));
    return [keep * before + (1 - keep) * Math.tanh(z(2, j) + sigmoid(sum(1)) * q(2, j)), 0];
  });
  return [pairs.map(([state]) => state), pairs.map(([, state]) => state)];
}

/** The mean cross-entropy of the first mini-batch. */
function lossByHand({ cell, vocabulary, hidden, steps, batch }: RecurrentWorkload, problem: RecurrentProblem): number {
  const { x, labels, output } = problem;
  let total = 0;
  for (let b = 0; b < batch; b++) {
    let h = Array.from({ length: hidden }, () => 0),
      c = h;
    for (let t = 0; t < steps; t++) {
      [h, c] = advance(cell, problem, x[b * steps + t], h, c);
      const logits = Array.from({ length: vocabulary }, (_, v) =>
        h.reduce((sum, one, k) => sum + one * output.kernel[k * vocabulary + v], output.bias[v]),
      );
      total += Math.log(logits.reduce((sum, one) => sum + Math.exp(one), 0)) - logits[labels[b * steps + t]];
    }
  }
  return total / (batch * steps);
}

describe.each(CELLS)("a network of %s cells", (cell) => {
  const workload = tiny(cell),
    problem = makeRecurrentProblem(workload),
    columns = BLOCKS[cell] * workload.hidden;

  it("has the matrices of its gates side by side, and biases that tell them apart", () => {
    const { input, recurrent, recurrentBias } = problem;
    expect([input.kernel.length, input.bias.length, recurrent.length]).toEqual([5 * columns, columns, 4 * columns]);
    expect(recurrentBias?.length).toBe(cell === "gru" ? columns : undefined);
    expect(new Set([...input.bias, ...(recurrentBias ?? [])]).size).toBe({ rnn: 1, lstm: columns, gru: 2 * columns }[cell]);
  });

  it("has the first loss that its formula gives by hand", async () => {
    const [first] = await referenceLosses(workload, 1);
    expect(Math.abs(first - lossByHand(workload, problem))).toBeLessThan(1e-12);
    // Control: another order of the blocks gives another loss.
    const turned = { ...problem, recurrent: problem.recurrent.map((_, i, all) => all[(i + workload.hidden) % all.length]) };
    expect(Math.abs(first - lossByHand(workload, turned))).toBeGreaterThan(1e-4);
  });

  const onCpu = async () => void (await setBackend("cpu"));
  const written: [string, RecurrentContender][] = [
    ["TensorFlow.js, minimize", tfjsRecurrentMinimize(onCpu)],
    ["TensorFlow.js, fit", tfjsRecurrentFit(onCpu)],
    ["jax-js", jaxRecurrentOn("wasm")],
  ];

  it.each(written.filter(([name]) => cell !== "gru" || !name.includes("fit")))("is trained alike by %s", async (_, contender) => {
    const losses = await (await contender.start(workload, problem)).losses(6);
    expect(compareLosses(losses, await referenceLosses(workload, 6))).toMatchObject({ ok: true, says: "agrees" });
    // Control: from other weights it is not.
    const other = await (await contender.start(workload, makeRecurrentProblem(workload, 2))).losses(1);
    expect(compareLosses(other, losses.slice(0, 1)).ok).toBe(false);
  });
});

it("TensorFlow.js' gru has another formula: fit says so, and its contenders are known to lack it", async () => {
  const contender = tfjsRecurrentFit(async () => void (await setBackend("cpu")));
  await expect(contender.start(tiny("gru"), makeRecurrentProblem(tiny("gru")))).rejects.toThrow("has no resetAfter");
  expect(CONTENDERS.filter(({ lacks }) => lacks?.gru !== undefined).map(({ name }) => name)).toEqual(["tfjs webgpu fit", "tfjs wasm fit"]);
});
