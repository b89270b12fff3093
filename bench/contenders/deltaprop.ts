// deltaprop by its public door. Route: fit(), which has the whole training step compiled and submits many at a time;
// class indices in place of one-hot rows. The data are uploaded by each fit() call, before its first epoch: what is
// measured begins with the second.

import { adam, sequential, dense, sgd, type Sequential } from "../../src/index.ts";
import type { Clock, Contender, Training } from "../contender.ts";
import { ADAM, cycle, epochsFor, type Problem, type Workload } from "../workloads.ts";

/** The compiled model with the problem's weights; `backend: "cpu"` is the float64 reference. */
export async function compiledModel(workload: Workload, problem: Problem, backend: "webgpu" | "cpu"): Promise<Sequential> {
  const { widths, hidden, optimizer, learningRate, loss } = workload;
  const last = loss === "softmaxCrossentropy" ? "softmax" : "linear";
  const model = sequential({ layers: widths.slice(1).map((units, i) => dense({
    units, activation: i === widths.length - 2 ? last : hidden, ...(i === 0 ? { inputShape: [widths[0]] } : {}),
  })) });
  await model.setWeights(problem.weights.flatMap(({ fanIn, fanOut, kernel, bias }) => [
    { shape: [fanIn, fanOut], data: kernel }, { shape: [fanOut], data: bias },
  ]));
  await model.compile({
    optimizer: optimizer === "sgd" ? sgd({ learningRate }) : adam({ learningRate, ...ADAM }),
    loss: loss === "softmaxCrossentropy" ? "sparseCategoricalCrossentropy" : "meanSquaredError",
    backend,
  });
  return model;
}

export function trainingOf(model: Sequential, workload: Workload, problem: Problem): Training {
  const targets = workload.loss === "softmaxCrossentropy" ? problem.labels : problem.y;
  const data = (steps: number) => [cycle(problem.x, steps), cycle(targets, steps)] as const;
  const fixed = { batchSize: workload.batch, shuffle: false } as const;
  return {
    async losses(steps) {
      const losses: number[] = [];
      const onBatchEnd = (_: number, { loss }: Record<string, number>) => { losses.push(loss); };
      await model.fit(...data(steps), { ...fixed, callbacks: { onBatchEnd } });
      return losses;
    },
    async run(steps: number, clock: Clock) {
      const { perEpoch, timedEpochs } = epochsFor(workload, steps);
      await model.fit(...data(perEpoch), { ...fixed, epochs: 1 + timedEpochs, callbacks: {
        onEpochBegin: (epoch) => { if (epoch === 1) clock.start(); },
        onEpochEnd: (epoch) => { if (epoch === timedEpochs) clock.stop(); },
      } });
      return perEpoch * timedEpochs;
    },
  };
}

export const contender: Contender = {
  async start(workload, problem) {
    return trainingOf(await compiledModel(workload, problem, "webgpu"), workload, problem);
  },
};
