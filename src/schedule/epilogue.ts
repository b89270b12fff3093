// Writes the epilogue of a kernel out of the elementwise ops of its group: inputs made within the group stay in
// registers, the others are read at the same element, and only what someone else needs is stored.

import type { Epilogue } from "../../shaders/epilogue.wgsl.ts";
import type { Graph, Op } from "../graph/types.ts";
import { elementwiseText, operandAt } from "./elementwise.ts";
import type { TensorAccess } from "./access.ts";

/**
 * @param value the tensor that the kernel's `value` is; null if the ops start from memory
 * @param stored the tensors that must be written
 * @param squared the tensor whose squares are added up in `squares`
 * @param prefix starts the names of functions, where several epilogues share a shader
 */
export function writeEpilogue(
  graph: Graph,
  value: string | null,
  ops: readonly Op[],
  stored: ReadonlySet<string>,
  access: TensorAccess,
  prefix = "f",
  squared: string | null = null,
): Epilogue {
  const registers = new Map<string, string>();
  const functions: string[] = [];
  const lines: string[] = [];
  /**
   * Stores what must be stored. The ops behind go on with what is in memory, rounded if it is f16: so the forward pass and
   * the backward pass, which reads it, have the same numbers.
   */
  const keep = (tensor: string, expression: string): void => {
    const isStored = stored.has(tensor);
    registers.set(tensor, isStored ? access.asStored(tensor, expression) : expression);
    if (tensor === squared) lines.push(`squares += squares_of(${expression});`);
    if (isStored) lines.push(access.assign(tensor, "element", expression));
  };
  if (value !== null) keep(value, "value");
  ops.forEach((op, k) => {
    const text = elementwiseText(
      graph,
      op,
      `${prefix}${k}`,
      access,
      (i, where) => registers.get(op.inputs[i]) ?? operandAt(access, op.inputs[i], where),
    );
    functions.push(text.functions);
    lines.push(`let v${k} = ${text.call};`);
    op.outputs.forEach((output, i) => {
      keep(output, op.type === "update" ? `v${k}.${i === 0 ? "w" : `s${i - 1}`}` : `v${k}`);
    });
  });
  return { functions: functions.join(""), body: lines.join("\n  ") };
}
