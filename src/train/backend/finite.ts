// What counts as a number: what float32 has, since that is how weights leave a model, whatever its backend computes in.

import type { State } from "./backend.ts";

export const allFinite = (numbers: ArrayLike<number>): boolean =>
  Array.prototype.every.call(numbers, (value: number) => Number.isFinite(Math.fround(value)));

export const isFiniteState = (state: State): boolean => [...state.values()].every(allFinite);
