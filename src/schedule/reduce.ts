// Writes sums over whole tensors: the step's loss and metrics, penalties, and the norms of clipping.

import { clipFactorFunction } from "../../shaders/clip.wgsl.ts";
import { penaltyTermFunction } from "../../shaders/penalty.wgsl.ts";
import type { Reduction, SumTerm } from "../../shaders/reduce.wgsl.ts";
import { sizeOf, tensorOf, type Graph, type Step, type StepOf } from "../graph/types.ts";
import type { Group } from "./groups.ts";
import { rowsExpression, type TensorAccess } from "./launch.ts";

/**
 * The functions that the sums call, and the sums in order. A step that several launches share is written for the slice of
 * its inputs; the first of them starts the sum.
 */
export function reduceText(
  graph: Graph, batch: number, { steps, slice }: Group, stored: ReadonlySet<string>, access: TensorAccess, prefix = "f",
) {
  const functions: string[] = [];
  const reductions: Reduction[] = [];
  // A penalty that nobody else reads is summed where it is used.
  const inlined = new Map<string, SumTerm>();
  const all = (name: string, f: string): SumTerm => {
    const tensor = tensorOf(graph, name);
    const elements = tensor.rows === "batch" ? `${rowsExpression(tensor)} * ${tensor.cols}u` : `${sizeOf(tensor, 1)}u`;
    return { number: access.load(name, "i"), elements, atMost: sizeOf(tensor, batch), f };
  };
  const isContinued = slice !== undefined && slice[0] > 0;
  const store = (name: string, index: string, terms: readonly SumTerm[], finish: string) => {
    const target = access.store(name, index);
    reductions.push({ target, start: isContinued ? target : "0.0", terms, finish });
  };
  const inputsHere = (step: Step) => step.inputs.slice(...(slice ?? []));
  const summarize = (step: StepOf<"summarize">) => {
    const [lossRows, ...metricRows] = isContinued ? [] : step.inputs.slice(0, 1 + step.metrics);
    const penalties = inputsHere(step).slice(isContinued ? 0 : 1 + step.metrics)
      .map((name) => inlined.get(name) ?? all(name, "v"));
    const mean = lossRows === undefined ? [] : [all(lossRows, "v * step.inverse_rows")];
    store(step.outputs[0], "0u", [...mean, ...penalties], "total");
    metricRows.forEach((name, i) =>
      store(step.outputs[0], `${i + 1}u`, [all(name, "v")], "total * step.inverse_rows"));
  };
  steps.forEach((step, k) => {
    switch (step.op) {
      case "penalty": {
        functions.push(penaltyTermFunction(`${prefix}${k}`, step.l1, step.l2));
        const term = all(step.inputs[0], `${prefix}${k}(v)`);
        if (stored.has(step.outputs[0])) store(step.outputs[0], "0u", [term], "total");
        else inlined.set(step.outputs[0], term);
        break;
      }
      case "clipFactor":
        functions.push(clipFactorFunction(`${prefix}${k}`, step.limit));
        store(step.outputs[0], "0u", inputsHere(step).map((name) => all(name, "v * v")),
          slice === undefined || slice[1] === step.inputs.length ? `${prefix}${k}(total)` : "total");
        break;
      case "summarize":
        summarize(step);
        break;
      default:
        throw new Error(`${step.op} is not a reduction`);
    }
  });
  return { functions: functions.join(""), reductions };
}
