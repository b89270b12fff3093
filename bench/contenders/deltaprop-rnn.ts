// deltaprop's recurrent networks by its public door. Route: simpleRNN on whole numbers, which pick rows of U, a dense layer on
// every step, class indices as answers, fit() of so many steps.

import { adam, dataset, dense, sequential, simpleRNN, type BackendKind, type Sequential } from "../../src/index.ts";
import type { RecurrentContender, Training } from "../contender.ts";
import type { RecurrentProblem, RecurrentWorkload } from "../recurrent.ts";
import { ADAM } from "../workloads.ts";
import type { Variant } from "./deltaprop.ts";
import { fitting } from "./deltaprop-fit.ts";

/** The compiled model with the problem's weights; `backend: "cpu"` is the float64 reference. */
export async function compiledRecurrent(
  { vocabulary, hidden, steps, learningRate }: RecurrentWorkload,
  { input, recurrent, output }: RecurrentProblem,
  backend: BackendKind,
  variant: Variant = {},
): Promise<Sequential> {
  const model = sequential({
    layers: [
      simpleRNN({ units: hidden, inputShape: [steps], inputVocabulary: vocabulary, returnSequences: true }),
      dense({ units: vocabulary, activation: "softmax" }),
    ],
  });
  await model.setWeights([
    { shape: [vocabulary, hidden], data: input.kernel },
    { shape: [hidden, hidden], data: recurrent },
    { shape: [hidden], data: input.bias },
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
