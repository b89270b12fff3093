// The operands of recurrent layers with gates by what they are (gated.ts has the mathematics). It imports types alone: several files that are loaded
// later share it.

import type { GateActivation, HardActivation } from "../model/activations.ts";
import type { Gates } from "../model/network.ts";
import type { OpOf } from "./types.ts";

/** Slopes of the straight lines. */
export const HARD_SLOPES: Readonly<Record<HardActivation, number>> = { hardSigmoid: 1 / 6, hardSigmoidKeras2: 0.2 };
export const isHard = (name: GateActivation): name is HardActivation => Object.hasOwn(HARD_SLOPES, name);

/** Blocks of H columns that are kept of each step. */
export const KEPT_BLOCKS = 4;
/** Blocks of H columns in z, W and δ. */
export const blocksOf = ({ cell }: Gates): number => (cell === "lstm" ? 4 : 3);

export type GatedForward = OpOf<"recurrentForward"> & { readonly gates: Gates };
export type GatedBackward = OpOf<"recurrentBackward"> & { readonly gates: Gates };

export const isGated = <O extends { readonly type: string }>(op: O): op is O & (GatedForward | GatedBackward) => "gates" in op;

/** The operands of the way forward by what they are, of `inputs` and `outputs` in their order: names, or what stands for them. */
export function forwardOperands<T>(
  { gates, masked, stateful }: GatedForward,
  [z, weights, ...rest]: readonly T[],
  [h, kept, cell]: readonly T[],
) {
  const next = rest.values(),
    take = (there: boolean): T | undefined => (there ? next.next().value : undefined);
  const isLSTM = gates.cell === "lstm";
  return {
    z,
    weights,
    lengths: take(masked),
    state: take(stateful),
    carriedCell: take(stateful && isLSTM),
    bias: take(!isLSTM),
    h,
    kept,
    cell,
  };
}

/** Those of the way back. `before` is what is carried: of an LSTM c(−1), of a GRU h(−1). */
export function backwardOperands<T>(
  { gates, masked }: GatedBackward,
  [gradient, h, weights, ...rest]: readonly T[],
  [delta, direct, recurrent]: readonly T[],
) {
  const next = rest.values(),
    take = (there: boolean): T | undefined => (there ? next.next().value : undefined);
  return {
    gradient,
    h,
    weights,
    lengths: take(masked),
    kept: take(true)!,
    cell: take(gates.cell === "lstm"),
    before: take(true),
    delta,
    direct,
    recurrent,
  };
}

/** Terms and columns of the product of one time step, of simple recurrent layers too. @param cols of the first output */
export function productSizes(op: OpOf<"recurrentForward" | "recurrentBackward">, cols: number): { readonly n: number; readonly k: number } {
  const blocks = isGated(op) ? blocksOf(op.gates) : 1;
  // Forward h comes first, back δ.
  return op.type === "recurrentForward" ? { n: blocks * cols, k: cols } : { n: cols / blocks, k: cols };
}
