// The report as text, one table per workload. The ratio is steps/s (products/s) of deltaprop on the same kind of device over the
// contender's: above 1, deltaprop is faster. "diff" is of the losses, for a product in units of 2⁻²⁴·Σ|terms|.

import { align } from "./align.ts";
import type { Entry, WorkloadReport } from "./run.ts";
import type { Spread } from "./statistics.ts";

const digits = (value: number): string => {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toPrecision(2);
};
const spread = ({ median, min, max }: Spread): string => `${digits(median)} [${digits(min)}–${digits(max)}]`;
/** Of something per step: whole for most, a fraction for what happens once per submit of many steps. */
const perStep = (value: number): string => (value === 0 ? "0" : value >= 10 ? value.toFixed(0) : value.toPrecision(2));
const mebibytes = (bytes: number): string => digits(bytes / 2 ** 20);
const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);

const COUNTS = ["ratio", "disp", "submit", "buffers", "groups", "peak MiB", "cold ms", "gzip kB", "diff"];
const TRAINING = ["contender", "steps/s", "ms/step", ...COUNTS];
const HEADS = {
  training: TRAINING,
  recurrent: TRAINING,
  product: ["contender", "products/s", "GFLOP/s", ...COUNTS],
};

function row(entry: Entry, flops: number | null, baseline: number | null): string[] {
  const { stepsPerSecond, millisPerStep, counts, peakBytes, coldMillis, bundleGzipBytes, difference } = entry;
  if (stepsPerSecond === null) return [entry.contender, `${entry.status.toUpperCase()}: ${entry.says}`];
  const count = (value: number | undefined) => (value === undefined ? "–" : perStep(value));
  return [
    entry.contender,
    spread(stepsPerSecond),
    flops === null ? millisPerStep!.toPrecision(3) : digits((flops * stepsPerSecond.median) / 1e9),
    baseline === null ? "–" : `${digits(baseline / stepsPerSecond.median)}×`,
    count(counts?.dispatches),
    count(counts?.submits),
    count(counts?.buffers),
    count(counts?.bindGroups),
    peakBytes === null ? "–" : mebibytes(peakBytes),
    spread(coldMillis!),
    bundleGzipBytes === null ? "–" : kilobytes(bundleGzipBytes),
    difference!.toExponential(1),
  ];
}

export function workloadTable({ workload, kind, flops, entries }: WorkloadReport): string {
  const of = (name: string) => entries.find(({ contender }) => contender === name)?.stepsPerSecond?.median ?? null;
  const gpu = of("deltaprop"),
    wasm = of("deltaprop wasm");
  return `${workload}\n${align([HEADS[kind], ...entries.map((entry) => row(entry, flops, entry.contender.includes("wasm") ? wasm : gpu))])}`;
}
