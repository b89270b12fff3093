// Optimizers that few networks have: the formulas of Keras 3, as in reference/optimizers.ts.

import type { OpOf } from "../graph/types.ts";
import { f32x4, floats, get, set, type Code, type Local } from "./assembler.ts";
import { SLOT } from "./cells.ts";
import { towards } from "./elementwise.ts";
import type { GroupWriter } from "./emission.ts";
import { signOf } from "./uncommon-losses.ts";

const { add, sub, mul, div } = f32x4;
const ZERO = floats(0);

/** Sets w and the optimizer's states to what they are after the step. */
export function update(group: GroupWriter, { optimizer }: OpOf<"update">, w: Local, g: Local, states: readonly Local[]): Code {
  const { madd } = group.math,
    { momentum, beta1, beta2, rho, epsilon, centered } = optimizer;
  const rate = group.splat(SLOT.learningRate),
    x = group.writer.scratch("increment"),
    minus = (by: Code): Code => set(w, sub(get(w), by));
  /** into ← s·share + value·(1 − share) */
  const mixed = (into: Local, s: Code, share: number, value: Code): Code =>
    set(into, madd(s, floats(share), mul(value, floats(1 - share))));
  const square = mul(get(g), get(g));
  switch (optimizer.name) {
    case "rmsprop": {
      const [v] = states,
        mean = states[states.length - 1];
      const variance = centered ? f32x4.pmax(sub(get(v), mul(get(mean), get(mean))), ZERO) : get(v);
      return [
        mixed(v, get(v), rho, square),
        centered ? mixed(mean, get(mean), rho, get(g)) : [],
        set(x, div(mul(rate, get(g)), f32x4.sqrt(add(variance, floats(epsilon))))),
        momentum > 0 ? [set(states[1], madd(get(states[1]), floats(momentum), get(x))), set(x, get(states[1]))] : [],
        minus(get(x)),
      ];
    }
    case "adagrad": {
      const [sum] = states;
      return [set(sum, add(get(sum), square)), minus(div(mul(rate, get(g)), f32x4.sqrt(add(get(sum), floats(epsilon)))))];
    }
    case "adadelta": {
      const [v, changes] = states,
        root = (of: Local): Code => f32x4.sqrt(add(get(of), floats(epsilon)));
      return [
        mixed(v, get(v), rho, square),
        set(x, div(mul(get(g), root(changes)), root(v))),
        mixed(changes, get(changes), rho, mul(get(x), get(x))),
        minus(mul(rate, get(x))),
      ];
    }
    case "adamax": {
      const [m, max] = states;
      return [
        towards(group, m, get(g), 1 - beta1),
        set(max, f32x4.pmax(f32x4.abs(get(g)), mul(get(max), floats(beta2)))),
        minus(div(mul(get(m), group.splat(SLOT.correctedRate)), add(get(max), floats(epsilon)))),
      ];
    }
    case "lion": {
      const [m] = states;
      return [mixed(x, get(m), beta1, get(g)), minus(mul(rate, signOf(get(x)))), mixed(m, get(m), beta2, get(g))];
    }
    default:
      throw new Error(`wasm: ${optimizer.name} is a common optimizer`);
  }
}
