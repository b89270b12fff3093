// Models for the tests of the public API: compiled, filled with given numbers, disposed when the test ends; and the engine that a
// Vitest project runs these tests on.

import { describe, inject, it, onTestFinished } from "vitest";
import { sequential, type CompileOptions, type Sequential, type SequentialOptions, type Weight } from "../../src/index.ts";
import { sameBits } from "./compare.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Given by the project `wasm` (vitest.config.ts). */
    readonly engine?: Engine;
  }
}

/** What trains in float32. */
export type Engine = "webgpu" | "wasm";
export type TestBackend = "cpu" | Engine;

/** The engine that the tests of this project run on. */
export const ENGINE: Engine = inject("engine") ?? "webgpu";

/** That engine and the float64 reference, which is tried beside WebGPU. */
export const BACKENDS: readonly TestBackend[] = ENGINE === "wasm" ? ["wasm"] : ["cpu", "webgpu"];

/** Tests of what only a GPU has: adapters and devices, buffers and bind groups that are counted, WGSL, a device that is lost. */
export const describeGpu = (what: string, tests: () => void): void => {
  if (ENGINE === "webgpu") describe(what, tests);
};
/** The same for one test: what makes a kernel's text wrong, for example. */
export const itGpu = (what: string, test: () => Promise<void>): void => {
  if (ENGINE === "webgpu") it(what, test);
};

export async function compiledModel(declared: SequentialOptions, recipe: CompileOptions): Promise<Sequential> {
  const model = sequential(declared);
  onTestFinished(() => model.dispose());
  await model.compile(recipe);
  return model;
}

/** The numbers of all weights, tensor by tensor. */
export const numbersOf = async (model: Sequential): Promise<number[][]> => (await model.getWeights()).map(({ data }) => [...data]);

/** Puts numbers into the weights, tensor by tensor. */
export async function setNumbers(model: Sequential, numbers: readonly (readonly number[])[]): Promise<void> {
  const weights = await model.getWeights();
  await model.setWeights(weights.map(({ name, shape }, i) => ({ name, shape, data: numbers[i] })));
}

export const sameWeights = (a: readonly Weight[], b: readonly Weight[]): boolean =>
  a.length === b.length && a.every((weight, i) => sameBits(weight.data, b[i].data));

/** Numbers in (−1, 1) that repeat: a linear congruence (Numerical Recipes, "quick and dirty"), no part of the library. */
export function pseudoRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** `count` float32 numbers in ±scale. */
export function noise(count: number, seed: number, scale = 1): Float32Array<ArrayBuffer> {
  const next = pseudoRandom(seed);
  return Float32Array.from({ length: count }, () => next() * scale);
}
