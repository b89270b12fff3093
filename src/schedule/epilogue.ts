// Writes the epilogue of a kernel out of the elementwise steps of its group: inputs made within the group stay in
// registers, the others are read at the same element, and only what someone else needs is stored.

import type { Epilogue } from "../../shaders/epilogue.wgsl.ts";
import type { Graph, Step } from "../graph/types.ts";
import { elementwiseText, operandAt } from "./elementwise.ts";
import type { TensorAccess } from "./access.ts";

/**
 * @param value the tensor that the kernel's `value` is; null if the steps start from memory
 * @param stored the tensors that must be written
 * @param squared the tensor whose squares are added up in `squares`
 * @param prefix starts the names of functions, where several epilogues share a shader
 */
export function writeEpilogue(
  graph: Graph, value: string | null, steps: readonly Step[], stored: ReadonlySet<string>, access: TensorAccess, prefix = "f",
  squared: string | null = null,
): Epilogue {
  const registers = new Map<string, string>(value === null ? [] : [[value, "value"]]);
  const functions: string[] = [];
  const lines: string[] = [];
  const store = (tensor: string, expression: string) => {
    if (tensor === squared) lines.push(`squares += ${expression} * ${expression};`);
    if (stored.has(tensor)) lines.push(`${access.store(tensor, "element")} = ${expression};`);
  };
  if (value !== null) store(value, "value");
  steps.forEach((step, k) => {
    const text = elementwiseText(graph, step, `${prefix}${k}`, access, (i, where) =>
      registers.get(step.inputs[i]) ?? operandAt(access, step.inputs[i], where));
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
