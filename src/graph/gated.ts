// Recurrent layers with gates in the graph: the same two ops as of a simple one, with more operands. z is x·U + b of all gates side by side,
// (B·T, 4H) of an LSTM, (B·T, 3H) of a GRU; the steps t of an example lie in rows b·T + t.
//
//   lstm forward    a = z(t) + h(t−1)·W     i, f, o = σ(a)   g = φ(a)     c(t) = f ⊙ c(t−1) + i ⊙ g     h(t) = o ⊙ φ(c(t))
//        backward   G = ∂C/∂h(t) + δ(t+1)·Wᵀ     D = G ⊙ o ⊙ φ′(c(t)) + direct_c(t+1)     direct_c(t) = D ⊙ f
//                   δ = [D ⊙ g ⊙ σ′(i), D ⊙ c(t−1) ⊙ σ′(f), D ⊙ i ⊙ φ′(g), G ⊙ φ(c(t)) ⊙ σ′(o)]
//   gru  forward    q = h(t−1)·W + b_W      z, r = σ(z(t) + q)   g = φ(z(t) + r ⊙ q)     h(t) = z ⊙ h(t−1) + (1 − z) ⊙ g
//        backward   G = ∂C/∂h(t) + recurrent_δ(t+1)·Wᵀ + direct_h(t+1)     direct_h(t) = G ⊙ z
//                   δ = [G ⊙ (h(t−1) − g) ⊙ σ′(z), δ_g ⊙ q ⊙ σ′(r), δ_g]   δ_g = G ⊙ (1 − z) ⊙ φ′(g)
//                   recurrent_δ = ∂C/∂q is δ but for its last third, δ_g ⊙ r
//
// σ is `gates.activation`, φ `activation`; σ′ and φ′ follow from σ and φ. What is kept of each step (B·T, 4H): i, f, g, o of an LSTM; z, r, g and
// the last third of q of a GRU. At padding (t ≥ length) h and c stay, what is kept, δ and direct are 0, and G is handed on.

import type { Gates, NetworkLayer } from "../model/network.ts";
import type { GraphBuilder } from "./builder.ts";
import { blocksOf, KEPT_BLOCKS } from "./gated-operands.ts";
import { tensorOf, timestepsOf } from "./types.ts";

type GatedStage = Extract<NetworkLayer, { type: "recurrent" }> & { readonly gates: Gates };
/** The tensor that a stateful layer carries under this name, if it is one. */
type CarriedNames = (name: string) => readonly string[];

const keptName = (h: string): string => `gates${h.slice(1)}`,
  cellName = (h: string): string => `c${h.slice(1)}`;

/** ∂C/∂q of a GRU, whose δ is ∂C/∂z. */
export const recurrentDelta = (delta: string): string => `recurrent_${delta}`;

export function gatedForward(
  g: GraphBuilder,
  { activation, stateful, kernel, gates, recurrentBias, width }: GatedStage,
  z: string,
  h: string,
  lengths: readonly string[],
  carried: CarriedNames,
): string {
  const timesteps = timestepsOf(tensorOf(g, z)),
    isLSTM = gates.cell === "lstm";
  const alike = (name: string, cols: number) => g.tensor(name, "batch", cols, "intermediate", timesteps);
  const inputs = [
    z,
    kernel.symbol,
    ...lengths,
    ...carried(h),
    ...(isLSTM ? carried(cellName(h)) : recurrentBias ? [recurrentBias.symbol] : []),
  ];
  return g.push({
    type: "recurrentForward",
    activation,
    gates,
    masked: lengths.length > 0,
    stateful,
    inputs,
    outputs: [alike(h, width), alike(keptName(h), KEPT_BLOCKS * width), ...(isLSTM ? [alike(cellName(h), width)] : [])],
  });
}

export function gatedBackward(
  g: GraphBuilder,
  { activation, kernel, gates, width }: GatedStage,
  h: string,
  upstream: string,
  delta: string,
  lengths: readonly string[],
  carried: CarriedNames,
): string {
  const timesteps = timestepsOf(tensorOf(g, h)),
    isLSTM = gates.cell === "lstm",
    cols = blocksOf(gates) * width;
  const alike = (name: string, columns: number) => g.tensor(name, "batch", columns, "intermediate", timesteps);
  const direct = `direct_${isLSTM ? cellName(h) : h}`;
  return g.push({
    type: "recurrentBackward",
    activation,
    gates,
    masked: lengths.length > 0,
    inputs: [upstream, h, kernel.symbol, ...lengths, keptName(h), ...(isLSTM ? [cellName(h), ...carried(cellName(h))] : carried(h))],
    outputs: [alike(delta, cols), alike(direct, width), ...(isLSTM ? [] : [alike(recurrentDelta(delta), cols)])],
  });
}
