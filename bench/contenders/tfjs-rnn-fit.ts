// TensorFlow.js' own simpleRNN by LayersModel.fit(), on tensors that lie on the device.
// Route: one-hot characters, as its simpleRNN takes no whole numbers; one dense layer on all steps at once (timeDistributed
// would go through them one by one); else as tfjs-fit.ts. Its `unroll` has no effect ("imperative backend").

import { tensor1d, tensor2d, tensor3d, type Tensor3D } from "@tensorflow/tfjs-core";
import { layers, sequential, type Sequential } from "@tensorflow/tfjs-layers";
import type { RecurrentContender, Training } from "../contender.ts";
import { oneHot, type RecurrentProblem, type RecurrentWorkload } from "../recurrent.ts";
import { cycle, epochsFor } from "../workloads.ts";
import { lossOf, optimizerOf } from "./tfjs-recipe.ts";

function modelOf({ vocabulary, hidden, steps, learningRate }: RecurrentWorkload, problem: RecurrentProblem): Sequential {
  const model = sequential(), { input, recurrent, output } = problem;
  // Zeros: the weights are set below, and the orthogonal default is slow to make.
  model.add(layers.simpleRNN({
    units: hidden, inputShape: [steps, vocabulary], activation: "tanh", returnSequences: true, recurrentInitializer: "zeros",
  }));
  model.add(layers.dense({ units: vocabulary, activation: "linear" }));
  model.setWeights([
    tensor2d(input.kernel, [vocabulary, hidden]), tensor2d(recurrent, [hidden, hidden]), tensor1d(input.bias),
    tensor2d(output.kernel, [hidden, vocabulary]), tensor1d(output.bias),
  ]);
  model.compile({ optimizer: optimizerOf({ optimizer: "adam", learningRate }), loss: lossOf({ loss: "softmaxCrossentropy" }) });
  return model;
}

function trainingOf(workload: RecurrentWorkload, problem: RecurrentProblem): Training {
  const model = modelOf(workload, problem), { vocabulary, batch, steps: time } = workload;
  const onDevice = (characters: Uint8Array<ArrayBuffer>, steps: number): Tensor3D =>
    tensor3d(oneHot(cycle(characters, steps), vocabulary), [batch * steps, time, vocabulary]);
  const fixed = { batchSize: batch, shuffle: false, verbose: 0, yieldEvery: "never" } as const;
  const fit = async (steps: number, options: object) => {
    const x = onDevice(problem.x, steps), y = onDevice(problem.labels, steps);
    await model.fit(x, y, { ...fixed, ...options });
    x.dispose();
    y.dispose();
  };
  return {
    async losses(steps) {
      const losses: number[] = [];
      await fit(steps, { callbacks: { onBatchEnd: (_: number, logs: { loss: number }) => { losses.push(logs.loss); } } });
      return losses;
    },
    async run(steps, clock) {
      const { perEpoch, timedEpochs } = epochsFor(workload, steps);
      await fit(perEpoch, { epochs: 1 + timedEpochs, callbacks: {
        onEpochBegin: (epoch: number) => { if (epoch === 1) clock.start(); },
        onEpochEnd: (epoch: number) => { if (epoch === timedEpochs) clock.stop(); },
      } });
      return perEpoch * timedEpochs;
    },
  };
}

export const tfjsRecurrentFit = (ready: () => Promise<void>): RecurrentContender => ({
  async start(workload, problem) {
    await ready();
    return trainingOf(workload, problem);
  },
});
