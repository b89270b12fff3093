// Completes an OutOfMemoryError: what the call would put on the device in all, and a batch size to try.

import { OutOfMemoryError } from "../../errors.ts";
import { canCut } from "../../graph/chunks.ts";
import { logSize } from "../../gpu/result-log.ts";
import type { Plan } from "../../schedule/plan.ts";
import { dataArrays, mustStream, ORDER_BYTES, type Backend } from "../backend/backend.ts";
import type { Dataset } from "../data/data.ts";
import { largestBatch, withinLimits } from "./largest-batch.ts";
import type { PlanSource, RunnerRequest } from "./plan-source.ts";
import { sliceRows } from "./streamed.ts";

/** Bytes of a plan's buffers but for weights, optimizer states and data. */
export function planBytes(plan: Plan, maxBytes: number): number {
  return [...plan.scratch.values()].reduce((sum, bytes) => sum + bytes, plan.carriedBytes + logSize(plan, maxBytes).bytes);
}

/** Bytes of a data set with so many orders of its rows; in slices, those of the two that take turns. */
export function dataBytes(backend: Backend, dataset: Dataset, batch: number, slots: number): number {
  const arrays = dataArrays(dataset).reduce((sum, [, { byteLength }]) => sum + byteLength, 0);
  if (!mustStream(backend, dataset)) return arrays + dataset.rows * slots * ORDER_BYTES;
  return Math.ceil(2 * sliceRows(backend.dataBytes, dataset, batch) * (arrays / dataset.rows + ORDER_BYTES));
}

/**
 * The same error with the bytes of the whole call and a batch size to try.
 * @param hasData the data were there already: what did not fit is the plan
 */
export function advised(
  error: OutOfMemoryError,
  source: PlanSource,
  { purpose, dataset, batch, slots }: RunnerRequest,
  hasData: boolean,
): OutOfMemoryError {
  const { backend } = source,
    { maxBytes } = backend,
    streams = mustStream(backend, dataset);
  const bytesAt = (rows: number): number | null =>
    withinLimits(
      () => (streams ? dataBytes(backend, dataset, rows, slots) : 0) + planBytes(source.plan(purpose, rows, dataset.format), maxBytes),
    );
  if (error.limit !== null) {
    const fitting = largestBatch(batch, (rows) => bytesAt(rows) !== null);
    const words =
      error.message +
      (fitting === null ? "" : ` The largest that fits is ${fitting}.`) +
      (canCut(source.graph(purpose, dataset.format))
        ? ""
        : " It cannot be computed in chunks, because layers are stateful, normalize over the whole mini-batch, or what counts as padding is known of all rows together.");
    return new OutOfMemoryError(words, error.bytesAsked, error.limit, fitting, { cause: error });
  }
  const asked = bytesAt(batch) ?? error.bytesAsked,
    all = asked + (streams ? 0 : dataBytes(backend, dataset, batch, slots));
  const half = hasData || streams ? largestBatch(batch, (rows) => (bytesAt(rows) ?? Infinity) <= asked / 2) : null;
  const words =
    `${error.message} The call takes ${all} bytes in all` +
    (half === null ? "." : `; with batchSize ${half} its step takes half of ${asked}.`);
  return new OutOfMemoryError(words, all, null, half, { cause: error });
}
