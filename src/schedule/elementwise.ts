// One elementwise op as WGSL: the function it calls and the call. Used in epilogues, in row-by-row kernels and alone.

import { activationDerivativeFunction, activationFunction } from "../../shaders/activations.wgsl.ts";
import { dropoutFunction } from "../../shaders/dropout.wgsl.ts";
import { hadamardFunction } from "../../shaders/hadamard.wgsl.ts";
import { formulaOf } from "../../shaders/kernel.wgsl.ts";
import { lossGradientFunction } from "../../shaders/losses.wgsl.ts";
import { PHILOX } from "../../shaders/philox.wgsl.ts";
import { updateFunction } from "../../shaders/update.wgsl.ts";
import { timestepsOf, tensorOf, type Graph, type Op } from "../graph/types.ts";
import { dropoutThreshold } from "../random.ts";
import { takesLabels } from "../model/losses.ts";
import type { TensorAccess } from "./access.ts";
import { meanOver } from "./launch.ts";
import type { PlanFormulas } from "./norm-writer.ts";
import type { ReadOperand, Where } from "./sequence-writer.ts";

/** The text of one op: `call` is an expression; for an update it is the struct of shaders/update.wgsl.ts. */
export interface ElementwiseText {
  readonly functions: string;
  readonly call: string;
}

/** An operand that is in memory. */
export function operandAt(access: TensorAccess, tensor: string, where: Where = "here"): string {
  if (typeof where === "object" && "whole" in where) return access.wholeAt(tensor, where.whole);
  if (typeof where === "object") return access.inRow(tensor, access.rowStart(tensor, where.row), where.col);
  switch (where) {
    case "here":
      return access.here(tensor);
    case "row":
      return access.inRow(tensor, access.rowStart(tensor, "row"), "0u");
    case "scalar":
      return access.load(tensor, "0u");
  }
}

/** `name` is free for the op's function; row, col and element are in scope where the call is put. */
export function elementwiseText(graph: Graph, op: Op, name: string, access: TensorAccess, operand: ReadOperand): ElementwiseText {
  switch (op.type) {
    case "activation":
      return { functions: activationFunction(name, formulaOf(access.formulas.values, op.activation)), call: `${name}(${operand(0)})` };
    case "activationDerivative":
      return {
        functions: activationDerivativeFunction(name, formulaOf(access.formulas.derivatives, op.activation)),
        call: `${name}(${operand(0)})`,
      };
    case "hadamard":
      return { functions: hadamardFunction(name), call: `${name}(${operand(0)}, ${operand(1)})` };
    case "dropout": {
      const out = tensorOf(graph, op.outputs[0]),
        { held = 1 } = op;
      const first = op.chunked ? ` + (step.fresh >> 1u) * ${(out.cols * timestepsOf(out)) / held}u` : "";
      const element = (held === 1 ? "element" : `row / ${held}u * ${out.cols}u + col`) + first;
      const variant = { rate: op.rate, threshold: dropoutThreshold(op.rate), layer: op.layer, seed: graph.seed };
      return { functions: dropoutFunction(name, variant), call: `${name}(${operand(0)}, ${element})` };
    }
    case "penaltyGradient":
      return {
        functions: formulaOf(access.formulas, "penalty").penaltyGradientFunction(name, op.l1, op.l2),
        call: `${name}(${operand(0)}, ${operand(1)})`,
      };
    case "clipValue":
      return { functions: formulaOf(access.formulas, "clip").clipValueFunction(name, op.limit), call: `${name}(${operand(0)})` };
    case "scale":
      return { functions: "", call: `${operand(0)} * ${operand(1, "scalar")}` };
    case "accumulate":
      return { functions: "", call: `select(${operand(1)} + ${operand(0)}, ${operand(0)}, (step.fresh & 1u) == 1u)` };
    case "lossGradient": {
      const cols = tensorOf(graph, op.outputs[0]).cols;
      const target = operand(1, takesLabels(op.loss) ? { whole: "row" } : "here");
      const mean = meanOver(tensorOf(graph, op.outputs[0]));
      return {
        functions: lossGradientFunction(name, op.loss, cols, mean, access.formulas),
        call: `${name}(${operand(0)}, ${target}, col)`,
      };
    }
    case "update":
      return {
        functions: updateFunction(name, op.optimizer, formulaOf(access.formulas.updates, op.optimizer.name)),
        call: `${name}(${op.inputs.map((_, i) => operand(i)).join(", ")})`,
      };
    default:
      return { functions: "", call: access.sequences.elementwiseCall(graph, op, operand) };
  }
}

/** Functions that several ops share, once. @param hasNorms whether squares are summed for a norm, by whatever ops there are */
export const sharedFunctions = (ops: readonly Op[], { norms }: PlanFormulas, hasNorms = false): string =>
  (ops.some((op) => op.type === "dropout") ? PHILOX : "") +
  (hasNorms || ops.some((op) => op.type === "clipFactor") ? formulaOf({ norms }, "norms").functions : "");
