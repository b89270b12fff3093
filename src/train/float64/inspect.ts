// inspectStep(): one training step taken apart, tensor by tensor of the textbook, the GPU's numbers beside the reference's.
//
// The step runs on a plan in which nothing is fused, so that each z, a, δ and gradient has a place of its own in memory.
// As in verify(), each equation is evaluated in float64 from the numbers that the GPU itself had before it.

import { equationsOf, type Equation } from "../../graph/equations.ts";
import { rowsOf, tensorOf, type Op } from "../../graph/types.ts";
import { compareTensor, type Comparison } from "../../reference/compare.ts";
import { Plan } from "../../schedule/plan.ts";
import type { Compiled } from "../compiled/compiled.ts";
import { planExtras } from "../compiled/extras.ts";
import type { Dataset } from "../data/data.ts";
import { checkTrace, traceSteps, type Trace } from "./verify.ts";

/** One tensor of a training step; of what an equation takes several steps for, each is one. */
export interface InspectedTensor {
  /** "x" "y" "z1" "a1" "delta1" "grad_w1" "grad_b1" …, numbered by dense layer from 1; "w1" and "b1" are those after the update. */
  readonly name: string;
  readonly equation: Equation;
  /** The operation, such as "product", "rowSum" or "hadamard"; and the tensors that it took. */
  readonly op: Op["type"];
  readonly inputs: readonly string[];
  /** Rows and columns; the numbers are row-major. */
  readonly shape: readonly [rows: number, cols: number];
  /** What the GPU computed; null where the model runs on the CPU. */
  readonly gpu: Float32Array | null;
  /** The same equation in float64, from the GPU's own inputs. */
  readonly reference: Float64Array;
  /** How far rounding may take the GPU from the reference, number by number. */
  readonly bound: Float64Array;
  /** The comparison of the number that is closest to its bound, or out of it; null on the CPU. */
  readonly worst: Comparison | null;
}

/** Weights and biases as they were before the step. */
export interface GivenTensor {
  readonly name: string;
  readonly shape: readonly [rows: number, cols: number];
  readonly values: Float32Array;
}

/** What inspectStep() found. */
export class StepInspection {
  constructor(
    readonly given: readonly GivenTensor[],
    readonly tensors: readonly InspectedTensor[],
  ) {}

  /** True if every number of every tensor is within its bound; a CPU has nothing to compare. */
  get ok(): boolean {
    return this.firstFailure === null;
  }

  /** The first tensor that is off, in the order in which they were computed; null if none is. */
  get firstFailure(): InspectedTensor | null {
    return this.tensors.find(({ worst }) => worst !== null && !worst.ok) ?? null;
  }

  /** The tensor of that name: of a weight the one after the update, of `given` before it. @throws Error if there is none */
  tensor(name: string): InspectedTensor {
    const found = this.tensors.find((tensor) => tensor.name === name);
    if (!found) throw new Error(`inspectStep(): there is no ${name}. There are ${this.tensors.map((tensor) => tensor.name).join(", ")}.`);
    return found;
  }
}

/** One traced step with everything that it computed. @param trace null where no GPU ran */
export function inspectTrace(
  plan: Plan,
  trace: Trace | null,
  before: ReadonlyMap<string, ArrayLike<number>>,
  scalars: Parameters<typeof checkTrace>[3],
): StepInspection {
  const { graph } = plan,
    equations = equationsOf(graph);
  const shapeOf = (name: string) => {
    const tensor = tensorOf(graph, name);
    return [rowsOf(tensor, scalars.rows), tensor.cols] as const;
  };
  const given = [...graph.tensors.values()]
    .filter(({ role }) => role === "parameter")
    .map(({ name }) => ({ name, shape: shapeOf(name), values: Float32Array.from(before.get(name) ?? []) }));
  const tensors = checkTrace(plan, trace, before, scalars).map(({ op, name, gpu, expected }): InspectedTensor => ({
    name,
    equation: equations.get(op) ?? "loss",
    op: op.type,
    inputs: op.inputs,
    shape: shapeOf(name),
    gpu: gpu && Float32Array.from(gpu),
    reference: expected.values,
    bound: expected.bounds,
    worst: gpu && compareTensor(name, gpu, expected),
  }));
  return new StepInspection(given, tensors);
}

/** The plan of a step as the textbook writes it: every tensor has a place of its own. */
function textbookPlan(compiled: Compiled, { format, rows }: Dataset): Plan {
  const { maxBuffers, maxBytes, places: weights, planAdapter: adapter, precision, program } = compiled.backend;
  return new Plan(compiled.graph("train", format), {
    batch: rows,
    fuse: false,
    maxBuffers,
    maxBytes,
    weights,
    adapter,
    precision,
    program,
    ...planExtras(compiled.extras),
  });
}

/** Runs one training step, all rows one mini-batch, and puts weights and states back. @throws what the backend throws */
export async function inspectTrainingStep(compiled: Compiled, dataset: Dataset): Promise<StepInspection> {
  await compiled.prepare(dataset.rows, dataset.format);
  const plan = textbookPlan(compiled, dataset);
  let inspection: StepInspection | null = null;
  await traceSteps(compiled, plan, dataset, 1, (trace, before, scalars) => {
    inspection = inspectTrace(plan, trace, before, scalars);
  });
  if (!inspection) throw new Error("a traced step has an inspection");
  return inspection;
}
