// TensorFlow.js by LayersModel.fit(), its own training loop, on tensors that lie on the device.
// Route: softmax cross-entropy on logits, whose gradient is one operation (the built-in categoricalCrossentropy divides,
// clips and takes the logarithm in launches of their own); yieldEvery "never", as no page waits for a frame here;
// epochs of many steps, because fit() reads the loss back once per epoch. trainOnBatch() and fitDataset() on batches that lie
// on the device were within 7 % of it on 784-128-10 and 4 % on 2-64-64-1 (measured in turn, best of three): noise.

import { tensor1d, tensor2d, type Tensor2D } from "@tensorflow/tfjs-core";
import { layers, sequential, type Sequential } from "@tensorflow/tfjs-layers";
import type { Contender, Training } from "../contender.ts";
import { cycle, type Problem, type Workload } from "../workloads.ts";
import { fitTraining } from "./tfjs-fit-training.ts";
import { lossOf, optimizerOf } from "./tfjs-recipe.ts";

function modelOf(workload: Workload, { weights }: Problem): Sequential {
  const model = sequential();
  weights.forEach(({ fanIn, fanOut }, i) =>
    model.add(
      layers.dense({
        units: fanOut,
        inputShape: [fanIn],
        activation: i === weights.length - 1 ? "linear" : workload.hidden,
      }),
    ),
  );
  model.setWeights(weights.flatMap(({ fanIn, fanOut, kernel, bias }) => [tensor2d(kernel, [fanIn, fanOut]), tensor1d(bias)]));
  model.compile({ optimizer: optimizerOf(workload), loss: lossOf(workload) });
  return model;
}

function trainingOf(workload: Workload, problem: Problem): Training {
  const model = modelOf(workload, problem),
    { widths, batch } = workload;
  const onDevice = (values: Float32Array<ArrayBuffer>, width: number, steps: number): Tensor2D =>
    tensor2d(cycle(values, steps), [batch * steps, width]);
  return fitTraining(model, workload, (steps) => [onDevice(problem.x, widths[0], steps), onDevice(problem.y, widths.at(-1)!, steps)]);
}

export const tfjsFit = (ready: () => Promise<void>): Contender => ({
  async start(workload, problem) {
    await ready();
    return trainingOf(workload, problem);
  },
});
