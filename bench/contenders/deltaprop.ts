// deltaprop by its public door. Route: fit() of so many steps on a data set that stays on the device, cycling through its
// mini-batches; class indices in place of one-hot rows.

import { adam, dataset, dense, sequential, sgd, type BackendKind, type CompileOptions, type Sequential } from "../../src/index.ts";
import type { Contender, Training } from "../contender.ts";
import { ADAM, type Problem, type Workload } from "../workloads.ts";
import { fitting } from "./deltaprop-fit.ts";

/** What a variant of deltaprop runs on. */
export type Variant = Pick<CompileOptions, "device" | "precision">;

/** The compiled model with the problem's weights; `backend: "cpu"` is the float64 reference. */
export async function compiledModel(
  workload: Workload,
  problem: Problem,
  backend: BackendKind,
  variant: Variant = {},
): Promise<Sequential> {
  const { widths, hidden, optimizer, learningRate, loss } = workload;
  const last = loss === "softmaxCrossentropy" ? "softmax" : "linear";
  const model = sequential({
    layers: widths.slice(1).map((units, i) =>
      dense({
        units,
        activation: i === widths.length - 2 ? last : hidden,
        ...(i === 0 ? { inputShape: [widths[0]] } : {}),
      }),
    ),
  });
  await model.setWeights(
    problem.weights.flatMap(({ fanIn, fanOut, kernel, bias }) => [
      { shape: [fanIn, fanOut], data: kernel },
      { shape: [fanOut], data: bias },
    ]),
  );
  await model.compile({
    optimizer: optimizer === "sgd" ? sgd({ learningRate }) : adam({ learningRate, ...ADAM }),
    loss: loss === "softmaxCrossentropy" ? "sparseCategoricalCrossentropy" : "meanSquaredError",
    backend,
    ...variant,
  });
  return model;
}

export function trainingOf(model: Sequential, workload: Workload, problem: Problem): Training {
  const targets = workload.loss === "softmaxCrossentropy" ? problem.labels : problem.y;
  return fitting(model, dataset(problem.x, targets), workload.batch);
}

export const deltapropOn = (backend: BackendKind, variant?: Variant): Contender => ({
  async start(workload, problem) {
    return trainingOf(await compiledModel(workload, problem, backend, variant), workload, problem);
  },
});

export const contender = deltapropOn("webgpu");
