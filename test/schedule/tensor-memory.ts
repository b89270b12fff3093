// A few tensors in one buffer, for what writers of kernels write about them, run by run-wgsl.ts.

import { rowsOf, sizeOf, tensorOf, type Graph, type Op, type StepScalars, type Tensor } from "../../src/graph/types.ts";
import { BufferAccess } from "../../src/schedule/access.ts";
import { withNormalizations } from "../../src/schedule/normalization.ts";
import { ownWeights, type Places } from "../../src/schedule/places.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { viewsOf } from "../../src/schedule/views.ts";
import { FORMULAS } from "../support/formulas.ts";
import { runWorkgroup, stepWith } from "./run-wgsl.ts";

/** Rows, columns and time steps. */
export type Shape = readonly [rows: Tensor["rows"], cols: number, timesteps?: number];

/** Numbers that look random, between −1 and 1, no two alike among neighbours. */
export const noise = (elements: number, seed = 1): number[] =>
  Array.from({ length: elements }, (_, i) => Math.fround(Math.sin((i + 1) * 12.9898 + seed * 78.233)));

export class TensorMemory {
  readonly graph: Graph;
  readonly places: Places;
  readonly access: BufferAccess;
  readonly weights: Float32Array;

  /** Tensors are NaN until they are set. Views among the ops are read from where their inputs lie. */
  constructor(
    shapes: Readonly<Record<string, Shape>>,
    ops: readonly Op[],
    readonly batch: number,
  ) {
    const tensors = new Map(
      Object.entries(shapes).map(([name, [rows, cols, timesteps]]): [string, Tensor] => [
        name,
        { name, role: "parameter", rows, cols, timesteps },
      ]),
    );
    this.graph = { purpose: "train", tensors, ops, output: ops[0].outputs[0], seed: 1 };
    this.places = ownWeights(this.graph, batch);
    this.access = new BufferAccess(this.graph, batch, this.places, viewsOf(this.graph), FORMULAS, withNormalizations(SEQUENCES));
    const end = Math.max(...[...this.places.values()].map(({ offset, elements }) => offset + elements));
    this.weights = new Float32Array(end).fill(NaN);
  }

  set(name: string, values: readonly number[]): number[] {
    const size = sizeOf(tensorOf(this.graph, name), this.batch);
    if (values.length !== size) throw new Error(`${name} has ${size} numbers, not ${values.length}`);
    this.weights.set(values, this.places.get(name)!.offset);
    return this.get(name);
  }

  /** Sets it to noise. */
  fill(name: string, seed: number): number[] {
    return this.set(name, noise(sizeOf(tensorOf(this.graph, name), this.batch), seed));
  }

  /** As float32 holds it. @param rows in place of all */
  get(name: string, rows = rowsOf(tensorOf(this.graph, name), this.batch)): number[] {
    const { offset } = this.places.get(name)!;
    return [...this.weights.slice(offset, offset + rows * tensorOf(this.graph, name).cols)];
  }

  /** Runs a whole text, written by run-wgsl.ts' program(). */
  run(wgsl: string, lanes = 1, step: Partial<StepScalars> = {}, more: Readonly<Record<string, unknown>> = {}): void {
    runWorkgroup(wgsl, { weights: this.weights, step: stepWith(step.rows ?? this.batch, step), ...more }, lanes);
  }

  /** The number that an expression has. */
  value(expression: string, variables: Readonly<Record<string, number>> = {}, step: Partial<StepScalars> = {}): number {
    let found = NaN;
    const given = Object.entries(variables).map(([name, value]) => `let ${name} = ${value}u;`);
    const text = `${this.access.functions()}\nfn main(lane: u32) { ${given.join(" ")} keep(${expression}); }`;
    this.run(text, 1, step, { keep: (value: number) => (found = value) });
    return found;
  }
}

/** The largest difference; NaN where a number is NaN, or where one list is longer. */
export function farthest(got: readonly number[], wanted: readonly number[]): number {
  if (got.length !== wanted.length) return NaN;
  return Math.max(0, ...got.map((value, i) => Math.abs(value - wanted[i])));
}
