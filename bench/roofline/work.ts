// What a launch has to do, whatever its kernel does: multiplications and additions of its products, and the bytes of every
// tensor that it touches, once. Pure.

import { rowsOf, sizeOf, tensorOf, type Graph, type OpOf } from "../../src/graph/types.ts";
import type { Launch } from "../../src/schedule/launch.ts";

const FLOAT_BYTES = 4,
  DATA_BYTES = { float32: 4, uint8: 1, uint32: 4 } as const;

function productFlops(graph: Graph, batch: number, { form, inputs, outputs }: OpOf<"product">): number {
  const left = tensorOf(graph, inputs[0]),
    out = tensorOf(graph, outputs[0]);
  const terms = form === "leftTransposed" ? rowsOf(left, batch) : left.cols;
  return 2 * sizeOf(out, batch) * terms;
}

export const flopsOfLaunch = (graph: Graph, batch: number, { ops }: Launch): number =>
  ops.reduce((sum, op) => sum + (op.type === "product" ? productFlops(graph, batch, op) : 0), 0);

/** Of a mini-batch: a launch reads some rows of a data set, not all of it. */
function bytesOfTensor(graph: Graph, batch: number, name: string): number {
  if (name === "order") return batch * FLOAT_BYTES;
  const tensor = tensorOf(graph, name);
  if (tensor.role !== "data") return sizeOf(tensor, batch) * FLOAT_BYTES;
  const reader = graph.ops.find((op) => op.type === "gather" && op.inputs[0] === name);
  return batch * tensor.cols * (reader?.type === "gather" ? DATA_BYTES[reader.source] : FLOAT_BYTES);
}

/**
 * Read once, and written once where it is an output: both for a weight updated in place. What never leaves the kernel does
 * not count; nor does what a persistent launch keeps in workgroup memory from step to step.
 */
export function bytesOfLaunch(graph: Graph, batch: number, { ops, touches }: Launch): number {
  let bytes = 0;
  for (const { tensor } of touches) {
    const firstWriter = ops.findIndex(({ outputs }) => outputs.includes(tensor));
    const isRead = ops.some(({ inputs }, i) => inputs.includes(tensor) && (firstWriter < 0 || i <= firstWriter));
    bytes += (Number(isRead) + Number(firstWriter >= 0)) * bytesOfTensor(graph, batch, tensor);
  }
  return bytes;
}
