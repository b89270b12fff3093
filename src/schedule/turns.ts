// Whether a recurrent network fits an adapter that ends loops in silence after so many turns (llvmpipe): a wrong sum would be
// all that one sees of it. Counts from above: each launch of a fused plan is taken to hold every row program of the graph, or
// the longest sum over the rows of a mini-batch. Seen on lavapipe: wrong from 1.2 to 2.8 times the limit on, by this count.

import { workgroupsOf } from "../../shaders/product.wgsl.ts";
import { UnsupportedError } from "../errors.ts";
import { stepsOf, tensorOf, type Step } from "../graph/types.ts";
import type { RecurrentPlace } from "./sequence-writer.ts";
import { chooseForProgram } from "./tiles.ts";

/** Loops over the columns of a row that the steps of a row have at the most: softmax with its loss and metrics. */
const ROW_LOOPS = 8;

/** Turns of an invocation in a row program whose workgroup owns `examples`. */
function turnsOf({ graph, limits }: RecurrentPlace, step: Step, examples: number): number {
  const out = tensorOf(graph, step.outputs[0]), { cols } = out, steps = stepsOf(out), rows = examples * steps;
  const product = (m: number, k: number) => {
    const shape = chooseForProgram(m, cols, k, limits), finish = shape.tileRows * (1 + shape.tileCols);
    return workgroupsOf(shape, m, cols) * (1 + k + finish);
  };
  if (step.op === "recurrentForward") return steps * (1 + product(examples, cols));
  // Where a sequence ends, what is due at its padding is added up.
  if (step.op === "recurrentBackward") return steps * (1 + product(examples, cols)) + Math.ceil((examples * cols) / limits.lanes) * steps;
  if (step.op === "product") {
    // Gradients are launches of their own: below.
    return step.form === "leftTransposed" ? 0 : product(rows, tensorOf(graph, step.inputs[0]).cols);
  }
  return Math.ceil(rows / limits.lanes) * (1 + ROW_LOOPS * cols);
}

/** @throws UnsupportedError if the loops of the layer, with all that may share its launch, could be cut short */
export function requireTurns(place: RecurrentPlace, examples: number): void {
  const { graph, batch, limits: { maxTurns } } = place;
  if (maxTurns === undefined) return;
  const steps = Math.max(...[...graph.tensors.values()].map(stepsOf));
  const program = graph.steps.reduce((sum, step) => sum + turnsOf(place, step, examples), 0), gradients = 2 * batch * steps;
  if (Math.max(program, gradients) <= maxTurns) return;
  throw new UnsupportedError(`plan: this software adapter ends loops after ${maxTurns} turns, and ${steps} time steps may take ` +
    `${Math.max(program, gradients)}: what it computes would be wrong. Use ${program > gradients ? "fewer time steps or units" : "a smaller batchSize"}, ` +
    'another adapter, or backend: "cpu".');
}
