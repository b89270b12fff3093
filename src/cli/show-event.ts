// What every job tells, on the terminal.

import type { FitEvent } from "./fit-events.ts";
import { count, describeAdapter, type Progress } from "./progress.ts";

type AdapterWhere = Parameters<typeof describeAdapter>;

export function showFitEvent(
  event: FitEvent,
  progress: Progress,
  { runtime, backend }: { runtime: AdapterWhere[1]; backend: AdapterWhere[2] },
): void {
  switch (event.type) {
    case "ready":
      progress.line(describeAdapter(event, runtime, backend));
      return progress.line(`\n${event.summary}\n`);
    case "plan":
      return progress.line(`${event.plan}\n`);
    case "progress":
      return progress.update(event);
    case "epoch":
      return progress.epoch(event);
    case "resumed":
      return progress.line(`going on from step ${count(event.steps)}`);
    case "deviceLost":
      return progress.line(`the GPU was lost (${event.reason}): going on with another one from step ${count(event.step)}`);
  }
}
