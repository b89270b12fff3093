// One fit(), evaluate() or predict(): brings data and plans to the backend and runs on them.

import type { Recipe } from "../model/network.ts";
import type { CallData } from "./call/call.ts";
import type { CallbackList, KeptCallbacks } from "./call/callback-list.ts";
import type { Compiled } from "./compiled/compiled.ts";
import { listens, runEpochs, runEvaluation } from "./fit.ts";
import type { History, Standing } from "./loop/history.ts";
import { splitRows, type CheckedFitOptions, type Logs, type RunOptions } from "./call/fit-options.ts";
import type { Floats, StopSignal } from "./backend/backend.ts";
import { miniBatches } from "./data/batches.ts";
import type { FitCourse } from "./checkpoint/checkpointing.ts";
import { FaultTolerantRunner, type Checkpointing, type Ground } from "./recovery/fault-tolerant-runner.ts";
import type { Gate } from "./call/lifecycle.ts";
import type { DeviceDataset, Lease } from "./limits/device-dataset.ts";
import { asOutOfMemory } from "./data/host-memory.ts";
import { loadBySteps, loadCheckpointing, loadFloat64 } from "../lazy.ts";
import { orderSlots } from "./backend/orders.ts";
import type { Ready } from "./loop/passes.ts";
import type { Keep } from "./call/scope.ts";
import { fromStates } from "./data/states.ts";

export const EVALUATION_BATCH = 128;

export interface Training {
  /** As it was at the call. */
  readonly recipe: Recipe;
  readonly data: CallData;
  readonly validation: CallData | null;
  readonly callbacks?: KeptCallbacks & Partial<Pick<CallbackList, "read">>;
  readonly options: RunOptions;
  readonly checked: CheckedFitOptions;
  readonly signal: StopSignal;
  readonly gate: Gate;
}

/** Does what train() does. */
export type Trainer = (compiled: Compiled, keep: Keep, given: Training) => Promise<History>;

/** Loss and metrics over all rows. */
export async function assess(compiled: Compiled, keep: Keep, given: CallData, batchSize: number): Promise<Logs> {
  const deviceDataset = compiled.deviceDatasets.open(keep, given),
    {
      dataset,
      dataset: { rows },
    } = given;
  const { runner, orders } = keep(await deviceDataset.lease("evaluate", dataset, batchSize));
  const averages = await runEvaluation({ runner, orders, rows, at: 0, batchSize }, compiled.readout);
  if (averages === null) throw new Error("nothing stops an evaluation");
  return averages.logs();
}

/** @throws OutOfMemoryError if the host cannot hold so many answers */
function roomFor(numbers: number): Floats {
  try {
    return new Float32Array(numbers);
  } catch (error) {
    throw asOutOfMemory(error, `predict(): ${numbers} answers`, 4 * numbers, "Predict fewer rows at a time.");
  }
}

/** The network's answers to all rows, in their order. */
export async function answer(compiled: Compiled, keep: Keep, given: CallData, batchSize: number): Promise<Floats> {
  const {
      shape: { outputSteps, outputWidth },
      predicted,
    } = compiled,
    { rows } = given.dataset;
  const answers = roomFor(rows * outputSteps * outputWidth),
    deviceDataset = compiled.deviceDatasets.open(keep, given);
  const { runner, orders } = keep(await deviceDataset.lease("predict", given.dataset, batchSize));
  const steps = fromStates(miniBatches(rows, batchSize, orders.place([null])[0]), predicted);
  await runner.run(steps, (first, count, results) => {
    predicted.stateRows = batchSize;
    // Every step leaves room for a full batch, so only the very last numbers of the last one are empty.
    const at = first * runner.resultElements;
    const filled = Math.min(count * runner.resultElements, answers.length - at);
    for (let i = 0; i < filled; i++) answers[at + i] = results[i];
  });
  return answers;
}

/**
 * How the rows are divided, and that stateful layers allow it; training begins.
 * @throws InputError if they do not
 */
export function beginTraining({ network, shape, progress, steering }: Compiled, { data, validation: other, options, checked }: Training) {
  const { trained, kept } = splitRows(data.dataset.rows, checked.validationSplit)!,
    batchSize = Math.min(checked.batchSize, trained);
  const shuffle = options.shuffle ?? true,
    evaluated = network.stateful ? batchSize : EVALUATION_BATCH;
  shape.checks?.checkOrder(shape, shuffle);
  shape.checks?.checkStateful("fit()", shape, trained, batchSize, progress);
  if (kept > 0) shape.checks?.checkStateful("fit(): validationSplit", shape, kept, evaluated, null);
  if (other) shape.checks?.checkStateful("fit(): validationData", shape, other.dataset.rows, evaluated, null);
  steering.begin(options.callbacks?.onBatchEnd != null);
  return { trained, kept, batchSize, evaluated, shuffle };
}

