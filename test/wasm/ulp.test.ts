// Functions of one number over a few million float32 numbers of all sizes, against float64; test/wasm/slow/ulp.test.ts tries all of them.

import { describe, expect, it } from "vitest";
import { f32x4, floats } from "../../src/wasm/assembler.ts";
import { allowRelaxedMadd, FUNCTIONS, largestErrors, runnerOf, ulps } from "./ulp.ts";

/** A prime, so that every mantissa comes up. */
const STRIDE = 4093;
const BITS_OF_ONE = 0x3f800000;

allowRelaxedMadd();

describe.each(Object.entries(FUNCTIONS))("%s", (_, measured) => {
  it("is within its bounds, multiply-adds rounded once and twice", async () => {
    for (const [i, { ulps: most, x }] of (await largestErrors(measured, STRIDE)).entries())
      expect(most, `at ${x}`).toBeLessThanOrEqual(measured.most[i]);
  });

  it("hands on what is not a number", async () => {
    const { run, y } = await runnerOf(measured.code);
    for (const first of [0x7f800001, 0x7fc00000, 0xff800001, 0xffc00000]) {
      run(first | 0, 1);
      expect(y[0]).toBeNaN();
    }
  });
});

/** The function of one number. */
async function at(name: string, x: number): Promise<number> {
  const { run, y } = await runnerOf(FUNCTIONS[name].code);
  run(new Int32Array(Float32Array.of(x).buffer)[0], 0);
  return y[0];
}

it.each([
  ["exp", -87.34, 0],
  ["exp", -Infinity, 0],
  ["exp", 88.72284, Infinity],
  ["exp", Infinity, Infinity],
  ["exp", 0, 1],
  ["log", 0, -Infinity],
  ["log", -0, -Infinity],
  ["log", Infinity, Infinity],
  ["log", -1, NaN],
  ["log", 1, 0],
  ["tanh", Infinity, 1],
  ["tanh", -Infinity, -1],
  ["tanh", -0, -0],
  ["sigmoid", -Infinity, 0],
  ["sigmoid", Infinity, 1],
  ["softplus", Infinity, Infinity],
  ["softplus", -Infinity, 0],
  ["relu", -Infinity, 0],
  ["relu", Infinity, Infinity],
  ["gelu", Infinity, Infinity],
  ["geluTanh", Infinity, Infinity],
  ["swish", Infinity, Infinity],
] as const)("%s(%d) is %d", async (name, x, right) => {
  expect(await at(name, x)).toBe(right);
});

it("exp is above 0 at −87.3, where it is hardly a normal number", async () => {
  expect(await at("exp", -87.3)).toBeGreaterThan(2 ** -126);
});

it("control: a function that is off by 10⁻⁶, or loses what is not a number, is caught", async () => {
  const { exp, relu } = FUNCTIONS;
  const off = { ...exp, code: (...of: Parameters<typeof exp.code>) => f32x4.mul(exp.code(...of), floats(1 + 1e-6)) };
  expect((await largestErrors(off, STRIDE))[1].ulps).toBeGreaterThan(4);
  const losing = { ...relu, code: (...[, x]: Parameters<typeof relu.code>) => f32x4.pmax(floats(0), x) };
  expect((await largestErrors(losing, STRIDE))[0].ulps).toBe(Infinity);
  const { run, x } = await runnerOf(exp.code);
  run(BITS_OF_ONE, 1);
  expect([...x.subarray(0, 3)]).toEqual([1, 1 + 2 ** -23, 1 + 2 ** -22]);
  expect([ulps(1 + 2 ** -22, 1, 1), ulps(NaN, 1, 1), ulps(1, NaN, 1), ulps(Infinity, 1, 1), ulps(1, Infinity, 1)]).toEqual([
    2,
    Infinity,
    Infinity,
    Infinity,
    Infinity,
  ]);
});
