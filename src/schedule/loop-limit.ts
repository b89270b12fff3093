// Whether a recurrent network fits an adapter that ends loops in silence after so many iterations (llvmpipe): a wrong sum would be
// all that one sees of it. Counts from above: each launch of a fused plan is taken to hold every row program of the graph, or
// the longest sum over the rows of a mini-batch. Seen on lavapipe: right at 1.1 times the limit by this count, wrong at 1.5.

import { workgroupsOf } from "../../shaders/product.wgsl.ts";
import { UnsupportedError } from "../errors.ts";
import { productSizes } from "../graph/gated-operands.ts";
import { timestepsOf, tensorOf, type Op } from "../graph/types.ts";
import { isRowWise } from "./ops.ts";
import type { RecurrentPlace } from "./sequence-writer.ts";
import { chooseForProgram } from "./tiles.ts";

/** An invocation that takes a row goes through its columns at most so often. */
const ROW_LOOPS = 4;

/** Iterations of an invocation in a row program whose workgroup owns `examples`. */
function iterationsOf({ graph, limits }: RecurrentPlace, op: Op, examples: number): number {
  const out = tensorOf(graph, op.outputs[0]),
    { cols } = out,
    steps = timestepsOf(out),
    rows = examples * steps,
    { lanes } = limits;
  const product = (m: number, k: number, n = cols) => {
    const shape = chooseForProgram(m, n, k, limits),
      finish = shape.tileRows * (1 + shape.tileCols);
    return workgroupsOf(shape, m, n) * (1 + k + finish);
  };
  if (op.type === "recurrentForward" || op.type === "recurrentBackward") {
    const { n, k } = productSizes(op, cols);
    // Where a sequence ends, what is due at its padding is added up; with gates each state is gone through once more.
    const more = op.type === "recurrentBackward" || op.gates ? Math.ceil((examples * n) / lanes) * steps : 0;
    return steps * (1 + product(examples, k, n)) + more;
  }
  // Gradients and updates are launches of their own: below.
  if (out.rows !== "batch") return 0;
  if (op.type === "product") return product(rows, tensorOf(graph, op.inputs[0]).cols);
  return isRowWise(op.type) ? Math.ceil(rows / lanes) * (1 + ROW_LOOPS * cols) : Math.ceil((rows * cols) / lanes);
}

/** @throws UnsupportedError if the loops of the layer, with all that may share its launch, could be cut short */
export function requireIterations(place: RecurrentPlace, examples: number): void {
  const {
    graph,
    batch,
    limits: { maxIterations: maxIterations },
  } = place;
  if (maxIterations === undefined) return;
  const steps = Math.max(...[...graph.tensors.values()].map(timestepsOf));
  const program = graph.ops.reduce((sum, op) => sum + iterationsOf(place, op, examples), 0),
    gradients = 2 * batch * steps;
  if (Math.max(program, gradients) <= maxIterations) return;
  throw new UnsupportedError(
    `plan: this software adapter ends loops after ${maxIterations} iterations, and ${steps} time steps may take ` +
      `${Math.max(program, gradients)}: what it computes would be wrong. Use ${program > gradients ? "fewer time steps or units" : "a smaller batchSize"}, ` +
      'another adapter, or backend: "cpu".',
  );
}
