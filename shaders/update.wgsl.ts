// update: one weight moved by its optimizer. Formulas are Keras 3's; src/reference/optimizers.ts has them in float64.
//   in   w, g (its gradient), s0 … the optimizer's states of that weight      out  a struct { w, s0 … }
// Needs the step for its rates.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { optimizerStates, type Optimizer, type OptimizerName } from "../src/model/optimizers.ts";
import { literal } from "./kernel.wgsl.ts";

/** Statements on the variables w, g, s0 … that leave the new values in w, s0 …. */
export type UpdateFormula = (optimizer: Optimizer) => string;

const sgd: UpdateFormula = ({ momentum, nesterov }) =>
  momentum === 0
    ? "w -= step.learning_rate * g;"
    : wgsl`s0 = ${literal(momentum)} * s0 - step.learning_rate * g;
  #if ${nesterov}
  w += ${literal(momentum)} * s0 - step.learning_rate * g;
  #else
  w += s0;
  #endif`;

const adam: UpdateFormula = ({ name, beta1, beta2, epsilon, weightDecay }) => wgsl`#if ${name === "adamW"}
  w -= w * ${literal(weightDecay)} * step.learning_rate;
  #endif
  s0 += (g - s0) * ${literal(1 - beta1)};
  s1 += (g * g - s1) * ${literal(1 - beta2)};
  w -= step.corrected_rate * s0 / (sqrt(s1) + ${literal(epsilon)});`;

export type UpdateTable = Readonly<Partial<Record<OptimizerName, UpdateFormula>>>;

/** The others are in uncommon.wgsl.ts. */
export const UPDATES = { sgd, adam, adamW: adam } satisfies UpdateTable;

/** fn name(w, g, s0 …) and the struct that it returns; a launch may update several weights. */
export function updateFunction(name: string, optimizer: Optimizer, formula: UpdateFormula): string {
  const states = optimizerStates(optimizer).map((_, i) => `s${i}`);
  return wgsl`
struct Updated_${name} {
  w: f32,
  ${states.map((s) => `${s}: f32,`).join(" ")}
}
fn ${name}(${["w", "g", ...states].map((s) => `${s}_in: f32`).join(", ")}) -> Updated_${name} {
  var w = w_in;
  let g = g_in;
  ${states.map((s) => `var ${s} = ${s}_in;`).join(" ")}
  ${formula(optimizer)}
  return Updated_${name}(${["w", ...states].join(", ")});
}
`;
}
