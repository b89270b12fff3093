// A launch for people: what it reads and writes, and each of its ops with equation, formula, shape and rounding. Pure. The command
// `npm run kernels` and compile({ debug }) print it.

import { equationsOf, formulaOf, roundingText, shapeText, type Equation } from "../graph/equations.ts";
import { tensorOf, type Graph, type Op } from "../graph/types.ts";
import type { PlannedStage } from "./launch.ts";
import type { Plan } from "./plan.ts";

/** The order in which equations are named. */
const ORDER: readonly Equation[] = ["data", "z", "a", "loss", "BP1", "BP2", "BP3", "BP4", "update"];

/** The equations that some ops belong to, each once. */
export function equationsIn(ops: readonly Op[], equations: ReadonlyMap<Op, Equation>): Equation[] {
  const found = new Set(ops.map((op) => equations.get(op)));
  return ORDER.filter((equation) => found.has(equation));
}

/** Lines of at most so many characters. */
const WIDTH = 120;

/** The words after `head`, on as many lines as they need. */
function wrapped(head: string, words: readonly string[]): string[] {
  const lines = [head];
  words.forEach((word, i) => {
    const text = i < words.length - 1 ? `${word},` : word,
      last = lines.length - 1;
    if (lines[last].length + text.length < WIDTH || i === 0) lines[last] += text;
    else lines.push(" ".repeat(head.length) + text);
    lines[lines.length - 1] += " ";
  });
  return lines.map((line) => line.trimEnd());
}

/** "b1 (1, 128) at weights[100352]": a tensor in memory, the buffer by its name in the kernel. */
function whereIs({ graph, batch, places, launches }: Plan, index: number, name: string): string {
  const place = places.get(name),
    buffer = launches.at(index)?.bindings.find(({ memory }) => memory === place?.memory);
  const text = `${name} ${shapeText(graph, name, batch)}`;
  return place && buffer ? `${text} at ${buffer.name}[${place.offset}]` : text;
}

/** The right-hand shapes of a product: "(64, 784)·(784, 128)". */
function productShapes(graph: Graph, { type, inputs: [left, right], ...step }: Op, batch: number): string {
  if (type !== "product" || !("form" in step)) return "";
  const [a, b] = [shapeText(graph, left, batch), shapeText(graph, right, batch)];
  return `${a}${step.form === "leftTransposed" ? "ᵀ" : ""}·${b}${step.form === "rightTransposed" ? "ᵀ" : ""}`;
}

/** A longer formula moves what follows it in its own line alone. */
const MOST_ALIGNED = 100;

/** "BP2     grad_a1 = delta2·w2ᵀ   (64, 10)·(128, 10)ᵀ   |error| ≤ 10·2⁻²⁴·Σ|terms|": one line an op. */
export function describeOps({ graph, batch }: Pick<Plan, "graph" | "batch">, ops: readonly Op[]): string[] {
  const equations = equationsOf(graph);
  const rows = ops.map((op) => [
    equations.get(op) ?? "",
    formulaOf(op),
    productShapes(graph, op, batch) || shapeText(graph, op.outputs[0], batch),
    roundingText(graph, op, batch) ?? "",
  ]);
  const widths = [0, 1, 2].map((c) => Math.max(...rows.map((row) => row[c].length).filter((length) => length <= MOST_ALIGNED)));
  return rows.map((row) =>
    row
      .map((cell, c) => cell.padEnd(widths[c] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Tensors in memory that are there before the stage begins, and those that it leaves. Weights and states, which it replaces, are both. */
function readsAndWrites({ touches, ops }: PlannedStage): { reads: string[]; writes: string[] } {
  const made = new Set<string>(),
    needed = new Set<string>();
  for (const { inputs, outputs } of ops) {
    inputs.filter((name) => !made.has(name)).forEach((name) => needed.add(name));
    outputs.forEach((name) => made.add(name));
  }
  const touched = [...new Set(touches.map(({ tensor }) => tensor))];
  return { reads: touched.filter((name) => needed.has(name)), writes: touched.filter((name) => made.has(name)) };
}

/** A heading of several lines for stage `index` of the plan, from 0: a launch of a GPU, or a stage of a WebAssembly program. */
export function describeStage(plan: Plan, index: number): string[] {
  const { graph, stages, launches } = plan,
    stage = stages[index],
    { reads, writes } = readsAndWrites(stage);
  const equations = equationsIn(stage.ops, equationsOf(graph)).join(", "),
    launch = launches.at(index);
  const grid = launch ? `, ${launch.grid[0]} × ${launch.grid[1]} workgroups` : "";
  const halves = writes.filter((name) => plan.places.get(name)?.type === "f16" && tensorOf(graph, name).role === "intermediate");
  return [
    `${launch ? "launch" : "stage"} ${index + 1} of ${stages.length}: ${stage.kernel}${grid}; computes ${equations}`,
    ...wrapped(
      "  reads   ",
      reads.map((name) => whereIs(plan, index, name)),
    ),
    ...wrapped(
      "  writes  ",
      writes.map((name) => whereIs(plan, index, name)),
    ),
    ...(halves.length > 0 ? [`  stored as f16, relative rounding 2⁻¹¹: ${halves.join(", ")}`] : []),
    ...describeOps(plan, stage.ops).map((line) => `  ${line}`),
  ];
}
