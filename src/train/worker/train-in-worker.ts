// trainInWorker(): fit() in another thread. What it takes is loaded when it is called.

import { InputError } from "../../errors.ts";
import { show } from "../../model/checks.ts";
import type { Features, Targets } from "../data/data.ts";
import { isHandle, type DatasetHandle, type LabelledDatasetHandle } from "../data/dataset.ts";
import type { History } from "../loop/history.ts";
import type { DatasetFitOptions, FitOptions } from "../call/fit-options.ts";
import type { Sequential } from "../sequential.ts";
import type { Trainer } from "../training.ts";

/** What trainInWorker() takes beside what fit() takes. */
export interface WorkerOptions {
  /** Starts a module worker with the package's script `deltaprop/worker`, for pages whose bundler does not find it by itself. */
  worker?: () => Worker;
}

/**
 * The same fit() in a Web Worker: weights, optimizer and data go there, callbacks are called here, and at the end, also after an abort
 * or an error, the model is what model.fit() would have left, bit for bit on the same adapter. `signal`, model.pause(), model.resume()
 * and model.resetStates() work as with fit(); until it is over, other calls see the model as it was before. The arrays are copied.
 * Each call starts a worker, which compiles anew (some tenths of a second) and ends with it.
 * @throws what fit() throws; InputError where compile() was given a device; UnsupportedError where no worker can be had, as in Node
 */
export function trainInWorker(model: Sequential, x: Features, y: Targets, options?: FitOptions & WorkerOptions): Promise<History>;
/** The same on what dataset(x, y) gave. */
export function trainInWorker(
  model: Sequential,
  data: LabelledDatasetHandle,
  options?: DatasetFitOptions & WorkerOptions,
): Promise<History>;
export async function trainInWorker(
  model: Sequential,
  x: Features | DatasetHandle,
  y?: Targets | (FitOptions & WorkerOptions),
  last?: FitOptions & WorkerOptions,
): Promise<History> {
  if (typeof model?.fit !== "function") {
    throw new InputError(`trainInWorker(): the first argument must be a model that sequential() made; got ${show(model)}.`);
  }
  const isFromHandle = isHandle(x) && last === undefined;
  const { worker, ...options } = (isFromHandle ? (y as (FitOptions & WorkerOptions) | undefined) : last) ?? {};
  if (worker !== undefined && typeof worker !== "function") {
    throw new InputError(`trainInWorker(): worker must be a function that gives a Worker; got ${show(worker)}.`);
  }
  const elsewhere: Trainer = async (...given) => (await import("./client.ts")).trainElsewhere(worker, ...given);
  return isFromHandle ? model.fitBy(elsewhere, x, options) : model.fitBy(elsewhere, x, y, options);
}
