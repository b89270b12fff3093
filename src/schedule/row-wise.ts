// Writes the kernel that goes through the rows of a batch one by one: softmax, loss, metrics, δᴸ.

import { lossRowStatements } from "../../shaders/losses.wgsl.ts";
import { metricRowStatements } from "../../shaders/metrics.wgsl.ts";
import { rowWiseKernel } from "../../shaders/row_wise.wgsl.ts";
import { softmaxPullbackStatements, softmaxStatements } from "../../shaders/softmax.wgsl.ts";
import { tensorOf, type Graph, type Step } from "../graph/types.ts";
import { elementwiseText, sharedFunctions } from "./elementwise.ts";
import { place, type BindingList } from "./launch.ts";

export function rowWiseSource(graph: Graph, batch: number, steps: readonly Step[], bindings: BindingList): string {
  const functions = [sharedFunctions(steps)];
  const statements = steps.map((step, k) => {
    const output = tensorOf(graph, step.outputs[0]);
    const at = (i: number) => {
      const { name, cols } = tensorOf(graph, step.inputs[i]);
      return (col: string) => `${bindings.read(name)}[row * ${cols}u + ${col}]`;
    };
    const store = (col: string, value: string) =>
      `${bindings.write(output.name)}[${place(output, batch, `row * ${output.cols}u + ${col}`)}] = ${value};`;
    const inputCols = tensorOf(graph, step.inputs[0]).cols;
    switch (step.op) {
      case "softmax": return softmaxStatements(inputCols, at(0), store);
      case "softmaxPullback": return softmaxPullbackStatements(inputCols, at(0), at(1), store);
      case "lossRows": return lossRowStatements(step.loss, inputCols, at(0), at(1)) + store("0u", "value");
      case "metricRows": return metricRowStatements(step.metric, inputCols, at(0), at(1)) + store("0u", "value");
      default: {
        const read = (i: number, index = "element") => `${bindings.read(step.inputs[i])}[${index}]`;
        const text = elementwiseText(graph, step, `f${k}`, read);
        functions.push(text.functions);
        return `
    for (var col = 0u; col < ${output.cols}u; col++) {
      let element = row * ${output.cols}u + col;
      ${store("col", text.call)}
    }`;
      }
    }
  });
  return rowWiseKernel(bindings.list(), functions.join(""), statements);
}
