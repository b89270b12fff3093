// Weights as the user sees them: layer by layer, kernel then bias, with names and shapes.

import { elementsOf, type Network } from "../../model/network.ts";
import { kindOf } from "../../typed-arrays.ts";
import type { Floats } from "../backend/backend.ts";

/** One weight tensor, row-major; kernels are (fanIn, fanOut), biases (fanOut). */
export interface Weight {
  name: string;
  shape: number[];
  data: Float32Array<ArrayBuffer>;
}

/** What setWeights() takes; a name, where given, must match. */
export interface GivenWeight {
  name?: string;
  shape: readonly number[];
  data: ArrayLike<number>;
}

export function toWeights(network: Network, values: ReadonlyMap<string, Floats>): Weight[] {
  return network.parameters.map(({ name, symbol, shape }) => {
    const data = values.get(symbol);
    if (!data) throw new Error(`no value for ${name}`);
    return { name, shape: [...shape], data: data.slice() };
  });
}

/** Copies as float32, all finite and none below `least`; null if there is anything else among them, such as a null, which would become 0. */
function floatsOf(data: unknown, length: number, least: number | undefined): Floats | null {
  const numbers = Array.isArray(data) || kindOf(data) !== undefined ? (data as readonly unknown[]) : [];
  if (numbers.length !== length || numbers.some((value) => typeof value !== "number")) return null;
  const floats = new Float32Array(numbers as readonly number[]);
  return floats.every((value) => Number.isFinite(value) && !(value < least!)) ? floats : null;
}

/** Copies of the values where number, order, names, shapes and values fit the network; null elsewhere: see refuse-weights.ts. */
export function fromWeights({ parameters }: Network, weights: readonly GivenWeight[]): Map<string, Floats> | null {
  const values = new Map<string, Floats>(),
    isList: boolean = Array.isArray(weights);
  if (!isList || weights.length !== parameters.length) return null;
  for (const [i, { name, symbol, shape, least }] of parameters.entries()) {
    const given: Partial<GivenWeight> = weights[i] ?? {},
      floats = floatsOf(given.data, elementsOf(shape), least);
    if (!floats || !Array.isArray(given.shape) || given.shape.join() !== shape.join() || ![undefined, name].includes(given.name))
      return null;
    values.set(symbol, floats);
  }
  return values;
}
