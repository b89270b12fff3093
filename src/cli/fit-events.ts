// What every job tells while it trains, and fit()'s callbacks that tell it. Prints nothing.

import type { Callbacks, Sequential } from "../index.ts";

export type Logs = Readonly<Record<string, number>>;

export type FitEvent =
  | { readonly type: "ready"; readonly adapter: string; readonly backend: string; readonly summary: string }
  /** The plan of a training step, once the batch is known. */
  | { readonly type: "plan"; readonly plan: string }
  /** Some batches later. `samples` counts those of this epoch so far, of `epochSamples`. */
  | { readonly type: "progress"; readonly epoch: number; readonly samples: number; readonly epochSamples: number;
      readonly logs: Logs; readonly seconds: number }
  | { readonly type: "epoch"; readonly epoch: number; readonly epochSamples: number; readonly logs: Logs;
      readonly seconds: number };

/** Where a job runs: who hears what happens, and what stops it at a step boundary. */
export interface JobHost<Event = FitEvent> {
  emit(event: Event): void;
  readonly signal: AbortSignal;
}

const EVENT_MILLIS = 80;
const FLOAT64_BYTES = 8, FLOAT32_BYTES = 4;

export const secondsSince = (start: number): number => (performance.now() - start) / 1000;

/** The CPU evaluates the graph of the plan, in float64: it launches no kernels. */
function describePlan({ backend, plan }: Sequential): string {
  if (backend !== "cpu") return plan.toString();
  const bytes = plan.bytes.parameters / FLOAT32_BYTES * FLOAT64_BYTES;
  return `CPU: float64 reference, no launches\nmemory: weights ${(bytes / 1000).toFixed(1)} kB`;
}

interface Told {
  /** Samples of an epoch. */
  readonly epochSamples: number;
  /** Samples of a row; default 1. */
  readonly samplesPerRow?: number;
  /** What is told of a mini-batch's or an epoch's logs; default all of them. */
  readonly describe?: (logs: Logs) => Logs;
}

type FitCallbacks = Pick<Callbacks, "onTrainBegin"> & Required<Pick<Callbacks, "onEpochBegin" | "onBatchEnd" | "onEpochEnd">>;

/** fit()'s callbacks turned into events, of batches at most one every EVENT_MILLIS; `trained()` counts all samples so far. */
export function fitEvents(
  model: Sequential, host: JobHost, { epochSamples, samplesPerRow = 1, describe = (logs) => logs }: Told,
): { callbacks: FitCallbacks; trained: () => number } {
  const start = performance.now();
  let epoch = 0, samples = 0, trained = 0, epochStart = start, lastEvent = start;
  return {
    trained: () => trained,
    callbacks: {
      onTrainBegin: () => host.emit({ type: "plan", plan: describePlan(model) }),
      onEpochBegin(number) {
        epoch = number;
        samples = 0;
        epochStart = performance.now();
      },
      onBatchEnd(_batch, { size, ...logs }) {
        samples += size * samplesPerRow;
        trained += size * samplesPerRow;
        if (performance.now() - lastEvent < EVENT_MILLIS) return;
        lastEvent = performance.now();
        host.emit({ type: "progress", epoch, samples, epochSamples, logs: describe(logs), seconds: secondsSince(start) });
      },
      onEpochEnd(_epoch, logs) {
        host.emit({ type: "epoch", epoch, epochSamples, logs: describe(logs), seconds: secondsSince(epochStart) });
      },
    },
  };
}
