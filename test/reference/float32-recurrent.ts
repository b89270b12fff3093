// The steps of sequences on the float32 GPU of float32.ts: one workgroup an example, step by step, each time step written
// out by index; apart from src/reference/recurrent.ts, which works on rows.

import { timestepsOf, tensorOf, type Graph, type SequenceOp, type StepScalars } from "../../src/graph/types.ts";
import type { RecurrentActivation } from "../../src/model/activations.ts";

const f = Math.fround;

/** What of the float32 GPU these steps compute with. */
export interface Arithmetic {
  sum(terms: Iterable<number>): number;
  dot(n: number, left: (k: number) => number, right: (k: number) => number): number;
  div(x: number, y: number): number;
  activate(name: RecurrentActivation, z: number): number;
  derivative(name: RecurrentActivation, a: number): number;
}

export function sequenceStep(
  machine: Arithmetic,
  op: SequenceOp,
  inputs: readonly Float32Array[],
  graph: Graph,
  { rows: B, fresh }: StepScalars,
): number[] {
  const [x, y, third] = inputs,
    input = tensorOf(graph, op.inputs[0]),
    output = tensorOf(graph, op.outputs[0]);
  const T = Math.max(timestepsOf(input), timestepsOf(output)),
    H = output.cols,
    V = input.cols;
  const each = (n: number, of: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => of(i));
  const at = (b: number, t: number, j: number): number => (b * T + t) * H + j;
  switch (op.type) {
    case "embeddingLookup":
      return each(x.length * H, (i) => {
        const picked = y[x[Math.floor(i / H)] * H + (i % H)];
        return third ? f(picked + third[i % H]) : picked;
      });
    case "embeddingGradient":
      return each(Number(output.rows) * H, (i) =>
        machine.sum([...x].flatMap((index, row) => (index === Math.floor(i / H) ? [y[row * H + (i % H)]] : []))),
      );
    case "recurrentForward": {
      const h = new Float32Array(x.length),
        lengths = op.masked ? third : null;
      const state = op.stateful && !fresh ? inputs[inputs.length - 1] : null;
      for (let b = 0; b < B; b++)
        for (let t = 0; t < T; t++)
          for (let k = 0; k < H; k++) {
            const before = (j: number): number => (t > 0 ? h[at(b, t - 1, j)] : state ? state[b * H + j] : 0);
            h[at(b, t, k)] =
              lengths && t >= lengths[b]
                ? before(k)
                : machine.activate(op.activation, f(machine.dot(H, before, (j) => y[j * H + k]) + x[at(b, t, k)]));
          }
      return [...h];
    }
    case "recurrentBackward": {
      const delta = new Float32Array(x.length),
        lengths = op.masked ? inputs[3] : null;
      for (let b = 0; b < B; b++) {
        let handed = new Array<number>(H).fill(0);
        for (let t = T - 1; t >= 0; t--) {
          const padding = lengths !== null && t >= lengths[b];
          const total = handed.map((value, j) => f(x[at(b, t, j)] + value));
          if (!padding)
            total.forEach((value, j) => {
              delta[at(b, t, j)] = f(value * machine.derivative(op.activation, y[at(b, t, j)]));
            });
          handed = padding
            ? total
            : each(H, (j) =>
                machine.dot(
                  H,
                  (k) => delta[at(b, t, k)],
                  (k) => third[j * H + k],
                ),
              );
        }
      }
      return [...delta];
    }
    case "previousStep":
      return each(x.length, (i) => {
        const j = i % H,
          t = Math.floor(i / H) % T,
          b = Math.floor(i / H / T);
        return t > 0 ? x[at(b, t - 1, j)] : op.stateful && !fresh ? y[b * H + j] : 0;
      });
    case "lastStep":
    case "carry":
      return each(B * H, (i) => x[at(Math.floor(i / H), T - 1, i % H)]);
    case "lastStepGradient":
      return each(B * T * H, (i) => (Math.floor(i / H) % T === T - 1 ? x[Math.floor(i / H / T) * H + (i % H)] : 0));
    case "countSteps":
      return [machine.sum(x)];
    case "weightRows":
      return each(x.length, (i) => f(x[i] * y[Math.floor(i / V)]));
    case "maskRows":
      return each(x.length, (i) => {
        const row = Math.floor(i / V);
        return row % T < y[Math.floor(row / T)] ? f(x[i] * machine.div(B * T, third[0])) : 0;
      });
  }
}
