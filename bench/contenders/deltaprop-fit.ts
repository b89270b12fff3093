// deltaprop's loop: fit() of so many steps on a data set that stays on the device, cycling through its mini-batches.

import type { LabelledDatasetHandle, Sequential } from "../../src/index.ts";
import type { Clock, Training } from "../contender.ts";

export function fitting(model: Sequential, set: LabelledDatasetHandle, batchSize: number): Training {
  const fixed = { batchSize, shuffle: false } as const;
  return {
    async losses(steps) {
      const losses: number[] = [];
      const onBatchEnd = (_: number, { loss }: Record<string, number>) => {
        losses.push(loss);
      };
      await model.fit(set, { ...fixed, steps, callbacks: { onBatchEnd } });
      return losses;
    },
    async run(steps: number, clock: Clock) {
      clock.start();
      await model.fit(set, { ...fixed, steps });
      clock.stop();
      return steps;
    },
  };
}
