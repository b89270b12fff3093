// Norms without a launch of their own: workgroups that make gradients leave norms, those that scale add them up. Run on numbers of any size
// and compared with the norm of all gradients.

import { describe, expect, it } from "vitest";
import { NORM_FUNCTIONS } from "../../shaders/norms.wgsl.ts";
import type { Op, OpOf } from "../../src/graph/types.ts";
import type { Group } from "../../src/schedule/groups.ts";
import { Norms } from "../../src/schedule/norms.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { program } from "./run-wgsl.ts";
import { TensorMemory } from "./tensor-memory.ts";

const LANES = 4,
  LIMIT = 0.5;
const factorOp = (output: string, inputs: readonly string[]): OpOf<"clipFactor"> => ({
  type: "clipFactor",
  limit: LIMIT,
  inputs,
  outputs: [output],
});
const makes = (gradient: string): Group => ({ anchor: "rowSum", ops: [{ type: "rowSum", inputs: ["delta"], outputs: [gradient] }] });
const scales = (gradient: string, factor: string): Group => ({
  anchor: "elementwise",
  ops: [{ type: "scale", inputs: [gradient, factor], outputs: [`scaled_${gradient}`] }],
});
const memoryOf = () => {
  const ops: Op[] = [makes("g1").ops[0]];
  return new TensorMemory({ delta: ["batch", 3], g1: [3, 5], g2: [1, 7], f: [1, 1], scaled_g1: [3, 5] }, ops, 2);
};

/** √Σ x², scaled so that nothing overflows. */
const norm = (values: readonly number[]): number => {
  const largest = Math.max(...values.map(Math.abs));
  return largest === 0 ? 0 : largest * Math.sqrt(values.reduce((sum, value) => sum + (value / largest) ** 2, 0));
};

/**
 * The factor that a workgroup of scalers finds, where two workgroups made g1 and one made g2, all lanes with their share of the numbers.
 * @param order which gradient is written first
 */
function factorOf(size: number, order = ["g1", "g2"], change = (text: string) => text): { got: number; wanted: number } {
  const memory = memoryOf(),
    { access } = memory,
    norms = new Norms(new Map([["f", factorOp("f", ["g1", "g2"])]]));
  const counts: Record<string, number> = { g1: 2, g2: 1 };
  const numbers = Object.fromEntries(["g1", "g2"].map((name, i) => [name, memory.fill(name, i + 1).map((value) => value * size)]));
  const buffer = new Float64Array(8).fill(NaN);
  for (const gradient of order) {
    const text = change(norms.writeSum(gradient, counts[gradient], LANES, access));
    for (let workgroup = 0; workgroup < counts[gradient]; workgroup++) {
      const mine = (i: number) => Math.floor(i / LANES) % counts[gradient] === workgroup;
      const add = numbers[gradient].map((_, i) => (mine(i) ? `if (lane == ${i % LANES}u) { squares += squares_of(take(${i}u)); }` : ""));
      memory.run(
        program(`var<private> squares: vec3f;\n${NORM_FUNCTIONS}`, `let workgroup = ${workgroup}u; ${add.join("\n")}${text}`, LANES),
        LANES,
        {},
        {
          norms: buffer,
          take: (i: bigint) => numbers[gradient][Number(i)],
        },
      );
    }
  }
  const scaler = norms.writeFactor(scales("g1", "f"), LANES, access, "p0")!;
  let got = NaN;
  const keep = (value: number) => (got = value);
  const text = program(NORM_FUNCTIONS + scaler.functions, `${scaler.text} if (lane == 0u) { keep(${access.load("f", "0u")}); }`, LANES);
  memory.run(text, LANES, {}, { norms: buffer, keep });
  return { got, wanted: Math.min(1, LIMIT / norm([...numbers.g1, ...numbers.g2])) };
}

describe("the factor", () => {
  it.each([1, 1e-3, 1e-30, 1e30, 1e20])("is min(1, limit / norm) of gradients of size %f", (size) => {
    for (const order of [
      ["g1", "g2"],
      ["g2", "g1"],
    ]) {
      const { got, wanted } = factorOf(size, order);
      expect(Math.abs(got / wanted - 1)).toBeLessThan(1e-5);
    }
  });

  it("control: a workgroup whose norm is lost, or a barrier, makes it wrong", () => {
    const isRight = (change: (text: string) => string) => {
      const { got, wanted } = factorOf(1, undefined, change);
      return Math.abs(got / wanted - 1) < 1e-5;
    };
    expect(isRight((text) => text)).toBe(true);
    expect(isRight((text) => replaceOrThrow(text, /\[\d+u \+ workgroup\] =/, "[7u] ="))).toBe(false);
    expect(
      isRight((text) =>
        replaceOrThrow(text, /partial\[lane\] = norm_of\(squares\);\s+workgroupBarrier\(\);/, "partial[lane] = norm_of(squares);"),
      ),
    ).toBe(false);
  });
});

describe("the places of norms", () => {
  it("never overlap: one number for each workgroup, in the order that they are written", () => {
    const { access } = memoryOf(),
      norms = new Norms(new Map());
    const starts = [3, 1, 4].map((workgroups, i) => {
      const [, start] = /norms\[(\d+)u \+ workgroup\]/.exec(norms.writeSum(`g${i}`, workgroups, LANES, access)) ?? [];
      return start;
    });
    expect(starts).toEqual(["0", "3", "4"]);
    expect(norms.elements).toBe(8);
    expect(access.bindings().map(({ memory, access: mode }) => [memory, mode])).toEqual([["norms", "read_write"]]);
  });
});

describe("a group", () => {
  const norms = new Norms(new Map([["f", factorOp("f", ["g1"])]]));

  it("leaves a norm if it makes a gradient that is clipped by one", () => {
    expect(norms.gradientOf(makes("g1"))).toBe("g1");
    expect(norms.gradientOf(makes("g2"))).toBeNull();
  });

  it("begins with a factor if it scales by one", () => {
    const { access } = memoryOf();
    expect(norms.writeFactor(makes("g1"), LANES, access, "p0")).toBeNull();
    expect(norms.writeFactor(scales("g1", "another"), LANES, access, "p0")).toBeNull();
    expect(norms.writeFactor(scales("g1", "f"), LANES, access, "p0")?.functions).toContain("var<private> p0_factor: f32;");
    // From then on it is that variable, in no memory.
    expect(access.load("f", "0u")).toBe("p0_factor");
  });
});
