// What the campaign measures: its parts, and the tasks of each in order. Pure.

import { InvalidArgumentError } from "commander";
import { PRODUCTS } from "../products.ts";
import { RECURRENT } from "../recurrent.ts";
import { WORKLOADS } from "../workloads.ts";

export interface Part {
  readonly name: string;
  readonly title: string;
  /** All tasks of it together may take so long; of a full and of a quick run. */
  readonly seconds: { readonly full: number; readonly quick: number };
  /** One task of it may take so long. */
  readonly taskSeconds: number;
}

/**
 * In this order. A run ends within the sum of their seconds: a full one below 9 minutes, a quick one within a minute, and a
 * third of one more where PyTorch is.
 */
export const PARTS = [
  { name: "adapter", title: "Adapter and limits", seconds: { full: 15, quick: 6 }, taskSeconds: 15 },
  { name: "tests", title: "GPU tests", seconds: { full: 125, quick: 10 }, taskSeconds: 60 },
  { name: "roofline", title: "Roofline", seconds: { full: 45, quick: 11 }, taskSeconds: 45 },
  { name: "workloads", title: "Workloads beside jax-js", seconds: { full: 110, quick: 11 }, taskSeconds: 25 },
  { name: "autotune", title: "Cuts of products: the model's and the fastest", seconds: { full: 65, quick: 6 }, taskSeconds: 15 },
  { name: "features", title: "f16 and subgroups, on and off", seconds: { full: 30, quick: 6 }, taskSeconds: 15 },
  { name: "sizes", title: "Batch sizes and widths", seconds: { full: 55, quick: 6 }, taskSeconds: 10 },
  { name: "pytorch", title: "PyTorch", seconds: { full: 85, quick: 20 }, taskSeconds: 85 },
] as const satisfies readonly Part[];

export type PartName = (typeof PARTS)[number]["name"];

export interface Task {
  readonly part: PartName;
  /** Of a test file, a workload, a product or a size; of the part where that is one task. */
  readonly name: string;
  readonly quick: boolean;
}

const names = (items: readonly { readonly name: string }[]): string[] => items.map(({ name }) => name);

export const BATCH_SIZES = [16, 64, 256, 1024, 4096],
  WIDTHS = [32, 128, 512, 1024, 2048, 4096];
export const sizeName = (of: "batch" | "width", size: number): string => `${of} ${size}`;

/** The files of a quick run: the adapter, one kind of kernel, what Node has not (a page, workers), and the public door. */
const QUICK_TESTS = ["adapter", "worker", "worked-xor"];

/** Without the largest LSTM, whose float64 reference takes longer than a task may. */
export const SEQUENCES = RECURRENT.filter(({ cell, hidden }) => cell === "rnn" || hidden <= 128);

/** Layers with gates come last: jax-js takes long to trace them, and what takes too long takes the time of what follows. */
const SIMPLE = SEQUENCES.filter(({ cell }) => cell === "rnn"),
  GATED = SEQUENCES.filter(({ cell }) => cell !== "rnn");

const FULL: Readonly<Record<Exclude<PartName, "tests">, readonly string[]>> = {
  adapter: ["adapter"],
  roofline: ["roofline"],
  workloads: names([...WORKLOADS, ...SIMPLE, ...PRODUCTS, ...GATED]),
  autotune: names([...WORKLOADS, ...SIMPLE, ...PRODUCTS, ...GATED]),
  features: names([...WORKLOADS.filter(({ optimizer }) => optimizer === "adam"), RECURRENT[0]]),
  sizes: [...BATCH_SIZES.map((size) => sizeName("batch", size)), ...WIDTHS.map((size) => sizeName("width", size))],
  pytorch: ["pytorch"],
};
/** One of everything that is told differently, small enough for a software adapter. */
const QUICK: typeof FULL = {
  ...FULL,
  workloads: ["2-8-1 b4 sgd", "product x·W 64x784x128"],
  autotune: ["product x·W 64x784x128"],
  features: ["2-64-64-1 b256 adam"],
  sizes: [sizeName("batch", 16), sizeName("width", 32)],
};

/** @param testFiles as the bundle names them: "api-fit", "slow/predict" */
export function tasksOf(part: PartName, quick: boolean, testFiles: readonly string[]): Task[] {
  const chosen = part === "tests" ? testFiles.filter((file) => !quick || QUICK_TESTS.includes(file)) : (quick ? QUICK : FULL)[part];
  return chosen.map((name) => ({ part, name, quick }));
}

/**
 * The parts that --parts names; all without it. The adapter comes with any choice: numbers without it say nothing.
 * @throws InvalidArgumentError for a name that is none
 */
export function partsOf(text: string | undefined): (typeof PARTS)[number][] {
  if (text === undefined) return [...PARTS];
  const words = text
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== ""),
    known = names(PARTS);
  const unknown = words.find((word) => !known.includes(word));
  if (unknown !== undefined || words.length === 0) {
    throw new InvalidArgumentError(
      `--parts takes names of parts with commas between them; got "${unknown ?? text}". ` + `Known: ${known.join(", ")}.`,
    );
  }
  return PARTS.filter(({ name }) => name === "adapter" || words.includes(name));
}
