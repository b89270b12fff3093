// ONNX's recurrent operators beside the layers of ours that they are.

import type { RecurrentLayer } from "../../index.ts";

/** An operator, and the place of each of its gates among those of our layer, which are i, f, g, o of an LSTM and z, r, g of a GRU. */
export interface RecurrentOperator {
  readonly op: "RNN" | "LSTM" | "GRU";
  readonly type: RecurrentLayer["type"];
  readonly order: readonly number[];
}

export const RNN: RecurrentOperator = { op: "RNN", type: "simpleRNN", order: [0] };
/** i, o, f, g. */
export const LSTM: RecurrentOperator = { op: "LSTM", type: "lstm", order: [0, 3, 1, 2] };
export const GRU: RecurrentOperator = { op: "GRU", type: "gru", order: [0, 1, 2] };

/** Equal parts of `data`: the part that comes at place k is number order[k]. */
export function inOrder(order: readonly number[], data: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const size = data.length / order.length,
    out = new Float32Array(data.length);
  order.forEach((part, k) => out.set(data.subarray(part * size, (part + 1) * size), k * size));
  return out;
}

/** Takes inOrder() back. */
export const outOfOrder = (order: readonly number[], data: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> =>
  inOrder(
    order.map((_, part) => order.indexOf(part)),
    data,
  );
