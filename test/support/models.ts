// Models for the tests of the public API: compiled, filled with given numbers, disposed when the test ends.

import { onTestFinished } from "vitest";
import { sequential, type CompileOptions, type Sequential, type SequentialOptions, type Weight } from "../../src/index.ts";
import { sameBits } from "./compare.ts";

export const BACKENDS = ["cpu", "webgpu"] as const;

export async function compiledModel(declared: SequentialOptions, recipe: CompileOptions): Promise<Sequential> {
  const model = sequential(declared);
  onTestFinished(() => model.dispose());
  await model.compile(recipe);
  return model;
}

/** The numbers of all weights, tensor by tensor. */
export const numbersOf = async (model: Sequential): Promise<number[][]> =>
  (await model.getWeights()).map(({ data }) => [...data]);

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
