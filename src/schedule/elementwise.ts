// One elementwise step as WGSL: the function it calls and the call. Used in epilogues, in row-by-row kernels and alone.

import { activationDerivativeFunction, activationFunction } from "../../shaders/activations.wgsl.ts";
import { clipValueFunction } from "../../shaders/clip.wgsl.ts";
import { dropoutFunction } from "../../shaders/dropout.wgsl.ts";
import { hadamardFunction } from "../../shaders/hadamard.wgsl.ts";
import { lossGradientFunction } from "../../shaders/losses.wgsl.ts";
import { penaltyGradientFunction } from "../../shaders/penalty.wgsl.ts";
import { PHILOX } from "../../shaders/philox.wgsl.ts";
import { updateFunction } from "../../shaders/update.wgsl.ts";
import { tensorOf, type Graph, type Step } from "../graph/types.ts";
import { dropoutThreshold } from "../random.ts";
import { takesLabels } from "../model/losses.ts";

/** The text of one step: `call` is an expression; for an update it is the struct of shaders/update.wgsl.ts. */
export interface ElementwiseText {
  readonly functions: string;
  readonly call: string;
}

/** Reads input number `i` of the step at an index expression (the element itself if none is given). */
type Operand = (i: number, index?: string) => string;

/** `name` is free for the step's function; row, col and element are in scope where the call is put. */
export function elementwiseText(graph: Graph, step: Step, name: string, operand: Operand): ElementwiseText {
  switch (step.op) {
    case "activation":
      return { functions: activationFunction(name, step.activation), call: `${name}(${operand(0)})` };
    case "activationDerivative":
      return { functions: activationDerivativeFunction(name, step.activation), call: `${name}(${operand(0)})` };
    case "hadamard":
      return { functions: hadamardFunction(name), call: `${name}(${operand(0)}, ${operand(1)})` };
    case "dropout": {
      const variant = { rate: step.rate, threshold: dropoutThreshold(step.rate), layer: step.layer, seed: graph.seed };
      return { functions: dropoutFunction(name, variant), call: `${name}(${operand(0)}, element)` };
    }
    case "penaltyGradient":
      return { functions: penaltyGradientFunction(name, step.l1, step.l2), call: `${name}(${operand(0)}, ${operand(1)})` };
    case "clipValue":
      return { functions: clipValueFunction(name, step.limit), call: `${name}(${operand(0)})` };
    case "scale":
      return { functions: "", call: `${operand(0)} * ${operand(1, "0u")}` };
    case "lossGradient": {
      const cols = tensorOf(graph, step.outputs[0]).cols;
      const target = operand(1, takesLabels(step.loss) ? "row" : undefined);
      return { functions: lossGradientFunction(name, step.loss, cols), call: `${name}(${operand(0)}, ${target}, col)` };
    }
    case "update":
      return { functions: updateFunction(name, step.optimizer), call: `${name}(${step.inputs.map((_, i) => operand(i)).join(", ")})` };
    default:
      throw new Error(`${step.op} is not an elementwise step`);
  }
}

/** Functions that several steps share, once. */
export const sharedFunctions = (steps: readonly Step[]): string =>
  steps.some((step) => step.op === "dropout") ? PHILOX : "";
