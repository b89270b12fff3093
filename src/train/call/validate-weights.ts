// What is wrong with what setWeights() was given; loaded where something is.

import { InputError } from "../../errors.ts";
import { show } from "../../model/checks.ts";
import { elementsOf, type Network } from "../../model/network.ts";
import { kindOf } from "../../typed-arrays.ts";
import type { GivenWeight } from "./weights.ts";

function isGivenWeight(value: unknown): value is GivenWeight {
  if (typeof value !== "object" || value === null || !("shape" in value) || !("data" in value)) return false;
  return Array.isArray(value.shape) && (Array.isArray(value.data) || kindOf(value.data) !== undefined);
}

/** What is wrong with weights that fromWeights() does not take. */
export function whyInvalid({ parameters }: Network, weights: readonly GivenWeight[]): string {
  const isList: boolean = Array.isArray(weights);
  if (!isList || weights.length !== parameters.length) {
    return (
      `the network has ${parameters.length} weight tensors ` +
      `(${parameters.map(({ name }) => name).join(", ")}); got ${isList ? weights.length : typeof weights}.`
    );
  }
  for (const [i, { name, shape, least = -Infinity }] of parameters.entries()) {
    const given = weights[i];
    if (!isGivenWeight(given)) {
      return `tensor ${i}, ${name}, must be { shape, data } with arrays of numbers; got ${show(given)}. Pass what getWeights() gave.`;
    }
    if (given.name !== undefined && given.name !== name) {
      return `tensor ${i} must be ${name}; got ${show(given.name)}. Keep the order of getWeights().`;
    }
    if (given.shape.join() !== shape.join() || given.data.length !== elementsOf(shape)) {
      return (
        `${name} has shape [${shape.join(", ")}]; got [${given.shape.join(", ")}] with ${given.data.length} numbers. Weights fit ` +
        "only the network they came from."
      );
    }
    const bad = Array.from(given.data, (value: unknown) => typeof value === "number" && Number.isFinite(Math.fround(value))).indexOf(false);
    if (bad >= 0) return `${name} must hold finite float32 numbers; number ${bad} is ${show(given.data[bad])}.`;
    const low = Array.from(given.data).findIndex((value) => Math.fround(value) < least);
    if (low >= 0) return `${name} must hold numbers ≥ ${least}; number ${low} is ${show(given.data[low])}. Pass what getWeights() gave.`;
  }
  return "they were changed while they were looked at.";
}

export const invalidWeights = (network: Network, weights: readonly GivenWeight[]): InputError =>
  new InputError(`setWeights(): ${whyInvalid(network, weights)}`);
