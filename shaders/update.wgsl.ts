// update: one weight moved by its optimizer. Formulas are Keras 3's; src/reference/optimizers.ts has them in float64.
//   in   w, g (its gradient), s0 … the optimizer's states of that weight      out  a struct { w, s0 … }
// Needs the step for its rates.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { optimizerStates, type Optimizer } from "../src/model/optimizers.ts";
import { literal } from "./kernel.wgsl.ts";

/** Statements on the variables w, g, s0 … that leave the new values in w, s0 …. */
function formula(optimizer: Optimizer): string {
  const { momentum, nesterov, beta1, beta2, rho, epsilon, centered, weightDecay } = optimizer;
  switch (optimizer.name) {
    case "sgd":
      if (momentum === 0) return "w -= step.learning_rate * g;";
      return wgsl`s0 = ${literal(momentum)} * s0 - step.learning_rate * g;
  #if ${nesterov}
  w += ${literal(momentum)} * s0 - step.learning_rate * g;
  #else
  w += s0;
  #endif`;
    case "adam":
    case "adamW":
      return wgsl`#if ${optimizer.name === "adamW"}
  w -= w * ${literal(weightDecay)} * step.learning_rate;
  #endif
  s0 += (g - s0) * ${literal(1 - beta1)};
  s1 += (g * g - s1) * ${literal(1 - beta2)};
  w -= step.corrected_rate * s0 / (sqrt(s1) + ${literal(epsilon)});`;
    case "rmsprop": {
      const mean = momentum > 0 ? "s2" : "s1";
      return wgsl`s0 = ${literal(rho)} * s0 + ${literal(1 - rho)} * g * g;
  #if ${centered}
  ${mean} = ${literal(rho)} * ${mean} + ${literal(1 - rho)} * g;
  let increment = step.learning_rate * g / sqrt(max(s0 - ${mean} * ${mean}, 0.0) + ${literal(epsilon)});
  #else
  let increment = step.learning_rate * g / sqrt(s0 + ${literal(epsilon)});
  #endif
  #if ${momentum > 0}
  s1 = ${literal(momentum)} * s1 + increment;
  w -= s1;
  #else
  w -= increment;
  #endif`;
    }
    case "adagrad":
      return wgsl`s0 += g * g;
  w -= step.learning_rate * g / sqrt(s0 + ${literal(epsilon)});`;
  }
}

/** fn name(w, g, s0 …) and the struct that it returns; a launch may update several weights. */
export function updateFunction(name: string, optimizer: Optimizer): string {
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
