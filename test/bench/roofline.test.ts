// What a launch has to do, how it is timed without timestamps, and the table of shares. No GPU.

import { afterEach, describe, expect, it, vi } from "vitest";
import { rooflineText, type RooflineResult } from "../../bench/roofline/report.ts";
import { Timer } from "../../bench/roofline/timer.ts";
import { bytesOfLaunch, flopsOfLaunch } from "../../bench/roofline/work.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, Op } from "../../src/graph/types.ts";
import type { Launch } from "../../src/schedule/launch.ts";

const BATCH = 8;

function graph(): Graph {
  const g = new GraphBuilder();
  g.tensor("data_x", 1, 5, "data");
  g.tensor("order", 1, 1, "data");
  g.tensor("x", "batch", 5);
  g.push({ type: "gather", source: "uint8", scale: 1, inputs: ["data_x", "order"], outputs: ["x"] });
  g.tensor("w1", 5, 3, "parameter");
  g.product("normal", "x", "w1", "z1");
  g.tensor("delta1", "batch", 3);
  g.product("leftTransposed", "x", "delta1", "grad_w1");
  return { purpose: "train", tensors: g.tensors, ops: g.ops, output: "z1", seed: 0 };
}

const launch = (ops: readonly Op[], tensors: readonly string[]): Launch => ({
  kernel: "k",
  label: "",
  ops,
  source: "",
  grid: [1, 1],
  flops: 0,
  table: "uniform",
  bindings: [],
  touches: tensors.map((tensor) => ({ tensor, access: "read" })),
});

describe("the work of a launch", () => {
  const g = graph(),
    [gather, forward, gradient] = g.ops;

  it("counts two operations a term", () => {
    expect(flopsOfLaunch(g, BATCH, launch([forward], []))).toBe(2 * 8 * 5 * 3);
    expect(flopsOfLaunch(g, BATCH, launch([gradient], []))).toBe(2 * 5 * 3 * 8);
    expect(flopsOfLaunch(g, BATCH, launch([gather], []))).toBe(0);
  });

  it("counts each tensor in memory once, rows of bytes as bytes, and the order of the rows", () => {
    expect(bytesOfLaunch(g, BATCH, launch([forward], ["x", "w1", "z1"]))).toBe(4 * (40 + 15 + 24));
    expect(bytesOfLaunch(g, BATCH, launch([gather], ["data_x", "order", "x"]))).toBe(40 + 4 * 8 + 4 * 40);
  });

  it("counts a weight that is updated in place twice, and what stays in the kernel not at all", () => {
    const update: Op = { type: "hadamard", inputs: ["w1", "grad_w1"], outputs: ["w1"] };
    expect(bytesOfLaunch(g, BATCH, launch([gradient, update], ["x", "delta1", "w1"]))).toBe(4 * (40 + 24 + 2 * 15));
  });

  it("does not count reading what the launch itself has written before", () => {
    const second: Op = { type: "hadamard", inputs: ["z1", "z1"], outputs: ["delta1"] };
    expect(bytesOfLaunch(g, BATCH, launch([forward, second], ["x", "w1", "z1", "delta1"]))).toBe(4 * (40 + 15 + 24 + 24));
  });
});

describe("a timer without timestamps", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("takes what a submit costs away", async () => {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const timer = new Timer({ features: new Set<string>() } as unknown as GPUDevice, "quick");
    // 2 ms a submit, 30 µs a run.
    const { micros, runs } = await timer.time(async (times) => {
      now += 2 + 0.03 * times;
    }, 1000);
    expect(micros).toBeCloseTo(30, 6);
    expect(runs).toBeGreaterThan(10);
    expect(timer.method).toContain("clock");
  });

  it("stays within what a submit can hold", async () => {
    let now = 0,
      most = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const timer = new Timer({ features: new Set<string>() } as unknown as GPUDevice, "full");
    await timer.time(async (times) => {
      now += 0.001 * times;
      most = Math.max(most, times);
    }, 16);
    expect(most).toBe(16);
  });
});

describe("the roofline's table", () => {
  it("gives rates and their shares of the ceilings", () => {
    const result: RooflineResult = {
      kind: "roofline",
      method: "timestamp queries",
      ceilings: {
        flopsPerSecond: 1e12,
        flopsBy: "fma",
        bytesPerSecond: 1e11,
        bytesBy: "a copy",
        largestBytesPerSecond: 9e10,
        largestBytes: 2 ** 28,
        dispatchMicros: 2,
        submitMicros: 10,
        readbackMicros: 300,
      },
      plans: [
        {
          workload: "net",
          kernels: [
            { kernel: "product", label: "z1", micros: 30, runs: 9, flops: 15e6, bytes: 6e5 },
            { kernel: "row_sum", label: "b1", micros: 10, runs: 9, flops: 0, bytes: 1e5 },
          ],
        },
      ],
    };
    const text = rooflineText(result);
    expect(text).toMatch(/product +30\.0 +75 % +500 +50 % +20\.0 +20 % +z1/);
    expect(text).toMatch(/row_sum +10\.0 +25 % +– +– +10\.0 +10 % +b1/);
    expect(text).toContain("Timed by timestamp queries.");
  });
});
