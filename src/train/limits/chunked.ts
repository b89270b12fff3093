// Mini-batches over a limit of the device: each is computed a chunk of its rows at a time. evaluate() and predict() put the
// results of the chunks together; training adds up their gradients on the device and updates the weights once a mini-batch
// (graph/chunks.ts). To the training loop it looks like any other runner.

import { canCut, cutGraph } from "../../graph/chunks.ts";
import { sizeOf, type Graph, type StepScalars } from "../../graph/types.ts";
import { ownWeights, packWeights, SUMS } from "../../schedule/places.ts";
import type { Plan } from "../../schedule/plan.ts";
import { mustStream, type ResultHandler, type Runner, type StopSignal } from "../backend/backend.ts";
import { largestBatch, withinLimits } from "./largest-batch.ts";
import type { OnData, PlanSource, RunnerRequest } from "./plan-source.ts";
import { sliceRows } from "./streamed.ts";

/** Rows of a chunk with its plan: as few chunks as fit, of nearly the same size. Null if not even one row does. */
function largestChunk({ backend }: PlanSource, { dataset, batch }: RunnerRequest, planWith: (rows: number) => Plan): Plan | null {
  const planOf = (rows: number): Plan | null =>
    withinLimits(() => {
      if (mustStream(backend, dataset)) sliceRows(backend.dataBytes, dataset, rows);
      return planWith(rows);
    });
  const most = largestBatch(batch, (rows) => planOf(rows) !== null);
  return most === null ? null : planOf(Math.ceil(batch / Math.ceil(batch / most)));
}

/**
 * A runner that computes mini-batches in chunks; null where rows cannot be computed apart (stateful layers; training on padded
 * sequences), or one of them alone is over the limit.
 * @param open makes a runner for a plan
 * @throws OutOfMemoryError or GpuError from the device
 */
export async function openChunked(
  source: PlanSource,
  wanted: RunnerRequest,
  open: (plan: Plan) => Promise<OnData>,
): Promise<OnData | null> {
  const {
      purpose,
      dataset: { format },
      batch,
    } = wanted,
    graph = source.graph(purpose, format);
  if (!canCut(graph)) return null;
  if (purpose === "train") return openTraining(source, wanted, graph, open);
  const plan = largestChunk(source, wanted, (rows) => source.plan(purpose, rows, format));
  if (!plan) return null;
  const inner = await open(plan);
  const combine = purpose === "predict" ? joined(batch, plan.batch) : averaged(graph);
  return { ...inner, runner: new ChunkedRunner(inner.runner, plan.batch, combine) };
}

async function openTraining(
  source: PlanSource,
  wanted: RunnerRequest,
  graph: Graph,
  open: (plan: Plan) => Promise<OnData>,
): Promise<OnData | null> {
  const { backend } = source,
    { accumulate, apply, sums, zeros } = cutGraph(graph),
    kept = [...sums, ...zeros];
  // As the backend will place what is kept, so that nothing is allocated for a plan that does not fit.
  const places = withinLimits(() =>
    packWeights(
      kept.map((tensor) => [tensor.name, sizeOf(tensor, 1)]),
      backend.maxBytes,
      SUMS,
    ),
  );
  if (!places) return null;
  const weights = new Map([...(backend.places ?? ownWeights(graph, 1)), ...places]);
  const applied = withinLimits(() => source.planOf(apply, 1, { weights, fuse: false }));
  const plan = largestChunk(source, wanted, (rows) => source.planOf(accumulate, rows, { weights }));
  if (!plan || !applied) return null;
  await backend.write(new Map(kept.map((tensor) => [tensor.name, new Float32Array(sizeOf(tensor, 1))])));
  const inner = await open(plan);
  try {
    const update = await backend.prepare(applied, null);
    const free = () => {
      update.dispose();
      inner.free();
    };
    return { ...inner, free, runner: new ChunkedRunner(inner.runner, plan.batch, summed, update) };
  } catch (error) {
    inner.free();
    throw error;
  }
}

