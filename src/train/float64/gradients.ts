// gradientCheck(): the backpropagation of a compiled model on one mini-batch, against differences. Looks at the model only.

import { checkGradients, type GradientReport } from "../../reference/gradient-check.ts";
import { miniBatches } from "../data/batches.ts";
import type { Compiled } from "../compiled/compiled.ts";
import { initialStates } from "../../model/initial-states.ts";
import type { Dataset } from "../data/data.ts";
import { fromStates } from "../data/states.ts";
import { dataTensors } from "./verify.ts";

/** All rows are one mini-batch. */
export async function checkModelGradients(compiled: Compiled, dataset: Dataset): Promise<GradientReport> {
  await compiled.prepare(dataset.rows, dataset.format);
  const { network, recipe } = compiled,
    graph = compiled.graph("train", dataset.format);
  const values = new Map<string, ArrayLike<number>>([
    ...(await compiled.readWeights()),
    ...initialStates(network, recipe.optimizer),
    ...dataTensors(dataset),
  ]);
  const [scalars] = fromStates(miniBatches(dataset.rows, dataset.rows, 0, 0, recipe.optimizer), { stateRows: 0 });
  return checkGradients(graph, values, scalars);
}
