// Writes the ops of batch and layer normalization, for networks that have such layers: a part of SequenceWriter.

import { literal } from "../../shaders/kernel.wgsl.ts";
import {
  normalized,
  overDeviation,
  normalizeRowStatements,
  pulledBack,
  pullBackRowStatements,
  SQUARED_DIFFERENCE,
} from "../../shaders/normalization.wgsl.ts";
import { tensorOf, type Graph, type OpOf } from "../graph/types.ts";
import { meanOver } from "./launch.ts";
import type { ReadOperand, SequenceWriter } from "./sequence-writer.ts";
import type { Reader } from "./views.ts";

/** A term of a sum over rows, at `row` and `col`. */
function term(access: Reader, op: OpOf<"moment">, row: string): string {
  const at = (i: number, of: string) => access.inRow(op.inputs[i], access.rowStart(op.inputs[i], of), "col");
  const mean = meanOver(tensorOf(access.graph, op.inputs[0]));
  switch (op.kind) {
    case "mean":
      return `${at(0, row)} * ${mean}`;
    case "variance":
      access.define("squared_difference", SQUARED_DIFFERENCE);
      return `squared_difference(${at(0, row)}, ${at(1, "0u")}) * ${mean}`;
    case "product":
      return `${at(0, row)} * ${at(1, row)}`;
  }
}

function numberText(graph: Graph, op: OpOf<"normalize">, operand: ReadOperand): string {
  const column = (i: number) => operand(i, { row: "0u", col: "col" });
  switch (op.kind) {
    case "normalize":
      return normalized(operand(0), column(1), column(2), op.epsilon);
    case "affine":
      return operand(0) + (op.scale ? ` * ${column(1)}` : "") + (op.center ? ` + ${column(op.inputs.length - 1)}` : "");
    case "pullBack":
      return pulledBack(operand(0), operand(1), column(2), column(3), column(4), meanOver(tensorOf(graph, op.inputs[0])), op.epsilon);
    case "rescale":
      return overDeviation(operand(0), column(1), op.epsilon);
    case "moving":
      return `${literal(op.momentum)} * ${operand(0)} + ${literal(1 - op.momentum)} * ${operand(1)}`;
  }
}

/** What writes normalizations, and all else as `sequences` does. */
export const withNormalizations = (sequences: SequenceWriter): SequenceWriter => ({
  ...sequences,
  elementwiseCall: (graph, op, operand) =>
    op.type === "normalize" ? numberText(graph, op, operand) : sequences.elementwiseCall(graph, op, operand),
  term,
  rows: ({ kind, epsilon }, cols, at, store) =>
    kind === "normalize"
      ? normalizeRowStatements(cols, epsilon, at(0), store)
      : pullBackRowStatements(cols, epsilon, at(0), at(1), at(2), store),
});
