// Where tensors lie: packed one after the other into few large buffers, so that no launch runs out of bindings and one
// launch can work on many tensors side by side. WebGPU tracks hazards per buffer and launches run one after the other
// anyway, so that packing costs nothing.

import { UnsupportedError } from "../errors.ts";
import { rowsOf, sizeOf, tensorOf, type Graph } from "../graph/types.ts";
import type { Slot } from "./lifetimes.ts";

/** A tensor's place: `memory` names a buffer, the offset counts numbers. */
export interface Place {
  readonly memory: string;
  readonly offset: number;
  readonly elements: number;
}

export type Places = ReadonlyMap<string, Place>;

/** The buffer of the states that stateful layers carry. */
export const CARRIED = "carried";

const FLOAT_BYTES = 4;
/** Tensors start at multiples of 16 bytes, where four numbers can be read at once. */
const ALIGNMENT = 4;

const aligned = (elements: number): number => Math.ceil(elements / ALIGNMENT) * ALIGNMENT;

/**
 * One after the other, in as few buffers as hold at most `maxBytes` each: `name`, `name2`, …
 * @throws UnsupportedError if one alone is larger
 */
function pack(
  name: string, pieces: readonly { label: string; elements: number; tensors: readonly string[] }[], maxBytes: number, remedy: string,
): Places {
  const places = new Map<string, Place>();
  let memories = 1, offset = 0;
  for (const { label, elements, tensors } of pieces) {
    if (elements * FLOAT_BYTES > maxBytes) {
      throw new UnsupportedError(`${label}: ${elements * FLOAT_BYTES} bytes are asked for but one buffer of this device holds ` +
        `${maxBytes}. ${remedy}`);
    }
    if ((offset + elements) * FLOAT_BYTES > maxBytes) {
      memories++;
      offset = 0;
    }
    const memory = memories === 1 ? name : `${name}${memories}`;
    tensors.forEach((tensor) => places.set(tensor, { memory, offset, elements }));
    offset += aligned(elements);
  }
  return places;
}

/** Weights and optimizer states, which live from step to step. */
export const packWeights = (tensors: Iterable<readonly [name: string, elements: number]>, maxBytes = Infinity): Places =>
  pack("weights", [...tensors].map(([label, elements]) => ({ label, elements, tensors: [label] })), maxBytes,
    "Use fewer units.");

/** Intermediates: the tensors of one slot lie in the same place, one after the other in time. */
export const packScratch = (slots: readonly Slot[], maxBytes = Infinity): Places =>
  pack("scratch", slots.map(({ bytes, tensors }) => ({ label: tensors[0], elements: bytes / FLOAT_BYTES, tensors })), maxBytes,
    "Use a smaller batchSize.");

/** The states of stateful layers, which a runner keeps from mini-batch to mini-batch. */
export const carriedPlaces = (graph: Graph, batch: number): Places => pack(CARRIED, [...graph.tensors.values()]
  .filter(({ role }) => role === "carried")
  .map((tensor) => ({ label: tensor.name, elements: sizeOf(tensor, batch), tensors: [tensor.name] })), Infinity, "");

/** The weights and states of a graph in its own order, for plans that no store was asked about. */
export function ownWeights(graph: Graph, batch: number): Places {
  const tensors = [...graph.tensors.values()];
  const named = (role: string) => tensors.filter((tensor) => tensor.role === role)
    .map((tensor) => [tensor.name, sizeOf(tensor, batch)] as const);
  return packWeights([...named("parameter"), ...named("state")]);
}

/** Bytes of each buffer that the places lie in. */
export function memoryBytes(places: Places): Map<string, number> {
  const bytes = new Map<string, number>();
  for (const { memory, offset, elements } of places.values()) {
    bytes.set(memory, Math.max(bytes.get(memory) ?? 0, aligned(offset + elements) * FLOAT_BYTES));
  }
  return bytes;
}

/** Where results lie: those of many steps one after the other in one buffer. */
export function resultIndex(graph: Graph, tensor: string, batch: number, element: string): string {
  const { cols } = tensorOf(graph, tensor), rows = rowsOf(tensorOf(graph, tensor), batch);
  return `step.slot * ${rows * cols}u + ${element}`;
}
