// Writes the steps of sequences (SequenceWriter): recurrent layers, views, and what works number by number.

import { stepsOf, tensorOf, type Graph, type Step } from "../graph/types.ts";
import { recurrentFlops, recurrentText } from "./recurrent.ts";
import { viewText } from "./sequence-views.ts";
import type { Operand, SequenceWriter } from "./sequence-writer.ts";

function elementwiseCall(graph: Graph, step: Step, operand: Operand): string {
  const steps = stepsOf(tensorOf(graph, step.inputs[0]));
  switch (step.op) {
    case "pickRows": {
      const bias = step.inputs.length > 2 ? ` + ${operand(2, { row: "0u", col: "col" })}` : "";
      return operand(1, { row: operand(0, { whole: "row" }), col: "col" }) + bias;
    }
    case "carry":
      return operand(0, { row: `(row * ${steps}u + ${steps - 1}u)`, col: "col" });
    case "maskRows": {
      const length = operand(1, { whole: `(row / ${steps}u)` });
      return `select(0.0, ${operand(0)} * (f32(step.rows * ${steps}u) / ${operand(2, "scalar")}), row % ${steps}u < ${length})`;
    }
    default:
      throw new Error(`${step.op} is not an elementwise step`);
  }
}

export const SEQUENCES: SequenceWriter = { viewText, elementwiseCall, recurrentText, recurrentFlops };
