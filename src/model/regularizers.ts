// Weight penalties added to the cost: l1·Σ|w| + l2·Σw².

import { InputError } from "../errors.ts";
import { checkFloat32, checkOptions, show } from "./checks.ts";

/** A penalty l1·Σ|w| + l2·Σw² on one weight tensor; its gradient adds l1·sign(w) + 2·l2·w. */
export interface Regularizer {
  readonly l1: number;
  readonly l2: number;
}

/** λ where none is given, as in Keras. */
const DEFAULT = 0.01;

function penalty(where: string, l1: number, l2: number): Regularizer {
  checkFloat32(where, "l1", l1, "≥ 0", "Use 0 for no penalty.");
  checkFloat32(where, "l2", l2, "≥ 0", "Use 0 for no penalty.");
  // The gradient 2·l2·w has twice as much.
  checkFloat32(where, "2·l2", 2 * l2, "≥ 0");
  return Object.freeze({ l1, l2 });
}

/**
 * λ·Σ|w| over one weight tensor, as Keras' L1.
 * @param options λ, as a number or `{ l1 }`; default 0.01
 * @throws InputError unless λ ≥ 0 and finite, in float32 too
 */
export function l1(options: number | { l1?: number } = {}): Regularizer {
  if (typeof options === "number") return penalty("l1()", options, 0);
  options = checkOptions("l1()", options, ["l1"]);
  return penalty("l1()", options.l1 ?? DEFAULT, 0);
}

/**
 * λ·Σw² over one weight tensor, as Keras' L2, so its gradient is 2λw. D2L writes (λ/2)·Σw²: pass half its λ.
 * Nielsen writes (λ/2n)·Σw² with n training examples: pass λ/(2n).
 * @param options λ, as a number or `{ l2 }`; default 0.01
 * @throws InputError unless λ ≥ 0 and 2λ finite, in float32 too
 */
export function l2(options: number | { l2?: number } = {}): Regularizer {
  if (typeof options === "number") return penalty("l2()", 0, options);
  options = checkOptions("l2()", options, ["l2"]);
  return penalty("l2()", 0, options.l2 ?? DEFAULT);
}

/** l1·Σ|w| + l2·Σw², as Keras' L1L2 (default 0 and 0). @throws InputError as l1() and l2() */
export function l1l2(options: { l1?: number; l2?: number } = {}): Regularizer {
  options = checkOptions("l1l2()", options, ["l1", "l2"]);
  return penalty("l1l2()", options.l1 ?? 0, options.l2 ?? 0);
}

/** Reads `kernelRegularizer` and the like: nothing, a Regularizer, or the name "l1", "l2", "l1l2". */
export function checkRegularizer(where: string, value: unknown): Regularizer | null {
  if (value === undefined || value === null) return null;
  if (value === "l1") return penalty(where, DEFAULT, 0);
  if (value === "l2") return penalty(where, 0, DEFAULT);
  if (value === "l1l2") return penalty(where, DEFAULT, DEFAULT);
  if (typeof value === "object" && "l1" in value && "l2" in value) {
    const checked = penalty(where, value.l1 as number, value.l2 as number);
    return checked.l1 === 0 && checked.l2 === 0 ? null : checked;
  }
  throw new InputError(`${where}: a regularizer is l1(…), l2(…) or l1l2(…); got ${show(value)}.`);
}
