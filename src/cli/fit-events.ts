// What every job tells while it trains, and fit()'s callbacks that tell it. Prints nothing.

import type { Callbacks, CheckpointStore, FitOptions, Logs, Sequential } from "../index.ts";

export type EpochLogs = Readonly<Logs>;

export type FitEvent =
  | { readonly type: "ready"; readonly adapter: string; readonly backend: string; readonly summary: string }
  /** The plan of a training step, once the batch is known. */
  | { readonly type: "plan"; readonly plan: string }
  /** Some batches later. `samples` counts those of this epoch so far, of `epochSamples`. */
  | {
      readonly type: "progress";
      readonly epoch: number;
      readonly samples: number;
      readonly epochSamples: number;
      readonly logs: EpochLogs;
      readonly seconds: number;
    }
  /** `samples` are those that this process trained: fewer than `epochSamples` where it went on within the epoch. */
  | {
      readonly type: "epoch";
      readonly epoch: number;
      readonly samples: number;
      readonly epochSamples: number;
      readonly logs: EpochLogs;
      readonly seconds: number;
    }
  /** Training goes on from a checkpoint, behind so many steps. */
  | { readonly type: "resumed"; readonly steps: number }
  /** The GPU was lost in or after step `step`, counted from 0, and another one is looked for. */
  | { readonly type: "deviceLost"; readonly reason: string; readonly step: number };

/** What of fit() is to outlive the process. */
export interface Checkpoints {
  /** Mini-batches from one to the next; null for an epoch's. */
  readonly every: number | null;
  /** Whether to go on from the newest that the store holds. */
  readonly resume: boolean;
}

/** Where a job runs: who hears what happens, and what stops it at a step boundary. */
export interface JobHost<Event = FitEvent> {
  emit(event: Event): void;
  readonly signal: AbortSignal;
  /** Where checkpoints lie, for a job that has any. */
  readonly store?: CheckpointStore;
}

/** fit()'s options for them. */
export function checkpointOptions(
  checkpoints: Checkpoints | null,
  { store }: JobHost<never>,
): Pick<FitOptions, "checkpoint" | "resumeFrom"> {
  if (checkpoints === null || !store) return {};
  return { checkpoint: { store, every: checkpoints.every ?? undefined }, resumeFrom: checkpoints.resume ? store : undefined };
}

const EVENT_MILLIS = 80;
const FLOAT64_BYTES = 8,
  FLOAT32_BYTES = 4;

export const secondsSince = (start: number): number => (performance.now() - start) / 1000;

/** The CPU evaluates the graph of the plan, in float64: it launches no kernels. */
function describePlan({ backend, plan }: Sequential): string {
  if (backend !== "cpu") return plan.toString();
  const bytes = (plan.bytes.parameters / FLOAT32_BYTES) * FLOAT64_BYTES;
  return `CPU: float64 reference, no launches\nmemory: weights ${(bytes / 1000).toFixed(1)} kB`;
}

interface Told {
  /** Samples of an epoch. */
  readonly epochSamples: number;
  /** Rows of a mini-batch. */
  readonly batchSize: number;
  /** Samples of a row; default 1. */
  readonly samplesPerRow?: number;
  /** What is told of a mini-batch's or an epoch's logs; default all of them. */
  readonly describe?: (logs: EpochLogs) => EpochLogs;
}

type FitCallbacks = Pick<Callbacks, "onTrainBegin" | "onResume" | "onDeviceLost"> &
  Required<Pick<Callbacks, "onEpochBegin" | "onBatchEnd" | "onEpochEnd">>;

/** What this process has trained so far. */
export interface TrainedEvent {
  readonly steps: number;
  readonly samples: number;
}

/** fit()'s callbacks turned into events, of batches at most one every EVENT_MILLIS. */
export function fitEvents(
  model: Sequential,
  host: JobHost,
  { epochSamples, batchSize, samplesPerRow = 1, describe = (logs) => logs }: Told,
): { callbacks: FitCallbacks; trained: TrainedEvent } {
  const start = performance.now(),
    trained = { steps: 0, samples: 0 };
  let epoch = 0,
    samples = 0,
    epochStart = start,
    lastEvent = start;
  const begin = (number: number) => {
    epoch = number;
    samples = 0;
    epochStart = performance.now();
  };
  return {
    trained,
    callbacks: {
      onTrainBegin: () => host.emit({ type: "plan", plan: describePlan(model) }),
      onResume(info) {
        begin(info.epoch);
        host.emit({ type: "resumed", steps: info.steps });
      },
      onDeviceLost: ({ reason, message, step }) => host.emit({ type: "deviceLost", reason: message || reason, step }),
      onEpochBegin: begin,
      onBatchEnd(batch, { size, ...logs }) {
        samples += size * samplesPerRow;
        trained.samples += size * samplesPerRow;
        trained.steps++;
        if (performance.now() - lastEvent < EVENT_MILLIS) return;
        lastEvent = performance.now();
        const soFar = Math.min(epochSamples, (batch + 1) * batchSize * samplesPerRow);
        host.emit({ type: "progress", epoch, samples: soFar, epochSamples, logs: describe(logs), seconds: secondsSince(start) });
      },
      onEpochEnd(_epoch, logs) {
        host.emit({ type: "epoch", epoch, samples, epochSamples, logs: describe(logs), seconds: secondsSince(epochStart) });
      },
    },
  };
}
