// The update of each optimizer in float64, by the formulas of Keras 3: what shaders/update.wgsl.ts is checked against.
//   w weights   g ∂C/∂w (clipped)   η learning rate   μ momentum   all of one shape; state order as optimizerStates().

import type { StepScalars } from "../graph/types.ts";
import type { Optimizer } from "../model/optimizers.ts";

export type Rates = Pick<StepScalars, "learningRate" | "correctedRate">;

/** New weights and new states, in the order [w, states…]; nothing that came in is changed. */
export function applyUpdate(
  optimizer: Optimizer,
  w: Float64Array,
  g: Float64Array,
  states: readonly Float64Array[],
  rates: Rates,
): Float64Array[] {
  const next = [w, ...states].map((array) => array.slice());
  const [weights, ...kept] = next;
  switch (optimizer.name) {
    case "sgd":
      sgd(optimizer, weights, g, kept, rates);
      break;
    case "adam":
    case "adamW":
      adam(optimizer, weights, g, kept, rates);
      break;
    case "rmsprop":
      rmsprop(optimizer, weights, g, kept, rates);
      break;
    case "adagrad":
      adagrad(optimizer, weights, g, kept, rates);
      break;
    case "adadelta":
      adadelta(optimizer, weights, g, kept, rates);
      break;
    case "adamax":
      adamax(optimizer, weights, g, kept, rates);
      break;
    case "lion":
      lion(optimizer, weights, g, kept, rates);
      break;
  }
  return next;
}

/** v ← μv − ηg, w ← w + v; Nesterov looks ahead once more: w ← w + μv − ηg with the new v. */
function sgd({ momentum, nesterov }: Optimizer, w: Float64Array, g: Float64Array, [v]: Float64Array[], { learningRate }: Rates): void {
  for (let i = 0; i < w.length; i++) {
    const step = learningRate * g[i];
    if (momentum === 0) {
      w[i] -= step;
      continue;
    }
    v[i] = momentum * v[i] - step;
    w[i] += nesterov ? momentum * v[i] - step : v[i];
  }
}

/** correctedRate = η·√(1−β₂ᵗ)/(1−β₁ᵗ); adamW first w ← w − η·weightDecay·w. */
function adam(
  { name, beta1, beta2, epsilon, weightDecay }: Optimizer,
  w: Float64Array,
  g: Float64Array,
  [m, v]: Float64Array[],
  { learningRate, correctedRate }: Rates,
): void {
  for (let i = 0; i < w.length; i++) {
    if (name === "adamW") w[i] -= w[i] * weightDecay * learningRate;
    m[i] += (g[i] - m[i]) * (1 - beta1);
    v[i] += (g[i] * g[i] - v[i]) * (1 - beta2);
    w[i] -= (m[i] * correctedRate) / (Math.sqrt(v[i]) + epsilon);
  }
}

/**
 * v ← ρv + (1−ρ)g²; centered: the variance v − mean² takes the place of v. It is never negative (Cauchy and Schwarz), but
 * rounding may take it below 0, in float32 more than ε; Keras leaves that be, here it is cut off on both sides.
 */
function rmsprop(
  { rho, momentum, epsilon, centered }: Optimizer,
  w: Float64Array,
  g: Float64Array,
  states: Float64Array[],
  { learningRate }: Rates,
): void {
  const v = states[0];
  const mean = states[states.length - 1];
  for (let i = 0; i < w.length; i++) {
    v[i] = rho * v[i] + (1 - rho) * g[i] * g[i];
    let denominator = v[i] + epsilon;
    if (centered) {
      mean[i] = rho * mean[i] + (1 - rho) * g[i];
      denominator = Math.max(v[i] - mean[i] * mean[i], 0) + epsilon;
    }
    let increment = (learningRate * g[i]) / Math.sqrt(denominator);
    if (momentum > 0) increment = states[1][i] = momentum * states[1][i] + increment;
    w[i] -= increment;
  }
}

function adagrad({ epsilon }: Optimizer, w: Float64Array, g: Float64Array, [sum]: Float64Array[], { learningRate }: Rates): void {
  for (let i = 0; i < w.length; i++) {
    sum[i] += g[i] * g[i];
    w[i] -= (learningRate * g[i]) / Math.sqrt(sum[i] + epsilon);
  }
}

/** x = g·√(d + ε)/√(v + ε): d has the unit of the weights squared. */
function adadelta(
  { rho, epsilon }: Optimizer,
  w: Float64Array,
  g: Float64Array,
  [v, changes]: Float64Array[],
  { learningRate }: Rates,
): void {
  for (let i = 0; i < w.length; i++) {
    v[i] = rho * v[i] + (1 - rho) * g[i] * g[i];
    const x = (g[i] * Math.sqrt(changes[i] + epsilon)) / Math.sqrt(v[i] + epsilon);
    changes[i] = rho * changes[i] + (1 - rho) * x * x;
    w[i] -= learningRate * x;
  }
}

/** correctedRate = η/(1−β₁ᵗ). */
function adamax(
  { beta1, beta2, epsilon }: Optimizer,
  w: Float64Array,
  g: Float64Array,
  [m, max]: Float64Array[],
  { correctedRate }: Rates,
): void {
  for (let i = 0; i < w.length; i++) {
    m[i] += (g[i] - m[i]) * (1 - beta1);
    max[i] = Math.max(beta2 * max[i], Math.abs(g[i]));
    w[i] -= (correctedRate * m[i]) / (max[i] + epsilon);
  }
}

function lion({ beta1, beta2 }: Optimizer, w: Float64Array, g: Float64Array, [m]: Float64Array[], { learningRate }: Rates): void {
  for (let i = 0; i < w.length; i++) {
    w[i] -= learningRate * Math.sign(beta1 * m[i] + (1 - beta1) * g[i]);
    m[i] = beta2 * m[i] + (1 - beta2) * g[i];
  }
}
