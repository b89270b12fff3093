// One step of a graph alone on the engine, compared with the float64 reference; and a device for the tests of a file on WebGPU.
//
// Inputs and outputs are buffers of the test, not of the plan: so rows beyond a smaller mini-batch can be filled with NaN
// before and looked at afterwards. NaN in a row that must not be read spoils what is computed from it, NaN in an output
// that nobody wrote fails its comparison.

import { afterAll, beforeAll, expect, type TestContext } from "vitest";
import { sizeOf as sizeOfTensor, tensorOf, type Graph, type Rows, type Op, type StepScalars, type Tensor } from "../../src/graph/types.ts";
import { acquireDevice, planAdapter, type GpuContext } from "../../src/gpu/device.ts";
import { Executor } from "../../src/gpu/executor.ts";
import { createFrom, TensorStore } from "../../src/gpu/memory.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { traceStep } from "../../src/gpu/trace.ts";
import { RandomSequence, STREAM } from "../../src/random.ts";
import { compareTensor, evaluateBounded, type Bounded, type Comparison } from "../../src/reference/bounds.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { ENGINE } from "../support/models.ts";
import { runOnWasm } from "../wasm/run-step.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { FORMULAS } from "../support/formulas.ts";

export type Numbers = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

/** NaNs of two kinds, so that a NaN computed from rows that must not be read is told from one that was there before. */
const INPUT_POISON = 0x7fc00000,
  OUTPUT_POISON = 0x7fc0dead;

/** The device of one test file. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly pipelines: PipelineCache;
}

/** Gets a device before the tests of the file, and holds afterwards that WebGPU had no complaint that nobody asked for. */
export function useGpu(): Gpu {
  let context: GpuContext | undefined;
  let pipelines: PipelineCache | undefined;
  const complaints: string[] = [];
  beforeAll(async () => {
    if (ENGINE === "wasm") return;
    context = await acquireDevice();
    pipelines = new PipelineCache(context.device);
    context.device.addEventListener("uncapturederror", ({ error }) => complaints.push(error.message));
  });
  afterAll(async () => {
    await context?.device.queue.onSubmittedWorkDone();
    expect(complaints).toEqual([]);
    context?.device.destroy();
  });
  const ready = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("useGpu(): use the device within tests, after its hook has run");
    return value;
  };
  return {
    get device() {
      return ready(context).device;
    },
    get pipelines() {
      return ready(pipelines);
    },
  };
}

/** Skips a test of what happens where training of a tiny network stays on the device, if it does not on the adapter at hand. */
export async function needsPersistent({ skip }: TestContext): Promise<void> {
  const context = await acquireDevice(),
    { maxIterations: maxIterations } = planAdapter(context);
  context.device.destroy();
  skip(
    maxIterations !== undefined,
    `this software adapter ends loops after ${maxIterations} iterations: tiny networks do not stay on the device`,
  );
}

/** A plan of which one launch has another source: a kernel made wrong on purpose. */
export function sabotage(plan: Plan, launch: number, from: string | RegExp, to: string): Plan {
  const launches = plan.launches.with(launch, { ...plan.launches[launch], source: replaceOrThrow(plan.launches[launch].source, from, to) });
  return Object.create(plan, { launches: { value: launches } }) as Plan;
}

export interface StepCase {
  readonly op: Op;
  /** Rows and columns of every operand; of a data set, [1, columns]. */
  readonly shapes: Readonly<Record<string, readonly [Rows, number]>>;
  /** The inputs, "batch" rows as many as `rows`. Bytes and words are stored as such; all else is rounded to float32. */
  readonly values: Readonly<Record<string, ArrayLike<number>>>;
  /** Rows that the plan is made for; 1 if left out. */
  readonly batch?: number;
  /** Rows of the mini-batch; `batch` if left out. */
  readonly rows?: number;
  readonly scalars?: Partial<StepScalars>;
  readonly seed?: number;
  /** Changes the kernel's source: [from, to]. */
  readonly wrong?: readonly [string | RegExp, string];
}

export interface StepRun {
  /** What the step wrote, in the order of the step's outputs. */
  readonly outputs: readonly Float32Array<ArrayBuffer>[];
  readonly comparisons: readonly Comparison[];
  /** Numbers of "batch" outputs beyond the rows of the mini-batch that are no longer the poison. */
  readonly spilled: number;
  readonly reference: readonly Bounded[];
}

const isStoredWhole = (values: ArrayLike<number>): values is Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> =>
  values instanceof Uint8Array || values instanceof Uint32Array;

/** `values` as the device holds them, followed by NaN up to `elements`. */
function stored(values: ArrayLike<number> | undefined, elements: number): Numbers {
  if (values === undefined) return new Float32Array(new Uint32Array(elements).fill(OUTPUT_POISON).buffer);
  if (isStoredWhole(values)) return values;
  const padded = new Uint32Array(Math.max(elements, values.length)).fill(INPUT_POISON);
  const floats = new Float32Array(padded.buffer);
  floats.set(values);
  return floats;
}

