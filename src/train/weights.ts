// Weights as the user sees them: layer by layer, kernel then bias, with names and shapes.

import { InputError } from "../errors.ts";
import { show } from "../model/checks.ts";
import { elementsOf, type Network } from "../model/network.ts";
import type { Floats } from "./backend.ts";

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

function isGivenWeight(value: unknown): value is GivenWeight {
  if (typeof value !== "object" || value === null || !("shape" in value) || !("data" in value)) return false;
  return Array.isArray(value.shape) && (Array.isArray(value.data) || ArrayBuffer.isView(value.data));
}

/** @throws InputError where number, order, names, shapes or values do not fit the network */
export function fromWeights(network: Network, weights: readonly GivenWeight[]): Map<string, Floats> {
  const { parameters } = network;
  const isList: boolean = Array.isArray(weights);
  if (!isList || weights.length !== parameters.length) {
    throw new InputError(`setWeights(): the network has ${parameters.length} weight tensors ` +
      `(${parameters.map(({ name }) => name).join(", ")}); got ${isList ? weights.length : typeof weights}.`);
  }
  return new Map(parameters.map(({ name, symbol, shape }, i) => {
    const given = weights[i];
    if (!isGivenWeight(given)) {
      throw new InputError(`setWeights(): tensor ${i}, ${name}, must be { shape, data } with arrays of numbers; got ` +
        `${show(given)}. Pass what getWeights() gave.`);
    }
    if (given.name !== undefined && given.name !== name) {
      throw new InputError(`setWeights(): tensor ${i} must be ${name}; got ${show(given.name)}. Keep the order of getWeights().`);
    }
    if (given.shape.join() !== shape.join() || given.data.length !== elementsOf(shape)) {
      throw new InputError(`setWeights(): ${name} has shape [${shape.join(", ")}]; got [${given.shape.join(", ")}] with ` +
        `${given.data.length} numbers. Weights fit only the network they came from.`);
    }
    // Elsewhere there may be what is no number, and null would become 0.
    const data = new Float32Array(given.data instanceof Float32Array ? given.data
      : Array.from(given.data, (value: unknown) => (typeof value === "number" ? value : NaN)));
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new InputError(`setWeights(): ${name} must hold finite float32 numbers; number ${bad} is ${show(given.data[bad])}.`);
    }
    return [symbol, data];
  }));
}
