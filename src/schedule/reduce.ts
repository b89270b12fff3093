// Writes sums over whole tensors: the step's loss and metrics, penalties, and the norms of clipping.

import { formulaOf } from "../../shaders/kernel.wgsl.ts";
import type { Reduction, SumTerm } from "../../shaders/reduce.wgsl.ts";
import { sizeOf, tensorOf, type Graph, type Op } from "../graph/types.ts";
import type { TensorAccess } from "./access.ts";
import { blocksOf } from "./formulas.ts";
import { meanOver, rowsExpression } from "./launch.ts";

/** The functions that the sums call, and the sums in order. */
export function reduceText(graph: Graph, batch: number, ops: readonly Op[], access: TensorAccess, prefix = "f") {
  const functions: string[] = [];
  const reductions: Reduction[] = [];
  const all = (name: string, f: string): SumTerm => {
    const tensor = tensorOf(graph, name);
    const elements = tensor.rows === "batch" ? `${rowsExpression(tensor)} * ${tensor.cols}u` : `${sizeOf(tensor, 1)}u`;
    const number = tensor.cols === 1 ? access.inRow(name, access.rowStart(name, "i"), "0u") : access.load(name, "i");
    const atMost = sizeOf(tensor, batch);
    return { number, elements, atMost, f, blocks: blocksOf(access.formulas, atMost) };
  };
  const store = (name: string, index: string, terms: readonly SumTerm[], finish: string, norm = false) => {
    reductions.push({ target: access.store(name, index), terms, finish, norm });
  };
  ops.forEach((op, k) => {
    const {
      inputs,
      outputs: [output],
    } = op;
    switch (op.type) {
      case "penalty":
        functions.push(formulaOf(access.formulas, "penalty").penaltyTermFunction(`${prefix}${k}`, op.l1, op.l2));
        store(output, "0u", [all(inputs[0], `${prefix}${k}(v)`)], "total");
        break;
      case "countSteps":
        store(output, "0u", [all(inputs[0], "v")], "total");
        break;
      case "clipFactor":
        functions.push(formulaOf(access.formulas, "clip").clipFactorFunction(`${prefix}${k}`, op.limit));
        store(
          output,
          "0u",
          inputs.map((name) => all(name, "v")),
          `${prefix}${k}(total)`,
          true,
        );
        break;
      case "summarize": {
        const [lossRows, ...metricRows] = inputs.slice(0, 1 + op.metrics),
          rest = inputs.slice(1 + op.metrics);
        const count = op.counted ? rest.pop() : undefined,
          mean = meanOver(tensorOf(graph, lossRows));
        store(output, "0u", [all(lossRows, `v * ${mean}`), ...rest.map((name) => all(name, "v"))], "total");
        metricRows.forEach((name, i) => store(output, `${i + 1}u`, [all(name, "v")], `total * ${mean}`));
        if (count !== undefined) store(output, `${op.metrics + 1}u`, [all(count, "v")], "total");
        break;
      }
      default:
        throw new Error(`${op.type} is not a reduction`);
    }
  });
  return { functions: functions.join(""), reductions };
}
