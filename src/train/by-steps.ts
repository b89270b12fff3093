// fit({ steps }): so many mini-batches in place of epochs, from where those before them ended. Loaded for a fit() that has it.

import { runLeg, type Epochs, type Loop } from "./fit.ts";
import type { DeviceDataset } from "./limits/device-dataset.ts";
import { stepsIn, type Portions, type Position, type Progress, type Stretch } from "./loop/passes.ts";

/** Where training by steps goes on; at the start if it went through other rows or in another kind of order before. */
function positionIn(deviceDataset: DeviceDataset, rows: number, shuffle: boolean): Position {
  const known = deviceDataset.position;
  if (known?.rows === rows && known.shuffle === shuffle) return known;
  return (deviceDataset.position = { rows, shuffle, pass: 0, row: rows });
}

/** The next `steps` mini-batches from the position on, or as many of them as lie in `passes` passes. */
export function nextStretches(position: Position, nextPass: number, steps: number, batchSize: number, passes: number): Stretch[] {
  const stretches: Stretch[] = [];
  let { pass, row } = position;
  for (let left = steps; left > 0 && stretches.length < passes;) {
    if (row >= position.rows) {
      pass = nextPass++;
      row = 0;
    }
    const count = Math.min(left, Math.ceil((position.rows - row) / batchSize));
    stretches.push({ pass, from: row, steps: count });
    row += count * batchSize;
    left -= count;
  }
  return stretches;
}

/** Trains exactly so many mini-batches from the position on, through as many passes as it takes: one epoch. */
async function trainSteps(
  steps: number,
  position: Position,
  loop: Loop,
  { averages, before, isLast }: Epochs,
  progress: Progress,
): Promise<[ran: number, completed: number]> {
  let done = before;
  while (done < steps) {
    const stretches = nextStretches(position, progress.epochs, steps - done, loop.portions.batchSize, loop.ahead);
    const ran = await runLeg(loop, {
      stretches,
      averages,
      perEpoch: steps,
      before: done,
      isLast: isLast && done + stepsIn(stretches) === steps,
    });
    done += ran;
    if (ran < stepsIn(stretches)) break;
  }
  return [done - before, done === steps ? 1 : 0];
}

/** What takes the place of epochs. */
export function bySteps(steps: number, deviceDataset: DeviceDataset, { rows }: Portions, shuffle: boolean) {
  const position = positionIn(deviceDataset, rows, shuffle);
  return { position, train: (...given: [Loop, Epochs, Progress]) => trainSteps(steps, position, ...given) };
}
