// Clipping by a norm without a launch for the norm: the workgroups that make a gradient leave the sum of their numbers'
// squares, and those that scale it add these sums up, each for itself, in the same order.

import { clipFactorFunction } from "../../shaders/clip.wgsl.ts";
import { NORMS } from "../../shaders/norm-memory.ts";
import { normFactorStatements, squaresStatements } from "../../shaders/norms.wgsl.ts";
import type { Op, OpOf } from "../graph/types.ts";
import type { BufferAccess } from "./access.ts";
import type { Group } from "./groups.ts";

/** By the tensors that they make. */
export type ClipFactors = ReadonlyMap<string, OpOf<"clipFactor">>;

/** Where the sums of squares of gradients lie; launches must be written in their order. */
export class Norms {
  readonly #sums = new Map<string, { offset: number; count: number }>();
  #elements = 0;

  /** @param factors those that are not in memory */
  constructor(readonly factors: ClipFactors) {}

  /** Numbers in all. */
  get elements(): number {
    return this.#elements;
  }

  /** The gradient of a group that a norm is taken of. */
  gradientOf({ ops }: Group): string | null {
    const normed = new Set([...this.factors.values()].flatMap(({ inputs }) => inputs));
    return ops.flatMap(({ outputs }) => outputs).find((name) => normed.has(name)) ?? null;
  }

  /** What the workgroups that make the gradient do last. */
  writeSum(gradient: string, workgroups: number, lanes: number, access: BufferAccess): string {
    // A launch that would bind too many buffers is written again, part by part: its sums stay where they are.
    const offset = this.#sums.get(gradient)?.offset ?? this.#elements;
    if (offset === this.#elements) this.#elements += workgroups;
    this.#sums.set(gradient, { offset, count: workgroups });
    return squaresStatements(lanes, `${access.bind(NORMS, "read_write")}[${offset}u + workgroup]`);
  }

  /** What the workgroups of a group that scales by a factor do first; the factor is a variable from then on. */
  writeFactor(group: Group, lanes: number, access: BufferAccess, prefix: string): { functions: string; text: string } | null {
    const op = group.ops.map((s: Op) => (s.type === "scale" ? this.factors.get(s.inputs[1]) : undefined)).find((f) => f);
    if (!op) return null;
    const name = `${prefix}_factor`,
      ranges = op.inputs.map((gradient) => this.#sums.get(gradient) ?? { offset: 0, count: 0 });
    // Of one norm they were all written one after the other.
    const offset = Math.min(...ranges.map((range) => range.offset));
    const count = ranges.reduce((sum, range) => sum + range.count, 0);
    access.name(op.outputs[0], name);
    return {
      functions: `var<private> ${name}: f32;\n${clipFactorFunction(`${name}_of`, op.limit)}`,
      text: normFactorStatements(lanes, access.bind(NORMS, "read"), offset, count, (total) => `${name} = ${name}_of(${total});`),
    };
  }
}
