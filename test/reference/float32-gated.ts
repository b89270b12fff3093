// LSTM and GRU on the float32 GPU of float32.ts: every number written out by index, from the formulas of the papers; apart from
// src/reference/gated.ts, which works on rows.

import type { StepScalars } from "../../src/graph/types.ts";
import type { GateActivation, RecurrentActivation } from "../../src/model/activations.ts";
import type { Arithmetic } from "./float32-recurrent.ts";

const f = Math.fround;

interface Cell {
  readonly cell: "lstm" | "gru";
  /** σ */
  readonly gate: GateActivation;
  /** φ */
  readonly state: RecurrentActivation;
  readonly T: number;
  readonly H: number;
}

const lineOf = (name: GateActivation): number | null => (name === "hardSigmoid" ? f(1 / 6) : name === "hardSigmoidKeras2" ? f(0.2) : null);
function activate(machine: Arithmetic, name: GateActivation, z: number): number {
  const slope = lineOf(name);
  if (slope === null) return machine.activate(name as RecurrentActivation, z);
  const value = f(f(slope * z) + 0.5);
  return value < 0 ? 0 : value > 1 ? 1 : value;
}
function derivative(machine: Arithmetic, name: GateActivation, a: number): number {
  const slope = lineOf(name);
  return slope === null ? machine.derivative(name as RecurrentActivation, a) : a > 0 && a < 1 ? slope : 0;
}

/** The carried row, or 0. */
const carriedAt = (state: Float32Array | undefined, fresh: boolean | undefined, i: number): number => (state && !fresh ? state[i] : 0);

/** h, what is kept, and c of an LSTM. */
export function gatedForward(
  machine: Arithmetic,
  { cell, gate, state, T, H }: Cell,
  {
    z,
    w,
    lengths,
    h0,
    c0,
    bias,
  }: Readonly<Record<"z" | "w", Float32Array>> & Partial<Readonly<Record<"lengths" | "h0" | "c0" | "bias", Float32Array>>>,
  { rows: B, fresh }: StepScalars,
): number[][] {
  const N = (cell === "lstm" ? 4 : 3) * H,
    h = new Float32Array(B * T * H),
    c = new Float32Array(B * T * H),
    kept = new Float32Array(B * T * 4 * H);
  for (let b = 0; b < B; b++)
    for (let t = 0; t < T; t++)
      for (let j = 0; j < H; j++) {
        const row = b * T + t,
          hBefore = (k: number): number => (t > 0 ? h[(row - 1) * H + k] : carriedAt(h0, fresh, b * H + k)),
          cBefore = t > 0 ? c[(row - 1) * H + j] : carriedAt(c0, fresh, b * H + j);
        if (lengths && t >= lengths[b]) {
          h[row * H + j] = hBefore(j);
          c[row * H + j] = cBefore;
          continue;
        }
        const product = (block: number): number => {
          const sum = machine.dot(H, hBefore, (k) => w[k * N + block * H + j]);
          return bias ? f(sum + bias[block * H + j]) : sum;
        };
        const own = (block: number): number => z[row * N + block * H + j];
        const keep = (block: number, value: number): number => (kept[row * 4 * H + block * H + j] = value);
        if (cell === "lstm") {
          const [i, forget, g, o] = [gate, gate, state, gate].map((name, block) =>
            keep(block, activate(machine, name, f(own(block) + product(block)))),
          );
          c[row * H + j] = f(f(forget * cBefore) + f(i * g));
          h[row * H + j] = f(o * machine.activate(state, c[row * H + j]));
        } else {
          const update = keep(0, activate(machine, gate, f(own(0) + product(0)))),
            reset = keep(1, activate(machine, gate, f(own(1) + product(1)))),
            q = keep(3, product(2)),
            g = keep(2, machine.activate(state, f(own(2) + f(reset * q))));
          h[row * H + j] = f(f(update * hBefore(j)) + f(f(1 - update) * g));
        }
      }
  return cell === "lstm" ? [[...h], [...kept], [...c]] : [[...h], [...kept]];
}

/** δ, what goes straight back, and ∂C/∂q of a GRU. */
export function gatedBackward(
  machine: Arithmetic,
  { cell, gate, state, T, H }: Cell,
  {
    g,
    h,
    w,
    lengths,
    kept,
    c,
    before,
  }: Readonly<Record<"g" | "h" | "w" | "kept", Float32Array>> & Partial<Readonly<Record<"lengths" | "c" | "before", Float32Array>>>,
  { rows: B, fresh }: StepScalars,
): number[][] {
  const N = (cell === "lstm" ? 4 : 3) * H,
    delta = new Float32Array(B * T * N),
    around = new Float32Array(B * T * N),
    direct = new Float32Array(B * T * H);
  for (let b = 0; b < B; b++) {
    let handed: number[] = new Array<number>(H).fill(0);
    for (let t = T - 1; t >= 0; t--) {
      const row = b * T + t,
        length = lengths ? lengths[b] : T;
      if (t >= length) {
        handed = handed.map((value, j) => f(g[row * H + j] + value));
        continue;
      }
      for (let j = 0; j < H; j++) {
        const at = row * H + j,
          behind =
            t + 1 < length
              ? machine.dot(
                  N,
                  (k) => around[(row + 1) * N + k],
                  (k) => w[j * N + k],
                )
              : handed[j];
        const [k0, k1, k2, k3] = [0, 1, 2, 3].map((block) => kept[row * 4 * H + block * H + j]),
          straight = t + 1 < T ? direct[at + H] : 0,
          sequence = cell === "lstm" ? c! : h,
          previous = t > 0 ? sequence[at - H] : carriedAt(before, fresh, b * H + j);
        let total = f(g[at] + behind);
        const put = (block: number, value: number, other = value): void => {
          delta[row * N + block * H + j] = value;
          around[row * N + block * H + j] = other;
        };
        const slope = (name: GateActivation, a: number): number => derivative(machine, name, a);
        if (cell === "lstm") {
          const y = machine.activate(state, c![at]),
            d = f(f(f(total * k3) * slope(state, y)) + straight);
          direct[at] = f(d * k1);
          put(0, f(f(d * k2) * slope(gate, k0)));
          put(1, f(f(d * previous) * slope(gate, k1)));
          put(2, f(f(d * k0) * slope(state, k2)));
          put(3, f(f(total * y) * slope(gate, k3)));
        } else {
          total = f(total + straight);
          const ofState = f(f(total * f(1 - k0)) * slope(state, k2));
          direct[at] = f(total * k0);
          put(0, f(f(total * f(previous - k2)) * slope(gate, k0)));
          put(1, f(f(ofState * k3) * slope(gate, k1)));
          put(2, ofState, f(ofState * k1));
        }
      }
    }
  }
  return cell === "lstm" ? [[...delta], [...direct]] : [[...delta], [...direct], [...around]];
}
