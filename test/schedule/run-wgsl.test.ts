// That the WGSL of kernels is run as WGSL says: u32 and f32 apart, lanes in turns between barriers, and mistakes found.

import { describe, expect, it } from "vitest";
import { program, runWorkgroup } from "./run-wgsl.ts";

/** What each lane has kept. */
function kept(statements: string, lanes = 1, functions = "", partial = 4): unknown[] {
  const found: unknown[] = [];
  runWorkgroup(program(functions, statements, partial), { keep: (value: unknown) => found.push(value) }, lanes);
  return found;
}

describe("a text", () => {
  it("has whole numbers that divide as such, and floats that do not", () => {
    expect(kept("let a = 7u / 2u; let b: f32 = 7.0 / 2.0f; keep(a); keep(b); keep(f32(a) * b); keep(1e-3f); keep(0xffu & 0x0fu);")).toEqual(
      [3n, 3.5, 10.5, 1e-3, 15n],
    );
    expect(() => kept("keep(1u + 1.0);")).toThrow(/mix BigInt/);
  });

  it("has loops, conditions, functions, structs and vectors", () => {
    const functions = "struct Pair {\n  a: f32,\n  b: f32, // the other\n}\nfn twice(x: f32) -> Pair { return Pair(x, 2.0 * x); }";
    expect(kept("for (var i = 1u; i < 9u; i += 3u) { keep(select(0u, i, i > 1u)); }")).toEqual([0n, 4n, 7n]);
    expect(kept("keep(twice(3.0).b);", 1, functions)).toEqual([6]);
    expect(kept("var sum = vec2f(); sum = fma(vec2f(3.0), vec2f(1.0, 2.0), sum); sum += vec2f(1.0); keep(sum[0]); keep(sum[1]);")).toEqual([
      4, 7,
    ]);
  });

  it("that is no WGSL of this kind is an error", () => {
    expect(() => kept("keep(unknown_function(1.0));")).toThrow(ReferenceError);
    expect(() => kept("let a = 1u; a = 2u;")).toThrow(TypeError);
  });
});

describe("lanes", () => {
  const exchange = (barrier: string) => kept(`partial[lane] = f32(lane); ${barrier} keep(partial[(lane + 1u) % 4u]);`, 4);

  it("see behind a barrier what all others wrote before it", () => {
    expect(exchange("workgroupBarrier();")).toEqual([1, 2, 3, 0]);
    expect(exchange("storageBarrier();")).toEqual([1, 2, 3, 0]);
  });

  it("control: and without one they do not", () => {
    expect(exchange("")).toEqual([NaN, NaN, NaN, 0]);
  });

  it("hand numbers on within their four", () => {
    expect(kept("let mine = f32(lane); let other = quadBroadcast(mine, 2u); keep(other);", 8)).toEqual([2, 2, 2, 2, 6, 6, 6, 6]);
  });

  it("must all meet a barrier", () => {
    expect(() => kept("if (lane == 0u) { workgroupBarrier(); }", 4)).toThrow("some lanes have ended while others wait at a barrier");
  });

  it("have private variables of their own", () => {
    expect(kept("count += 1.0; workgroupBarrier(); count += 1.0; keep(count);", 2, "var<private> count: f32;")).toEqual([2, 2]);
  });
});
