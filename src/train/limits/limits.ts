// What is done where something does not fit the device: data come in slices, mini-batches are computed in chunks, or the call
// fails with advice. Loaded when it is needed.

import { OutOfMemoryError } from "../../errors.ts";
import type { Plan } from "../../schedule/plan.ts";
import { openChunked } from "./chunked.ts";
import { isOverLimit } from "./largest-batch.ts";
import { advised } from "./out-of-memory.ts";
import type { OnData, PlanSource, RunnerRequest } from "./plan-source.ts";

export { StreamedRunner } from "./streamed.ts";

/**
 * A runner in place of one that failed to be made: it computes chunks of the mini-batches.
 * @param error why it failed
 * @param hasData the data are on the device already
 * @param open makes a runner for a plan
 * @throws the error, or one that followed, with advice where memory is what is missing
 */
export async function otherwise(
  error: Error,
  source: PlanSource,
  wanted: RunnerRequest,
  hasData: boolean,
  open: (plan: Plan) => Promise<OnData>,
): Promise<OnData> {
  let reason = error;
  try {
    const chunked = isOverLimit(error) ? await openChunked(source, wanted, open) : null;
    if (chunked) return chunked;
  } catch (other) {
    reason = other as Error;
  }
  throw reason instanceof OutOfMemoryError ? advised(reason, source, wanted, hasData) : reason;
}
