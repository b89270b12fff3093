// Writes the epilogue of a kernel out of the elementwise steps of its group: inputs made within the group stay in
// registers, the others are read at the same element, and only what someone else needs is stored.

import type { Epilogue } from "../../shaders/epilogue.wgsl.ts";
import { tensorOf, type Graph, type Step } from "../graph/types.ts";
import { elementwiseText, sharedFunctions } from "./elementwise.ts";
import { place, type BindingList } from "./launch.ts";

/**
 * @param value the tensor that the kernel's `value` is; null if the steps start from memory
 * @param stored the tensors that must be written
 */
export function writeEpilogue(
  graph: Graph, batch: number, value: string | null, steps: readonly Step[], stored: ReadonlySet<string>,
  bindings: BindingList,
): Epilogue {
  const registers = new Map<string, string>(value === null ? [] : [[value, "value"]]);
  const functions = [sharedFunctions(steps)];
  const lines: string[] = [];
  const store = (tensor: string, expression: string) => {
    if (!stored.has(tensor)) return;
    lines.push(`${bindings.write(tensor)}[${place(tensorOf(graph, tensor), batch, "element")}] = ${expression};`);
  };
  if (value !== null) store(value, "value");
  steps.forEach((step, k) => {
    const operand = (i: number, index = "element") =>
      registers.get(step.inputs[i]) ?? `${bindings.read(step.inputs[i])}[${index}]`;
    const text = elementwiseText(graph, step, `f${k}`, operand);
    functions.push(text.functions);
    lines.push(`let v${k} = ${text.call};`);
    step.outputs.forEach((output, i) => {
      const register = step.op === "update" ? `v${k}.${i === 0 ? "w" : `s${i - 1}`}` : `v${k}`;
      registers.set(output, register);
      store(output, register);
    });
  });
  return { functions: functions.join(""), body: lines.join("\n  ") };
}
