// deltaprop's recurrent networks by its public door. Route: simpleRNN, lstm or gru on whole numbers, which pick rows of U, a dense layer on
// every step, class indices as answers, fit() of so many steps.

import { adam, dataset, dense, gru, lstm, sequential, simpleRNN, type BackendKind, type Sequential } from "../../src/index.ts";
import type { RecurrentContender, Training } from "../contender.ts";
import { BLOCKS, type RecurrentProblem, type RecurrentWorkload } from "../recurrent.ts";
import { ADAM } from "../workloads.ts";
import type { Variant } from "./deltaprop.ts";
import { fitting } from "./deltaprop-fit.ts";

const LAYERS = { rnn: simpleRNN, lstm, gru } as const;

/** The compiled model with the problem's weights; `backend: "cpu"` is the float64 reference. */
export async function compiledRecurrent(
  { cell, vocabulary, hidden, steps, learningRate }: RecurrentWorkload,
  { input, recurrent, recurrentBias, output }: RecurrentProblem,
  backend: BackendKind,
  variant: Variant = {},
): Promise<Sequential> {
  const columns = BLOCKS[cell] * hidden;
  const model = sequential({
    layers: [
      LAYERS[cell]({ units: hidden, inputShape: [steps], inputVocabulary: vocabulary, returnSequences: true }),
      dense({ units: vocabulary, activation: "softmax" }),
    ],
  });
  await model.setWeights([
    { shape: [vocabulary, columns], data: input.kernel },
    { shape: [hidden, columns], data: recurrent },
    { shape: [columns], data: input.bias },
    ...(recurrentBias ? [{ shape: [columns], data: recurrentBias }] : []),
    { shape: [hidden, vocabulary], data: output.kernel },
    { shape: [vocabulary], data: output.bias },
  ]);
  await model.compile({ optimizer: adam({ learningRate, ...ADAM }), loss: "sparseCategoricalCrossentropy", backend, ...variant });
  return model;
}

export const recurrentTraining = (model: Sequential, { batch }: RecurrentWorkload, { x, labels }: RecurrentProblem): Training =>
  fitting(model, dataset(Uint32Array.from(x), labels), batch);

export const recurrentOn = (backend: BackendKind, variant?: Variant): RecurrentContender => ({
  async start(workload, problem) {
    return recurrentTraining(await compiledRecurrent(workload, problem, backend, variant), workload, problem);
  },
});

export const recurrent = recurrentOn("webgpu");