function oneStep({ op, shapes, seed = 5 }: StepCase): Graph {
  const tensors = new Map(
    Object.entries(shapes).map(([name, [rows, cols]]): [string, Tensor] => {
      const isData = op.type === "gather" && op.inputs.includes(name);
      // Not "intermediate": those lie in memory of the plan, where a test cannot look beyond the rows.
      return [name, { name, role: isData ? "data" : "state", rows, cols }];
    }),
  );
  return { purpose: "train", tensors, ops: [op], output: op.outputs[0], seed };
}

const sizeOfOutput = (graph: Graph, name: string, rows: number): number => sizeOfTensor(tensorOf(graph, name), rows);

/** The kernel of one step. */
const planOfGraph = (graph: Graph, batch = 1): Plan => new Plan(graph, { formulas: FORMULAS, batch, fuse: false, sequences: SEQUENCES });
export const planOf = (given: StepCase): Plan => planOfGraph(oneStep(given), given.batch);

/** Every output of a kernel, for all rows of the batch. */
async function runOnGpu(
  gpu: Gpu,
  graph: Graph,
  scalars: StepScalars,
  { shapes, values, batch = 1, wrong }: StepCase,
): Promise<Float32Array<ArrayBuffer>[]> {
  const { device, pipelines } = gpu,
    whole = planOfGraph(graph, batch);
  const plan = wrong ? sabotage(whole, 0, ...wrong) : whole;
  const isData = (name: string) => tensorOf(graph, name).role === "data";
  const store = new TensorStore(device);
  await store.write(
    new Map(
      [...plan.places.keys()].map((name) => [name, stored(values[name], sizeOfOutput(graph, name, batch)) as Float32Array<ArrayBuffer>]),
    ),
  );
  const data = new Map(
    Object.keys(shapes)
      .filter(isData)
      .map((name) => [name, createFrom(device, stored(values[name], 0), name)]),
  );
  const executor = await Executor.create(device, pipelines, plan, (memory) => data.get(memory) ?? store.buffer(memory));
  try {
    await traceStep(executor, scalars);
    return [...(await store.read(graph.ops[0].outputs)).values()];
  } finally {
    executor.dispose();
    store.dispose();
    for (const buffer of data.values()) buffer.destroy();
  }
}

/** WebAssembly keeps no bits of a NaN. */
const isUntouched = (bits: number): boolean => bits === OUTPUT_POISON || (ENGINE === "wasm" && (bits & 0x7fffffff) > 0x7f800000);

/** Runs one step on the engine and on the reference and compares every output. */
export async function runStep(gpu: Gpu, given: StepCase): Promise<StepRun> {
  const { op, values, batch = 1, rows = batch } = given,
    graph = oneStep(given);
  const scalars: StepScalars = { rows, offset: 0, step: 0, learningRate: 0, correctedRate: 0, ...given.scalars };
  if (ENGINE === "wasm" && given.wrong) throw new Error("runStep(): what makes WGSL wrong is for WebGPU alone");
  const read = await (ENGINE === "wasm" ? runOnWasm({ graph, batch, scalars, values }) : runOnGpu(gpu, graph, scalars, given));
  const outputs = read.map((floats, i) => floats.slice(0, sizeOfOutput(graph, op.outputs[i], rows)));
  const spilled = read.reduce(
    (count, floats, i) => count + new Uint32Array(floats.buffer, outputs[i].byteLength).filter((bits) => !isUntouched(bits)).length,
    0,
  );
  const reference = evaluateBounded(
    op,
    op.inputs.map((name) => {
      const numbers = Float64Array.from(isStoredWhole(values[name]) ? values[name] : Float32Array.from(values[name]));
      return { values: numbers, bounds: new Float64Array(numbers.length) };
    }),
    graph,
    scalars,
  );
  return { outputs, spilled, reference, comparisons: outputs.map((floats, i) => compareTensor(op.outputs[i], floats, reference[i])) };
}

/** Runs one step and expects every output within its bound, and nothing written beyond the rows of the mini-batch. */
export async function expectStep(gpu: Gpu, given: StepCase): Promise<StepRun> {
  const run = await runStep(gpu, given);
  expect(run.comparisons.filter(({ ok }) => !ok)).toEqual([]);
  expect(run.spilled).toBe(0);
  return run;
}

/** Runs one step whose kernel is wrong on purpose and expects the comparison to say so: a check that can fail. */
export async function expectCaught(gpu: Gpu, given: StepCase & Required<Pick<StepCase, "wrong">>): Promise<void> {
  const run = await runStep(gpu, given);
  expect(
    run.comparisons.every(({ ok }) => ok),
    `${given.wrong.join(" → ")} goes unnoticed`,
  ).toBe(false);
}

export const randomFor = (seed: number): RandomSequence => new RandomSequence(seed, STREAM.data);

/** Standard normal numbers, always the same for one seed. */
export function normals(elements: number, seed: number, scale = 1): Float32Array<ArrayBuffer> {
  const random = randomFor(seed);
  return Float32Array.from({ length: elements }, () => random.normal() * scale);
}
