// What tests of schedule/ run kernels' pieces with: whole numbers are divided as such, structs and private variables work, and a text that
// mixes types or names what is not there fails.

import { expect, it } from "vitest";
import { runnable, valueOf } from "./wgsl-in-js.ts";

it("divides u32 as whole numbers and f32 as such", () => {
  expect(valueOf(["i"], "i / 4u * 10u + i % 4u")(11n)).toBe(23n);
  expect(valueOf(["x"], "x / 4.0f + 1e+1f")(11)).toBe(12.75);
  expect(valueOf(["w"], "f32((w >> 8u) & 0xffu)")(0x1234n)).toBe(0x12);
});

it("runs functions, structs and loops", () => {
  const functions =
    "struct Pair { w: f32, s0: f32, }\nfn twice(x: f32, n: u32) -> Pair { var w = x; w *= 2.0f; return Pair(w, f32(n)); }\n";
  const body = "var sum = 0.0; for (var i = 0u; i < n; i++) { let pair = twice(1.5f, i); sum += pair.w + pair.s0; } out[1u] = sum;";
  const out = [0, 0];
  runnable(["n"], body, { functions, scope: { out } })(4n);
  expect(out).toEqual([0, 4 * 3 + 6]);
});

it("control: types that do not go together, and names that are not there, throw", () => {
  expect(() => valueOf(["x"], "x + 1u")(1)).toThrow(/BigInt/);
  expect(() => valueOf([], "missing[0u]")()).toThrow(/missing/);
});
