// One elementwise step as WGSL: the function it calls and the call. Used in epilogues, in row-by-row kernels and alone.

import { activationDerivativeFunction, activationFunction } from "../../shaders/activations.wgsl.ts";
import { dropoutFunction } from "../../shaders/dropout.wgsl.ts";
import { hadamardFunction } from "../../shaders/hadamard.wgsl.ts";
import { formulaOf } from "../../shaders/kernel.wgsl.ts";
import { lossGradientFunction } from "../../shaders/losses.wgsl.ts";
import { PHILOX } from "../../shaders/philox.wgsl.ts";
import { updateFunction } from "../../shaders/update.wgsl.ts";
import { stepsOf, tensorOf, type Graph, type Step } from "../graph/types.ts";
import { dropoutThreshold } from "../random.ts";
import { takesLabels } from "../model/losses.ts";
import type { TensorAccess } from "./access.ts";
import { meanOver } from "./launch.ts";
import type { PlanFormulas } from "./norm-writer.ts";
import type { Operand, Where } from "./sequence-writer.ts";

/** The text of one step: `call` is an expression; for an update it is the struct of shaders/update.wgsl.ts. */
export interface ElementwiseText {
  readonly functions: string;
  readonly call: string;
}

/** An operand that is in memory. */
export function operandAt(access: TensorAccess, tensor: string, where: Where = "here"): string {
  if (typeof where === "object" && "whole" in where) return access.wholeAt(tensor, where.whole);
  if (typeof where === "object") return access.inRow(tensor, access.rowStart(tensor, where.row), where.col);
  switch (where) {
    case "here": return access.here(tensor);
    case "row": return access.inRow(tensor, access.rowStart(tensor, "row"), "0u");
    case "scalar": return access.load(tensor, "0u");
  }
}

/** `name` is free for the step's function; row, col and element are in scope where the call is put. */
export function elementwiseText(graph: Graph, step: Step, name: string, access: TensorAccess, operand: Operand): ElementwiseText {
  switch (step.op) {
    case "activation":
      return { functions: activationFunction(name, formulaOf(access.formulas.values, step.activation)), call: `${name}(${operand(0)})` };
    case "activationDerivative":
      return { functions: activationDerivativeFunction(name, formulaOf(access.formulas.derivatives, step.activation)), call: `${name}(${operand(0)})` };
    case "hadamard":
      return { functions: hadamardFunction(name), call: `${name}(${operand(0)}, ${operand(1)})` };
    case "dropout": {
      const out = tensorOf(graph, step.outputs[0]), { held = 1 } = step;
      const first = step.chunked ? ` + (step.fresh >> 1u) * ${(out.cols * stepsOf(out)) / held}u` : "";
      const element = (held === 1 ? "element" : `row / ${held}u * ${out.cols}u + col`) + first;
      const variant = { rate: step.rate, threshold: dropoutThreshold(step.rate), layer: step.layer, seed: graph.seed };
      return { functions: dropoutFunction(name, variant), call: `${name}(${operand(0)}, ${element})` };
    }
    case "penaltyGradient":
      return { functions: formulaOf(access.formulas, "penalty").penaltyGradientFunction(name, step.l1, step.l2),
        call: `${name}(${operand(0)}, ${operand(1)})` };
    case "clipValue":
      return { functions: formulaOf(access.formulas, "clip").clipValueFunction(name, step.limit), call: `${name}(${operand(0)})` };
    case "scale":
      return { functions: "", call: `${operand(0)} * ${operand(1, "scalar")}` };
    case "accumulate":
      return { functions: "", call: `select(${operand(1)} + ${operand(0)}, ${operand(0)}, (step.fresh & 1u) == 1u)` };
    case "lossGradient": {
      const cols = tensorOf(graph, step.outputs[0]).cols;
      const target = operand(1, takesLabels(step.loss) ? { whole: "row" } : "here");
      const mean = meanOver(tensorOf(graph, step.outputs[0]));
      return { functions: lossGradientFunction(name, step.loss, cols, mean, access.formulas), call: `${name}(${operand(0)}, ${target}, col)` };
    }
    case "update":
      return { functions: updateFunction(name, step.optimizer, formulaOf(access.formulas.updates, step.optimizer.name)), call: `${name}(${step.inputs.map((_, i) => operand(i)).join(", ")})` };
    default:
      return { functions: "", call: access.sequences.elementwiseCall(graph, step, operand) };
  }
}

/** Functions that several steps share, once. @param hasNorms whether squares are summed for a norm, by whatever steps there are */
export const sharedFunctions = (steps: readonly Step[], { norms }: PlanFormulas, hasNorms = false): string =>
  (steps.some((step) => step.op === "dropout") ? PHILOX : "") +
  (hasNorms || steps.some((step) => step.op === "clipFactor") ? formulaOf({ norms }, "norms").functions : "");
