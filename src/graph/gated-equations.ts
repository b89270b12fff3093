// The formulas of recurrent layers with gates as people are shown them. Those of each gate are in gated.ts, which has the same letters.

import { backwardOperands, forwardOperands, type GatedBackward, type GatedForward } from "./gated-operands.ts";

/** "h1, gates1, c1 = ": what follows has as many terms. */
function forwardFormula(op: GatedForward): string {
  const { z, weights, bias, h, cell } = forwardOperands(op, op.inputs, op.outputs),
    phi = op.activation,
    sigma = op.gates.activation,
    product = `${h}(t−1)·${weights}`;
  return op.gates.cell === "lstm"
    ? `o ⊙ ${phi}(${cell}), [i, f, g, o], f ⊙ ${cell}(t−1) + i ⊙ g; i, f, o = ${sigma}(a), g = ${phi}(a), a = ${z}(t) + ${product}`
    : `z ⊙ ${h}(t−1) + (1 − z) ⊙ g, [z, r, g, q]; z, r = ${sigma}(${z}(t) + q), g = ${phi}(${z}(t) + r ⊙ q), q = ${product}` +
        (bias === undefined ? "" : ` + ${bias}`);
}

function backwardFormula(op: GatedBackward): string {
  const { gradient, h, weights, kept, cell, delta, direct, recurrent } = backwardOperands(op, op.inputs, op.outputs),
    phi = op.activation,
    product = (of: string) => `${gradient}(t) + ${of}(t+1)·${weights}ᵀ`;
  return op.gates.cell === "lstm"
    ? `[D ⊙ g ⊙ i′, D ⊙ ${cell}(t−1) ⊙ f′, D ⊙ i ⊙ g′, G ⊙ ${phi}(${cell}) ⊙ o′], D ⊙ f; ` +
        `D = G ⊙ o ⊙ ${phi}′(${cell}) + ${direct}(t+1), G = ${product(delta)}, i, f, g, o in ${kept}`
    : `[G ⊙ (${h}(t−1) − g) ⊙ z′, e ⊙ q ⊙ r′, e], G ⊙ z, ${delta} with e ⊙ r for e; ` +
        `e = G ⊙ (1 − z) ⊙ g′, G = ${product(recurrent)} + ${direct}(t+1), z, r, g, q in ${kept}`;
}

/** The right-hand side of such an op's formula. */
export const gatedFormula = (op: GatedForward | GatedBackward): string =>
  op.type === "recurrentForward" ? `${forwardFormula(op)}, t ascending` : `${backwardFormula(op)}, t descending`;

/** What the product of a time step is added to: z or ∂C/∂h, in a GRU also its recurrent bias or direct_h. */
export const gatedStarts = (op: GatedForward | GatedBackward): number =>
  op.gates.cell === "gru" && (op.type === "recurrentBackward" || forwardOperands(op, op.inputs, op.outputs).bias !== undefined) ? 2 : 1;