/** @throws UnsupportedError or GpuError if the data do not fit the device, or it is lost; what a callback throws */
export async function train(compiled: Compiled, keep: Keep, given: Training): Promise<History> {
  const { network, readout, backend, progress, session } = compiled,
    { recipe } = given;
  const {
    data,
    data: { dataset, handle },
    validation: other,
    callbacks,
    options,
    checked: { epochs, steps, onNaN, validationSteps },
    signal,
    gate,
  } = given;
  const { trained, kept, batchSize, evaluated, shuffle } = beginTraining(compiled, given),
    perPass = Math.ceil(trained / batchSize);
  const pauses = steps === null && (kept > 0 || other !== null || listens(options) || options.checkpoint || options.resumeFrom);
  // The runner of a handle is to serve calls with more epochs, too.
  const passes = handle ? Infinity : pauses ? 1 : steps === null ? epochs : Math.ceil(steps / perPass);
  const ahead = orderSlots(dataset.rows, perPass, passes, backend.dataBytes);

  const deviceDataset = compiled.deviceDatasets.open(keep, data),
    others = other && compiled.deviceDatasets.open(keep, other);
  const portions = { rows: trained, at: 0, batchSize };
  const by = steps === null ? null : (await loadBySteps()).bySteps(steps, deviceDataset, portions, shuffle);
  const open = () =>
    openGround(async (lease): Promise<Omit<Ground, "dispose">> => {
      const train = await lease(deviceDataset, "train", dataset, batchSize, ahead);
      compiled.shownBatch = batchSize;
      const most = validationSteps * batchSize,
        validation =
          kept > 0
            ? {
                ...(await lease(deviceDataset, "evaluate", dataset, evaluated)),
                rows: Math.min(kept, most),
                at: trained,
                batchSize: evaluated,
              }
            : others
              ? {
                  ...(await lease(others, "evaluate", other.dataset, evaluated)),
                  rows: Math.min(other.dataset.rows, most),
                  at: 0,
                  batchSize: evaluated,
                }
              : null;
      return { train, validation };
    });
  const course = { recipe, seed: network.seed, portions, shuffle },
    position = by?.position ?? null,
    validates = kept > 0 || other !== null;
  let from: Standing | undefined,
    checkpointing: Checkpointing | null = null,
    standing: (() => Standing) | undefined;
  if (options.checkpoint || options.resumeFrom) {
    const module = await loadCheckpointing(),
      fit: FitCourse = {
        compiled,
        course,
        given,
        validates,
        position,
        plan: await compiled.tunedPlan("train", batchSize, dataset.format),
      };
    const expected = await module.expectedOf(fit);
    if (options.resumeFrom) from = await module.resumeFrom(fit, expected);
    if (options.checkpoint) {
      checkpointing = module.checkpointing(options.checkpoint.store, options.checkpoint.every ?? perPass, fit, expected, () =>
        standing?.(),
      );
    }
  }
  const faultTolerant = new FaultTolerantRunner({
    session,
    progress,
    position,
    course,
    open,
    onNaN,
    gate,
    checkpointing,
    steering: compiled.steering,
    recipe: () => compiled.recipe,
    firstNonFinite: async (...found) => (await loadFloat64()).firstNonFinite(compiled, dataset, ...found),
    onDeviceLost: (info) => options.callbacks?.onDeviceLost?.(info),
  });
  callbacks?.follow(faultTolerant);
  try {
    await faultTolerant.secure();
    const history = await runEpochs(
      {
        faultTolerant,
        portions,
        readout,
        validates,
        epochs,
        ahead,
        options,
        signal,
        by,
        from,
        watch: checkpointing
          ? (tell) => {
              standing = tell;
            }
          : undefined,
      },
      progress,
    );
    await faultTolerant.secure();
    return history;
  } finally {
    faultTolerant.close();
  }
}

type LeaseOf = (deviceDataset: DeviceDataset, ...what: Parameters<DeviceDataset["lease"]>) => Promise<Ready>;

/** Leases that end together, also if not all of them can be had. */
async function openGround(open: (lease: LeaseOf) => Promise<Omit<Ground, "dispose">>): Promise<Ground> {
  const leases: Lease[] = [];
  const dispose = () => leases.reverse().forEach((lease) => lease.dispose());
  try {
    return {
      ...(await open(async (deviceDataset, ...what) => {
        const lease = await deviceDataset.lease(...what);
        leases.push(lease);
        return lease;
      })),
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
