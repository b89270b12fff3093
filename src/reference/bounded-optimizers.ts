// How far the update of a float32 GPU may lie from the exact one: see rounding.ts. The formulas are those of
// optimizers.ts, one number at a time; η, β, ρ, μ, ε, 1−β and 1−ρ reach the GPU rounded to float32. (1−β must be taken
// before rounding: 1 − float32(0.999) misses 0.001 by 2⁻¹⁵ of it, and no bound here allows that.)
// Three terms are added in any order: "An implementation may reassociate operations" (WGSL, Reassociation and Fusion), and
// Mesa's lavapipe does, w + (μv − ηg) as (w + μv) − ηg.

import type { Optimizer } from "../model/optimizers.ts";
import { signOf } from "./bounded-sums.ts";
import type { Rates } from "./optimizers.ts";
import {
  add,
  divide,
  exact,
  magnitude,
  multiply,
  negate,
  rounded,
  square,
  SQUARE_ROOT,
  squareRoot,
  subtract,
  total,
  type Rough,
} from "./rounding.ts";

/** What ε is added to is not negative on any GPU, so that the sum is at least ε, up to its rounding and that of √. */
const BELOW = 1 - 2 * SQUARE_ROOT;

/** [w, states…] after the update of one weight from [w, states…] and its gradient. */
export function roughUpdate(optimizer: Optimizer, w: Rough, g: Rough, states: readonly Rough[], rates: Rates): Rough[] {
  switch (optimizer.name) {
    case "sgd":
      return sgd(optimizer, w, g, states, rates);
    case "adam":
    case "adamW":
      return adam(optimizer, w, g, states, rates);
    case "rmsprop":
      return rmsprop(optimizer, w, g, states, rates);
    case "adagrad":
      return adagrad(optimizer, w, g, states, rates);
    case "adadelta":
      return adadelta(optimizer, w, g, states, rates);
    case "adamax":
      return adamax(optimizer, w, g, states, rates);
    case "lion":
      return lion(optimizer, w, g, states, rates);
  }
}

function sgd({ momentum, nesterov }: Optimizer, w: Rough, g: Rough, [v]: readonly Rough[], { learningRate }: Rates): Rough[] {
  const step = multiply(rounded(learningRate), g);
  if (momentum === 0) return [subtract(w, step)];
  const mu = rounded(momentum);
  const velocity = subtract(multiply(mu, v), step);
  return [nesterov ? total([w, multiply(mu, velocity), negate(step)]) : add(w, velocity), velocity];
}

function adam(
  { name, beta1, beta2, epsilon, weightDecay }: Optimizer,
  w: Rough,
  g: Rough,
  [m, v]: readonly Rough[],
  { learningRate, correctedRate }: Rates,
): Rough[] {
  const mean = movingAverage(m, g, beta1);
  const squares = movingAverage(v, square(g), beta2);
  const denominator = add(squareRoot(squares), rounded(epsilon));
  // √v is not negative, whatever the error of v.
  const change = divide(multiply(mean, rounded(correctedRate)), denominator, epsilon * BELOW);
  const decay = name === "adamW" ? [negate(multiply(multiply(w, rounded(weightDecay)), rounded(learningRate)))] : [];
  return [total([w, ...decay, negate(change)]), mean, squares];
}

/**
 * m + (x − m)(1 − β). The operands' errors count β and 1 − β times; the chain of operations would count m's twice. So the
 * chain is run with exact operands, for its roundings alone; 2⁻²² covers what the errors add to those four roundings.
 */
function movingAverage(m: Rough, x: Rough, beta: number): Rough {
  const [from, to] = [exact(m.value), exact(x.value)];
  const { value, error } = add(from, multiply(subtract(to, from), rounded(1 - beta)));
  return { value, error: error + beta * m.error + (1 - beta) * x.error + 2 ** -22 * (m.error + x.error) };
}

/** ρm + (1 − ρ)x. */
const average = (rho: number, m: Rough, x: Rough): Rough => add(multiply(rounded(rho), m), multiply(rounded(1 - rho), x));

/** max(x, 0) moves no more than x does. */
const positivePart = ({ value, error }: Rough): Rough => ({ value: Math.max(value, 0), error });

function rmsprop(
  { rho, momentum, epsilon, centered }: Optimizer,
  w: Rough,
  g: Rough,
  states: readonly Rough[],
  { learningRate }: Rates,
): Rough[] {
  const v = average(rho, states[0], square(g));
  const mean = centered ? average(rho, states[states.length - 1], g) : null;
  const spread = mean === null ? v : positivePart(subtract(v, square(mean)));
  const root = squareRoot(add(spread, rounded(epsilon)));
  const increment = divide(multiply(rounded(learningRate), g), root, Math.sqrt(epsilon) * BELOW);
  if (momentum === 0) return [subtract(w, increment), v, ...(mean === null ? [] : [mean])];
  const velocity = add(multiply(rounded(momentum), states[1]), increment);
  return [subtract(w, velocity), v, velocity, ...(mean === null ? [] : [mean])];
}

function adagrad({ epsilon }: Optimizer, w: Rough, g: Rough, [sum]: readonly Rough[], { learningRate }: Rates): Rough[] {
  const squares = add(sum, square(g));
  const root = squareRoot(add(squares, rounded(epsilon)));
  return [subtract(w, divide(multiply(rounded(learningRate), g), root, Math.sqrt(epsilon) * BELOW)), squares];
}

function adadelta({ rho, epsilon }: Optimizer, w: Rough, g: Rough, [old, changes]: readonly Rough[], { learningRate }: Rates): Rough[] {
  const v = average(rho, old, square(g)),
    root = (x: Rough): Rough => squareRoot(add(x, rounded(epsilon)));
  const x = divide(multiply(g, root(changes)), root(v), Math.sqrt(epsilon) * BELOW);
  return [subtract(w, multiply(rounded(learningRate), x)), v, average(rho, changes, square(x))];
}

/** The larger of two moves no more than the one that moves more, and as the larger one where it is so for certain. */
function larger(x: Rough, y: Rough): Rough {
  const [most, least] = x.value > y.value ? [x, y] : [y, x];
  return most.value - most.error > least.value + least.error ? most : { value: most.value, error: Math.max(x.error, y.error) };
}

function adamax({ beta1, beta2, epsilon }: Optimizer, w: Rough, g: Rough, [m, max]: readonly Rough[], { correctedRate }: Rates): Rough[] {
  const mean = movingAverage(m, g, beta1),
    most = larger(multiply(rounded(beta2), max), magnitude(g));
  const change = divide(multiply(mean, rounded(correctedRate)), add(most, rounded(epsilon)), epsilon * BELOW);
  return [subtract(w, change), mean, most];
}

function lion({ beta1, beta2 }: Optimizer, w: Rough, g: Rough, [m]: readonly Rough[], { learningRate }: Rates): Rough[] {
  return [subtract(w, multiply(rounded(learningRate), signOf(average(beta1, m, g)))), average(beta2, m, g)];
}
