// verify(): a few training steps on the GPU, every tensor that is in memory compared with the float64 reference.
//
// Each launch is checked from the numbers that the GPU itself had before it, so that errors do not add up and the bound
// is that of this launch alone: the reference evaluates the launch's steps in float64 and carries a rounding bound along.

import { InputError } from "../../errors.ts";
import type { WrittenTensors } from "../../gpu/trace.ts";
import { sizeOf, type Op, type StepScalars } from "../../graph/types.ts";
import { evaluateBounded, type Bounded } from "../../reference/bounds.ts";
import { compareTensor, type Comparison } from "../../reference/compare.ts";
import { storedAsHalf } from "../../reference/half.ts";
import type { PlannedStage } from "../../schedule/launch.ts";
import type { Plan } from "../../schedule/plan.ts";
import { dataArrays, ownOrder, type Backend, type DeviceData, type Floats } from "../backend/backend.ts";
import { miniBatches } from "../data/batches.ts";
import type { Compiled } from "../compiled/compiled.ts";
import type { DataArray, Dataset } from "../data/data.ts";
import { mapArrays } from "../data/map-arrays.ts";
import { DEFAULT_BATCH, type VerifyOptions } from "../call/options.ts";
import { fromStates } from "../data/states.ts";

/** What each launch of one step wrote, in order. */
export type Trace = readonly WrittenTensors[];

/** One comparison with its place. */
export interface VerifiedTensor extends Comparison {
  /** Number of the training step, from 0. */
  readonly step: number;
  /** The kernel that wrote the tensor. */
  readonly kernel: string;
}

/** What verify() found: whether every tensor is within its rounding bound, and the largest errors. As a string, a table. */
export class VerifyReport {
  constructor(
    readonly steps: number,
    readonly compared: readonly VerifiedTensor[],
  ) {}

  /** Tensors compared. */
  get tensors(): number {
    return this.compared.length;
  }

  /** True if every number of every tensor is within its bound. */
  get ok(): boolean {
    return this.compared.every(({ ok }) => ok);
  }

  /** The first tensor that is off, in the order in which they were computed; null if none is. */
  get firstFailure(): VerifiedTensor | null {
    return this.compared.find(({ ok }) => !ok) ?? null;
  }

  /** The comparison with the largest error relative to its bound. */
  get worst(): VerifiedTensor | null {
    return this.compared.reduce<VerifiedTensor | null>((w, c) => (w === null || !(c.ratio <= w.ratio) ? c : w), null);
  }

  /** The report as a text for people. */
  toString(): string {
    const shown = this.firstFailure ?? this.worst;
    const head =
      `verify: ${this.tensors} tensors of ${this.steps} training steps compared with the float64 reference, ` +
      (this.ok ? "all within their rounding bounds." : `${this.compared.filter(({ ok }) => !ok).length} out of bounds.`);
    if (shown === null) return head;
    const { name, step, kernel, worstIndex, gpu, reference, bound, ratio } = shown;
    return (
      `${head}\n${this.ok ? "Closest to its bound" : "First that is off"}: ${name} (step ${step}, kernel ${kernel}), ` +
      `element ${worstIndex}: GPU ${gpu}, reference ${reference}, error/bound ${ratio.toPrecision(3)} (bound ${bound.toExponential(2)}).`
    );
  }
}

const exact = (values: ArrayLike<number>): Bounded => ({
  values: Float64Array.from(values),
  bounds: new Float64Array(values.length),
});

/** Whole numbers as f32: above 2²⁴ one of the two neighbours (WGSL leaves open which). */
const copiedAsFloats = ({ values }: Bounded): Bounded => ({
  values,
  bounds: values.map((value) => (Number.isInteger(value) && value <= 2 ** 24 ? 0 : value * 2 ** -23)),
});

/** One output of one step of the graph, as the GPU left it and as the reference has it. */
export interface Checked {
  readonly op: Op;
  readonly kernel: string;
  readonly name: string;
  /** Null where it is in no memory: inside a launch, or on the CPU. */
  readonly gpu: ArrayLike<number> | null;
  readonly expected: Bounded;
}

function checkLaunch(
  { graph, places }: Plan,
  { kernel, ops }: PlannedStage,
  written: ReadonlyMap<string, ArrayLike<number>>,
  known: Map<string, Bounded>,
  scalars: StepScalars,
): Checked[] {
  const checked: Checked[] = [];
  for (const op of ops) {
    const inputs = op.inputs.map((name) => {
      const input = known.get(name);
      if (!input) throw new Error(`verify: ${name} is read before it is known`);
      return input;
    });
    const outputs = evaluateBounded(op, inputs, graph, scalars);
    op.outputs.forEach((name, i) => {
      const gpu = written.get(name) ?? null;
      const isWhole = op.type === "gather" && op.source === "uint32";
      const expected =
        gpu && places.get(name)?.type === "f16" ? storedAsHalf(outputs[i]) : gpu && isWhole ? copiedAsFloats(outputs[i]) : outputs[i];
      checked.push({ op, kernel, name, gpu, expected });
      // Those who read whole numbers read them from the data set.
      known.set(name, gpu && !isWhole ? exact(gpu) : outputs[i]);
    });
  }
  return checked;
}

