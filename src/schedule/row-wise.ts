// Writes what is done row by row: softmax, loss, metrics, δᴸ.

import { lossRowStatements } from "../../shaders/losses.wgsl.ts";
import { metricRowStatements } from "../../shaders/metrics.wgsl.ts";
import { softmaxPullbackStatements, softmaxStatements } from "../../shaders/softmax.wgsl.ts";
import { tensorOf, type Graph, type Op } from "../graph/types.ts";
import { takesLabels } from "../model/losses.ts";
import type { TensorAccess } from "./access.ts";
import { elementwiseText, operandAt } from "./elementwise.ts";

/** The functions that the ops call, and for each op statements on the row number `row`. */
export function rowWiseText(graph: Graph, ops: readonly Op[], access: TensorAccess, prefix = "f") {
  const functions: string[] = [];
  const statements = ops.map((op, k) => {
    const output = tensorOf(graph, op.outputs[0]);
    const starts = op.inputs.map((name, i) => `let start${i} = ${access.rowStart(name, "row")};`).join(" ");
    const at = (i: number) => (col: string) => access.inRow(op.inputs[i], `start${i}`, col);
    const label = () => access.wholeAt(op.inputs[1], "row"),
      labelIf = (isLabel: boolean) => (isLabel ? label : at(1));
    const store = (col: string, value: string) => access.assign(output.name, `row * ${output.cols}u + ${col}`, value);
    const inputCols = tensorOf(graph, op.inputs[0]).cols;
    switch (op.type) {
      case "softmax":
        return starts + softmaxStatements(inputCols, at(0), store);
      case "softmaxPullback":
        return starts + softmaxPullbackStatements(inputCols, at(0), at(1), store);
      case "normalizeRows":
        return starts + access.sequences.rows!(op, inputCols, at, store);
      case "lossRows":
        return starts + lossRowStatements(op.loss, inputCols, at(0), labelIf(takesLabels(op.loss)), access.formulas) + store("0u", "value");
      case "metricRows":
        return (
          starts +
          (access.formulas.metricRows ?? metricRowStatements)(op.metric, inputCols, at(0), labelIf(/^sparse/.test(op.metric))) +
          store("0u", "value")
        );
      default: {
        const text = elementwiseText(graph, op, `${prefix}${k}`, access, (i, where) => operandAt(access, op.inputs[i], where));
        functions.push(text.functions);
        return `
    for (var col = 0u; col < ${output.cols}u; col++) {
      let element = row * ${output.cols}u + col;
      ${store("col", text.call)}
    }`;
      }
    }
  });
  return { functions: functions.join(""), statements };
}
