// What the roofline asks and answers, and its tables for people.

import { align } from "../align.ts";
import type { Ceilings } from "./probes.ts";

export interface RooflineQuestion {
  readonly kind: "roofline";
  readonly bundle: "roofline.js";
  readonly pace: "quick" | "full";
  /** Names of workloads and products. */
  readonly tasks: readonly string[];
}

/** One launch alone. */
export interface KernelTime {
  readonly kernel: string;
  readonly label: string;
  readonly micros: number;
  /** In one submit, when it was timed. */
  readonly runs: number;
  readonly flops: number;
  readonly bytes: number;
}

export interface RooflineResult {
  readonly kind: "roofline";
  readonly method: string;
  readonly ceilings: Ceilings;
  readonly plans: readonly { readonly workload: string; readonly kernels: readonly KernelTime[] }[];
}

const giga = (value: number): string => (value / 1e9).toPrecision(3);
const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`;
const HEAD = ["kernel", "µs", "of the step", "GFLOP/s", "of most", "GB/s", "of most", "computes"];

function planTable(kernels: readonly KernelTime[], { flopsPerSecond, bytesPerSecond }: Ceilings): string {
  const total = kernels.reduce((sum, { micros }) => sum + micros, 0);
  const rate = (amount: number, micros: number, most: number): [string, string] => {
    const perSecond = (amount / micros) * 1e6;
    return amount > 0 && micros > 0 ? [giga(perSecond), percent(perSecond / most)] : ["–", "–"];
  };
  return align([
    HEAD,
    ...kernels.map(({ kernel, label, micros, flops, bytes }) => [
      kernel,
      micros.toPrecision(3),
      percent(micros / total),
      ...rate(flops, micros, flopsPerSecond),
      ...rate(bytes, micros, bytesPerSecond),
      label,
    ]),
  ]);
}

export function rooflineText({ method, ceilings, plans }: RooflineResult): string {
  const { flopsPerSecond, flopsBy, bytesPerSecond, bytesBy, largestBytesPerSecond, largestBytes } = ceilings;
  return [
    `Timed by ${method}.`,
    `multiply-adds  ${giga(flopsPerSecond)} GFLOP/s (${flopsBy})`,
    `copies         ${giga(bytesPerSecond)} GB/s (${bytesBy}), ${giga(largestBytesPerSecond)} GB/s (${largestBytes / 2 ** 20} MiB)`,
    `a dependent dispatch ${ceilings.dispatchMicros.toPrecision(3)} µs, a submit ${ceilings.submitMicros.toPrecision(3)} µs, ` +
      `reading back ${ceilings.readbackMicros.toPrecision(3)} µs`,
    ...plans.map(({ workload, kernels }) => `\n${workload}\n${planTable(kernels, ceilings)}`),
    "\nEach launch alone, many times in a submit. Bytes: each tensor that it touches, once; caches can exceed the copy.",
  ].join("\n");
}