/**
 * What the launches of one step wrote beside the reference, every output of every step of the graph, in order.
 * @param trace null where no GPU ran: the reference then goes on from its own numbers
 * @param before weights, optimizer states and data as they were before the step
 */
export function checkTrace(
  plan: Plan,
  trace: Trace | null,
  before: ReadonlyMap<string, ArrayLike<number>>,
  scalars: StepScalars,
): Checked[] {
  const known = new Map([...before].map(([name, values]) => [name, exact(values)]));
  return plan.stages.flatMap((launch, index) => checkLaunch(plan, launch, trace?.[index] ?? new Map(), known, scalars));
}

/** Compares what the launches of one step wrote with the reference; see checkTrace(). */
export function verifyTrace(
  plan: Plan,
  trace: Trace,
  before: ReadonlyMap<string, ArrayLike<number>>,
  scalars: StepScalars,
  step: number,
): VerifiedTensor[] {
  return checkTrace(plan, trace, before, scalars).flatMap(({ name, gpu, expected, kernel }) =>
    gpu ? [{ ...compareTensor(name, gpu, expected), step, kernel }] : [],
  );
}

/** A data set as the graph names it, its rows in their own order, for the reference. */
export const dataTensors = (dataset: Dataset): Map<string, ArrayLike<number>> =>
  new Map<string, ArrayLike<number>>([...dataArrays(dataset), ["order", ownOrder(dataset.rows)]]);

/** Uploads a data set, its rows in their own order. */
async function uploadInOrder(backend: Backend, dataset: Dataset): Promise<DeviceData> {
  const data = await backend.upload(dataset, 1);
  data.setOrder(ownOrder(dataset.rows), 0);
  return data;
}

/** The first rows of a data set, or all if there are no more; nothing is copied. */
function firstRows(dataset: Dataset, wanted: number): Dataset {
  const fewer = Math.min(dataset.rows, wanted);
  return mapArrays(dataset, fewer, <A extends DataArray>(array: A, cols: number) => array.subarray(0, cols * fewer) as A);
}

/** Null from a backend without launches. */
async function traceOne({ forTrace }: Backend, plan: Plan, data: DeviceData, step: StepScalars): Promise<Trace | null> {
  const tracer = await forTrace?.(plan, data);
  try {
    return tracer ? await tracer.trace(step) : null;
  } finally {
    tracer?.dispose();
  }
}

/** What one step began with, and what it left. */
type StepHandler = (trace: Trace | null, before: ReadonlyMap<string, ArrayLike<number>>, scalars: StepScalars, step: number) => void;

/**
 * Runs training steps on the data in its own order, over and over, then puts weights and states back. A backend without
 * launches runs none: `onStep` gets no trace.
 */
export async function traceSteps(compiled: Compiled, plan: Plan, dataset: Dataset, steps: number, onStep: StepHandler): Promise<void> {
  const { backend, recipe, progress } = compiled,
    tensors = [...plan.graph.tensors.values()];
  const names = tensors.filter(({ role }) => role === "parameter" || role === "state").map(({ name }) => name);
  const carried = tensors
    .filter(({ role }) => role === "carried")
    .map((tensor) => [tensor.name, new Float32Array(sizeOf(tensor, plan.batch))] as const);
  const saved: ReadonlyMap<string, Floats> = await backend.read(names);
  const batches = miniBatches(dataset.rows, plan.batch, 0);
  const data = await uploadInOrder(backend, dataset);
  try {
    for (let step = 0; step < steps; step++) {
      const { rows, offset } = batches[step % batches.length];
      // Sequences start afresh in every mini-batch: what training carries stays as it is.
      const [scalars] = fromStates(miniBatches(rows, rows, offset, progress.steps + step, recipe.optimizer), { stateRows: 0 });
      const before = new Map([...(await backend.read(names)), ...carried, ...dataTensors(dataset)]);
      onStep(await traceOne(backend, plan, data, scalars), before, scalars, step);
    }
  } finally {
    if (backend.forTrace) await backend.write(saved);
    data.dispose();
  }
}

/**
 * Checks training steps of the plan that fit() would run.
 * @throws InputError if there is no GPU to check; what the backend throws
 */
export async function verifySteps(compiled: Compiled, all: Dataset, options: VerifyOptions): Promise<VerifyReport> {
  const steps = options.steps ?? 1,
    batchSize = Math.min(options.batchSize ?? DEFAULT_BATCH, all.rows);
  if (!compiled.backend.forTrace) {
    throw new InputError(
      "verify(): it compares an engine with the float64 reference, but this model runs on the reference itself. " +
        'Compile with backend: "webgpu" or "wasm".',
    );
  }
  const plan = await compiled.tunedPlan("train", batchSize, all.format);
  const compared: VerifiedTensor[] = [];
  // No more rows than the steps meet, so that data of any size can be verified.
  await traceSteps(compiled, plan, firstRows(all, steps * plan.batch), steps, (trace, before, scalars, step) => {
    if (trace) compared.push(...verifyTrace(plan, trace, before, scalars, step));
  });
  return new VerifyReport(steps, compared);
}
