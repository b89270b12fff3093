// A training by LayersModel.fit(), whatever the model: data on the device, steps as epochs of one call.

import type { Tensor } from "@tensorflow/tfjs-core";
import type { Sequential } from "@tensorflow/tfjs-layers";
import type { Training } from "../contender.ts";
import { epochsFor } from "../workloads.ts";

/** @param onDevice x and y of so many steps */
export function fitTraining(
  model: Sequential,
  workload: { readonly batch: number; readonly epochSteps: number },
  onDevice: (steps: number) => readonly [Tensor, Tensor],
): Training {
  const fixed = { batchSize: workload.batch, shuffle: false, verbose: 0, yieldEvery: "never" } as const;
  const fit = async (steps: number, options: object) => {
    const [x, y] = onDevice(steps);
    await model.fit(x, y, { ...fixed, ...options });
    x.dispose();
    y.dispose();
  };
  return {
    async losses(steps) {
      const losses: number[] = [];
      await fit(steps, {
        callbacks: {
          onBatchEnd: (_: number, logs: { loss: number }) => {
            losses.push(logs.loss);
          },
        },
      });
      return losses;
    },
    async run(steps, clock) {
      const { perEpoch, timedEpochs } = epochsFor(workload, steps);
      await fit(perEpoch, {
        epochs: 1 + timedEpochs,
        callbacks: {
          onEpochBegin: (epoch: number) => {
            if (epoch === 1) clock.start();
          },
          // The logs are numbers by now: the loss of the last step has been read back.
          onEpochEnd: (epoch: number) => {
            if (epoch === timedEpochs) clock.stop();
          },
        },
      });
      return perEpoch * timedEpochs;
    },
  };
}
