// Writes what is done row by row: softmax, loss, metrics, δᴸ.

import { lossRowStatements } from "../../shaders/losses.wgsl.ts";
import { metricRowStatements } from "../../shaders/metrics.wgsl.ts";
import { softmaxPullbackStatements, softmaxStatements } from "../../shaders/softmax.wgsl.ts";
import { tensorOf, type Graph, type Step } from "../graph/types.ts";
import { takesLabels } from "../model/losses.ts";
import type { TensorAccess } from "./access.ts";
import { elementwiseText, operandAt } from "./elementwise.ts";

/** The functions that the steps call, and for each step statements on the row number `row`. */
export function rowWiseText(graph: Graph, steps: readonly Step[], access: TensorAccess, prefix = "f") {
  const functions: string[] = [];
  const statements = steps.map((step, k) => {
    const output = tensorOf(graph, step.outputs[0]);
    const starts = step.inputs.map((name, i) => `let start${i} = ${access.rowStart(name, "row")};`).join(" ");
    const at = (i: number) => (col: string) => access.inRow(step.inputs[i], `start${i}`, col);
    const label = () => access.wholeAt(step.inputs[1], "row"), labelIf = (isLabel: boolean) => (isLabel ? label : at(1));
    const store = (col: string, value: string) => access.assign(output.name, `row * ${output.cols}u + ${col}`, value);
    const inputCols = tensorOf(graph, step.inputs[0]).cols;
    switch (step.op) {
      case "softmax": return starts + softmaxStatements(inputCols, at(0), store);
      case "softmaxPullback": return starts + softmaxPullbackStatements(inputCols, at(0), at(1), store);
      case "lossRows":
        return starts + lossRowStatements(step.loss, inputCols, at(0), labelIf(takesLabels(step.loss)), access.formulas) + store("0u", "value");
      case "metricRows":
        return starts + (access.formulas.metricRows ?? metricRowStatements)(step.metric, inputCols, at(0), labelIf(/^sparse/.test(step.metric))) + store("0u", "value");
      default: {
        const text = elementwiseText(graph, step, `${prefix}${k}`, access, (i, where) =>
          operandAt(access, step.inputs[i], where));
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
