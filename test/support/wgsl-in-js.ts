// Runs WGSL of scalars as JavaScript, so that a test in Node can see what a piece of a kernel computes, and need not compare texts.
// u32 becomes bigint, so that `/` is the division of whole numbers and an f32 mixed with a u32 throws as WGSL would refuse it.
// f32 is computed in float64: nothing here is about rounding. No vectors, pointers, barriers or workgroup memory.

import { runInNewContext } from "node:vm";

type Scalar = number | bigint;

const BUILTINS = {
  abs: Math.abs,
  sign: Math.sign,
  sqrt: Math.sqrt,
  exp: Math.exp,
  log: Math.log,
  bitcast_u32: (x: number) => BigInt(new Uint32Array(Float32Array.of(x).buffer)[0]),
  bitcast_f32: (x: bigint) => new Float32Array(Uint32Array.of(Number(x)).buffer)[0],
  f32: (x: Scalar = 0) => Number(x),
  u32: (x: Scalar = 0) => BigInt(typeof x === "bigint" ? x : Math.trunc(x)),
  i32: (x: Scalar = 0) => BigInt(typeof x === "bigint" ? x : Math.trunc(x)),
  min: (a: Scalar, b: Scalar) => (a < b ? a : b),
  max: (a: Scalar, b: Scalar) => (a > b ? a : b),
  clamp: (x: Scalar, low: Scalar, high: Scalar) => (x < low ? low : x > high ? high : x),
  fma: (a: number, b: number, c: number) => a * b + c,
  array_of: (...values: readonly Scalar[]) => [...values],
  select: (no: Scalar, yes: Scalar, condition: boolean) => (condition ? yes : no),
};

/** A struct's constructor: its fields in order. */
function constructorText(name: string, members: string): string {
  const fields = [...members.matchAll(/(\w+):/g)].map(([, field]) => field);
  return `function ${name}(${fields.join(", ")}) { return { ${fields.join(", ")} }; }`;
}

/** The same text in JavaScript. */
const translated = (wgsl: string): string =>
  wgsl
    .replace(/\b(0x[\da-fA-F]+|\d+)u\b/g, "$1n")
    .replace(/\b(\d[\d.]*(?:e[+-]?\d+)?)f\b/g, "$1")
    .replace(/\barray<\w+, \d+>\(/g, "array_of(")
    .replace(/\bbitcast<(\w+)>/g, "bitcast_$1")
    .replace(/struct (\w+) \{([^}]*)\}/g, (_, name: string, members: string) => constructorText(name, members))
    .replace(/var<private> (\w+): f32;/g, "var $1 = 0;")
    .replace(
      /\bfn (\w+)\(([^)]*)\)(?: -> \w+)? \{/g,
      (_, name: string, parameters: string) => `function ${name}(${parameters.replace(/: \w+/g, "")}) {`,
    );

/**
 * A function whose body are WGSL statements.
 * @param parameters names of its arguments: number for f32, bigint for u32
 * @param functions WGSL at module scope that the body calls
 * @param scope what else the text names: buffers as arrays, `step`, functions
 * @throws what JavaScript throws where the text names something that is not there
 */
export function runnable(
  parameters: readonly string[],
  body: string,
  { functions = "", scope = {} }: { functions?: string; scope?: Readonly<Record<string, unknown>> } = {},
): (...values: readonly unknown[]) => unknown {
  const code = `${translated(functions)}\n((${parameters.join(", ")}) => {\n${translated(body)}\n})`;
  return runInNewContext(code, { ...BUILTINS, ...scope }) as (...values: readonly unknown[]) => unknown;
}

/** The value of an expression of these parameters. */
export const valueOf = (parameters: readonly string[], expression: string, scope: Readonly<Record<string, unknown>> = {}) =>
  runnable(parameters, `return ${expression};`, { scope });
