// Which tensors a plan with precision "f16" keeps in memory as f16: what the layers make on the way to the loss, of which
// there is most. They are read as f32 and added up as f32. All else stays f32:
//   weights and optimizer states   an update of 10⁻⁴ of a weight is less than half the distance to the next f16, and is lost
//   δ and gradients   (a − y)/B is small from the start and, by sigmoids, four times smaller with every layer back: soon less
//                     than 6·10⁻⁸, where f16 ends. To scale it would need a factor that nobody knows before the training.
//   what softmax, loss, metrics and δᴸ read   e^z turns the rounding of z into one |z| times as large; near 1 f16 knows a − y
//                     no better than to 5·10⁻⁴; and it is little, as narrow as the output
//   rows of the data set   features may be larger than 65504, the largest f16, where activations beyond it are clamped

import { tensorOf, type Graph } from "../graph/types.ts";
import { scheduleOf } from "./ops.ts";

/** How a plan stores intermediates; it computes in f32 in any case. */
export type Precision = "f32" | "f16";

export const NUMBER_BYTES: Readonly<Record<Precision, number>> = { f32: 4, f16: 2 };

/** The tensors that may be f16, in memory or not. */
export function halfTensors(graph: Graph): Set<string> {
  // The step is in textbook order, and without a loss there is nothing but the forward pass.
  const loss = graph.ops.findIndex(({ type }) => type === "lossRows");
  const forward = loss < 0 ? graph.ops : graph.ops.slice(0, loss);
  const precise = new Set(graph.ops.filter(({ type }) => scheduleOf(type).precise).flatMap(({ inputs }) => inputs));
  return new Set(
    forward
      .filter(({ type }) => !scheduleOf(type).whole)
      .flatMap(({ outputs }) => outputs)
      .filter((name) => {
        const { role, rows } = tensorOf(graph, name);
        return role === "intermediate" && rows === "batch" && !precise.has(name);
      }),
  );
}