/** What a chunk left. */
interface ChunkPart {
  readonly step: StepScalars;
  readonly results: readonly number[];
}

/** The results of a mini-batch from those of its chunks. */
interface ResultSums {
  /** Numbers that a mini-batch leaves, where a chunk leaves so many. */
  elements(ofChunk: number): number;
  results(parts: readonly ChunkPart[], elements: number): Float64Array;
}

/** Answers, row after row. */
const joined = (batch: number, rows: number): ResultSums => ({
  elements: (ofChunk) => (ofChunk / rows) * batch,
  results(parts, elements) {
    const all = new Float64Array(elements);
    // A chunk leaves room for all its rows, the last one for more than there are.
    parts.forEach(({ results }, i) => all.set(results.slice(0, elements - i * results.length), i * results.length));
    return all;
  },
});

const addUp = (parts: readonly ChunkPart[], elements: number, weightOf: (part: ChunkPart) => number): Float64Array =>
  Float64Array.from({ length: elements }, (_, i) => parts.reduce((sum, part) => sum + part.results[i] * weightOf(part), 0));

/** Means of losses and metrics, each of the rows or of the steps that are no padding. */
function averaged({ ops }: Graph): ResultSums {
  const isCounted = ops.some((op) => op.type === "summarize" && op.counted);
  return {
    elements: (ofChunk) => ofChunk,
    results(parts, elements) {
      const weightOf = ({ step, results }: ChunkPart) => (isCounted ? results[elements - 1] : step.rows);
      const all = parts.reduce((sum, part) => sum + weightOf(part), 0);
      const means = addUp(parts, elements, (part) => weightOf(part) / all);
      if (isCounted) means[elements - 1] = all;
      return means;
    },
  };
}

/** The chunks' shares of means over the whole mini-batch. */
const summed: ResultSums = {
  elements: (ofChunk) => ofChunk,
  results: (parts, elements) => addUp(parts, elements, () => 1),
};

class ChunkedRunner implements Runner {
  /** @param update what is run once a mini-batch of training; it leaves the penalties */
  constructor(
    readonly inner: Runner,
    readonly rows: number,
    readonly combine: ResultSums,
    readonly update: Runner | null = null,
  ) {}

  get resultElements(): number {
    return this.combine.elements(this.inner.resultElements);
  }

  async run(steps: readonly StepScalars[], onResults: ResultHandler, signal?: StopSignal): Promise<number> {
    for (let index = 0; index < steps.length; index++) {
      if (signal?.aborted) return index;
      onResults(index, 1, await this.#runStep(steps[index]));
    }
    return steps.length;
  }

  dispose(): void {
    // What it is made of is freed by whoever opened it.
  }

  async #runStep(step: StepScalars): Promise<Float64Array> {
    const chunks = this.#cut(step),
      parts: ChunkPart[] = [],
      { inner, update, resultElements } = this;
    await inner.run(chunks, (first, count, results) => {
      const each = results.length / count;
      for (let i = 0; i < count; i++) {
        parts.push({ step: chunks[first + i], results: Array.from({ length: each }, (_, n) => results[i * each + n]) });
      }
    });
    const all = this.combine.results(parts, resultElements);
    await update?.run([{ ...step, rows: 1, offset: 0 }], (_first, _count, results) => {
      all[0] += results[0];
    });
    return all;
  }

  #cut(step: StepScalars): StepScalars[] {
    const { rows, update } = this;
    return Array.from({ length: Math.ceil(step.rows / rows) }, (_, i) => {
      const first = i * rows,
        chunk = { ...step, rows: Math.min(rows, step.rows - first), offset: step.offset + first };
      return update ? { ...chunk, fresh: i === 0, whole: { rows: step.rows, first } } : chunk;
    });
  }
}
