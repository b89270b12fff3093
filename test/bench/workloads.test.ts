// The benchmark's data: the same for everyone, learnable, in the order that each contender goes through.

import { describe, expect, it } from "vitest";
import { referenceLosses } from "../../bench/agreement.ts";
import { pipelined, READ_EVERY } from "../../bench/contender.ts";
import { makeRecurrentProblem, oneHot, RECURRENT, timeFirst } from "../../bench/recurrent.ts";
import { rotated, spreadOf } from "../../bench/statistics.ts";
import { BATCHES, cycle, epochsFor, makeProblem, WORKLOADS } from "../../bench/workloads.ts";

const TINY = WORKLOADS[0];

describe("a problem", () => {
  it("is the same each time, and another with another seed", () => {
    expect(makeProblem(TINY)).toEqual(makeProblem(TINY));
    expect(makeProblem(TINY, 2).x).not.toEqual(makeProblem(TINY).x);
  });

  it("has a loss that falls", async () => {
    const losses = await referenceLosses(TINY, 8 * BATCHES),
      average = (part: number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
    expect(average(losses.slice(-BATCHES))).toBeLessThan(0.9 * average(losses.slice(0, BATCHES)));
  });

  it("repeats its mini-batches in order, cut where asked", () => {
    const { x } = makeProblem(TINY),
      perBatch = x.length / BATCHES,
      steps = BATCHES + 3;
    const all = cycle(x, steps);
    expect(all).toHaveLength(perBatch * steps);
    expect(all.slice(0, x.length)).toEqual(x);
    expect(all.slice(x.length)).toEqual(x.slice(0, 3 * perBatch));
    expect(cycle(x, 2)).toEqual(x.slice(0, 2 * perBatch));
  });

  it("is cut into epochs of at most epochSteps", () => {
    expect(epochsFor({ ...TINY, epochSteps: 100 }, 10)).toEqual({ perEpoch: 10, timedEpochs: 1 });
    expect(epochsFor({ ...TINY, epochSteps: 100 }, 250)).toEqual({ perEpoch: 100, timedEpochs: 3 });
  });
});

describe("the pipelined loop", () => {
  it.each([1, READ_EVERY - 1, READ_EVERY, READ_EVERY + 1, 3 * READ_EVERY])("reads every few and the last of %i", async (steps) => {
    const read: number[] = [],
      dropped: number[] = [];
    await pipelined(
      steps,
      (index) => index,
      async (loss) => {
        read.push(loss);
      },
      (loss) => {
        dropped.push(loss);
      },
    );
    expect(read.at(-1)).toBe(steps - 1);
    expect(read).toHaveLength(Math.ceil(steps / READ_EVERY));
    expect([...read, ...dropped].sort((a, b) => a - b)).toEqual(Array.from({ length: steps }, (_, i) => i));
  });
});

describe("statistics", () => {
  it("takes the median of an odd and an even number, and the spread", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(() => spreadOf([])).toThrow("nothing was measured");
  });

  it("starts each round with another contender", () => {
    expect([0, 1, 2, 3].map((round) => rotated(["a", "b", "c"], round)[0])).toEqual(["a", "b", "c", "a"]);
  });
});

describe("windows of characters", () => {
  const [SMALL] = RECURRENT,
    TINY_TEXT = { ...SMALL, vocabulary: 5, hidden: 4, steps: 3, batch: 2, learningRate: 0.05 };

  it("are the same each time, whole numbers of the vocabulary, answered by the character that follows", () => {
    const { rows, x, labels, input, recurrent, output } = makeRecurrentProblem(SMALL);
    expect(makeRecurrentProblem(SMALL)).toEqual(makeRecurrentProblem(SMALL));
    expect(makeRecurrentProblem(SMALL, 2).x).not.toEqual(x);
    expect([x.length, labels.length]).toEqual([rows * SMALL.steps, rows * SMALL.steps]);
    expect(new Set(x).size).toBe(SMALL.vocabulary);
    expect(Math.max(...x, ...labels)).toBe(SMALL.vocabulary - 1);
    expect(labels.slice(0, -1)).toEqual(x.slice(1));
    expect([input.kernel.length, input.bias.length, recurrent.length, output.kernel.length, output.bias.length]).toEqual([
      65 * 128,
      128,
      128 * 128,
      128 * 65,
      65,
    ]);
  });

  it("have a loss that falls, from that of guessing", async () => {
    const losses = await referenceLosses(TINY_TEXT, 8 * BATCHES);
    expect(losses).toHaveLength(8 * BATCHES);
    expect(losses[0]).toBeGreaterThan(0.7 * Math.log(5));
    expect(Math.max(...losses.slice(-BATCHES))).toBeLessThan(0.9 * Math.min(...losses.slice(0, 3)));
  });

  it("become rows of zeros and a one, and mini-batches with time first", () => {
    expect([...oneHot(Uint8Array.of(2, 0), 3)]).toEqual([0, 0, 1, 1, 0, 0]);
    // Windows 10 11 12, 20 21 22 | 30 31 32, 40 41 42.
    const characters = Uint8Array.of(10, 11, 12, 20, 21, 22, 30, 31, 32, 40, 41, 42);
    expect([...timeFirst(characters, TINY_TEXT, 0)]).toEqual([10, 20, 11, 21, 12, 22]);
    expect([...timeFirst(characters, TINY_TEXT, 1)]).toEqual([30, 40, 31, 41, 32, 42]);
  });
});
