// Writes the ops of sequences (SequenceWriter): recurrent layers, views, and what works number by number.

import { timestepsOf, tensorOf, type Graph, type Op } from "../graph/types.ts";
import { recurrentFlops, recurrentText } from "./recurrent.ts";
import { viewText } from "./sequence-views.ts";
import type { ReadOperand, SequenceWriter } from "./sequence-writer.ts";

function elementwiseCall(graph: Graph, op: Op, operand: ReadOperand): string {
  const steps = timestepsOf(tensorOf(graph, op.inputs[0]));
  switch (op.type) {
    case "embeddingLookup": {
      const bias = op.inputs.length > 2 ? ` + ${operand(2, { row: "0u", col: "col" })}` : "";
      return operand(1, { row: operand(0, { whole: "row" }), col: "col" }) + bias;
    }
    case "carry":
      return operand(0, { row: `(row * ${steps}u + ${steps - 1}u)`, col: "col" });
    case "weightRows":
      return `${operand(0)} * ${operand(1, "row")}`;
    case "maskRows": {
      const length = operand(1, { whole: `(row / ${steps}u)` });
      return `select(0.0, ${operand(0)} * (f32(step.rows * ${steps}u) / ${operand(2, "scalar")}), row % ${steps}u < ${length})`;
    }
    default:
      throw new Error(`${op.type} is not an elementwise op`);
  }
}

export const SEQUENCES: SequenceWriter = { viewText, elementwiseCall, recurrentText, recurrentFlops };
