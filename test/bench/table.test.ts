// The report for people: units of steps and products, ratios, what was not timed.

import { describe, expect, it } from "vitest";
import type { Entry } from "../../bench/run.ts";
import { workloadTable } from "../../bench/table.ts";

const entry = (contender: string, perSecond: number, more: Partial<Entry> = {}): Entry => ({
  contender,
  status: "timed",
  says: "agrees",
  difference: 1e-6,
  stepsPerSecond: { median: perSecond, min: perSecond, max: perSecond },
  millisPerStep: 1000 / perSecond,
  coldMillis: { median: 300, min: 200, max: 400 },
  counts: null,
  peakBytes: 2 ** 20,
  bundleGzipBytes: 30_000,
  ...more,
});

const lines = (text: string) => text.split("\n");

describe("the table", () => {
  it("gives steps/s, ms/step and how many times faster deltaprop is", () => {
    const text = workloadTable({
      workload: "tiny",
      kind: "training",
      flops: null,
      entries: [entry("deltaprop", 1000), entry("other", 250)],
    });
    expect(lines(text)[1]).toMatch(/steps\/s +ms\/step +ratio/);
    expect(lines(text)[2]).toMatch(/deltaprop +1,000 \[1,000–1,000\] +1\.00 +1\.0×/);
    expect(lines(text)[3]).toMatch(/other +250 \[250–250\] +4\.00 +4\.0×/);
    expect(
      new Set(
        lines(text)
          .slice(1)
          .map(({ length }) => length),
      ).size,
    ).toBe(1);
  });

  it("gives GFLOP/s of a product", () => {
    const text = workloadTable({ workload: "square", kind: "product", flops: 2e9, entries: [entry("deltaprop", 12)] });
    expect(lines(text)[1]).toMatch(/products\/s +GFLOP\/s/);
    expect(lines(text)[2]).toMatch(/12\.0 \[12\.0–12\.0\] +24\.0 /);
  });

  it("says why there are no numbers, and leaves a ratio out where deltaprop has none", () => {
    const none = { status: "wrong", says: "is off", stepsPerSecond: null } as const;
    const text = workloadTable({ workload: "t", kind: "training", flops: null, entries: [entry("deltaprop", 1, none), entry("other", 2)] });
    expect(lines(text)[2]).toMatch(/^deltaprop +WRONG: is off$/);
    expect(lines(text)[3]).toMatch(/other .* – /);
  });

  it("shows what has no measure in this runtime as a dash", () => {
    const text = workloadTable({
      workload: "t",
      kind: "training",
      flops: null,
      entries: [entry("deltaprop", 1, { peakBytes: null, bundleGzipBytes: null })],
    });
    expect(lines(text)[2].match(/–/g)!.length).toBeGreaterThanOrEqual(6);
  });
});
