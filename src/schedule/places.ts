// Where tensors lie: packed one after the other into few large buffers, so that no launch runs out of bindings and one
// launch can work on many tensors side by side. WebGPU tracks hazards per buffer and launches run one after the other
// anyway, so that packing costs nothing.

import { OutOfMemoryError } from "../errors.ts";
import { rowsOf, sizeOf, tensorOf, type Graph } from "../graph/types.ts";
import type { Slot } from "./lifetimes.ts";
import { NUMBER_BYTES, type Precision } from "./precision.ts";

/** A tensor's place: `memory` names a buffer of one type of numbers, the offset counts these. */
export interface Place {
  readonly memory: string;
  readonly type: Precision;
  readonly offset: number;
  readonly elements: number;
}

export type Places = ReadonlyMap<string, Place>;

/** The buffer of the states that stateful layers carry. */
export const CARRIED = "carried";

/** The buffer of the sums over the chunks of a mini-batch. */
export const SUMS = "sums";

/** Numbers: tensors start where four can be read at once, and where copying may begin. */
const ALIGNMENT = 4;

const aligned = (elements: number): number => Math.ceil(elements / ALIGNMENT) * ALIGNMENT;

/** What one buffer would have to hold, but cannot. */
export const tooLarge = (label: string, bytes: number, limit: number, remedy: string): OutOfMemoryError =>
  new OutOfMemoryError(`${label}: ${bytes} bytes are asked for but one buffer of this device holds ${limit}. ${remedy}`, bytes, limit);

interface PlacedTensor {
  readonly label: string;
  readonly elements: number;
  readonly tensors: readonly string[];
}

/**
 * One after the other, in as few buffers as hold at most `maxBytes` each: `name`, `name2`, …
 * @throws OutOfMemoryError if one alone is larger
 */
function pack(name: string, type: Precision, pieces: readonly PlacedTensor[], maxBytes: number, remedy: string): Places {
  const places = new Map<string, Place>();
  const numberBytes = NUMBER_BYTES[type];
  let memories = 1,
    offset = 0;
  for (const { label, elements, tensors } of pieces) {
    const bytes = aligned(elements) * numberBytes;
    if (bytes > maxBytes) throw tooLarge(label, bytes, maxBytes, remedy);
    if (offset * numberBytes + bytes > maxBytes) {
      memories++;
      offset = 0;
    }
    const memory = memories === 1 ? name : `${name}${memories}`;
    tensors.forEach((tensor) => places.set(tensor, { memory, type, offset, elements }));
    offset += aligned(elements);
  }
  return places;
}

/** Weights and optimizer states, which live from step to step. */
export const packWeights = (
  tensors: Iterable<readonly [name: string, elements: number]>,
  maxBytes = Infinity,
  memory = "weights",
): Places =>
  pack(
    memory,
    "f32",
    [...tensors].map(([label, elements]) => ({ label, elements, tensors: [label] })),
    maxBytes,
    "Use fewer units.",
  );

/**
 * Intermediates: the tensors of one slot lie in the same place, one after the other in time; f16 ones in buffers of their own.
 */
export const packScratch = (slots: readonly Slot[], maxBytes = Infinity, type: Precision = "f32"): Places =>
  pack(
    type === "f16" ? "half" : "scratch",
    type,
    slots.map(({ bytes, tensors }) => ({ label: tensors[0], elements: bytes / NUMBER_BYTES[type], tensors })),
    maxBytes,
    "Use a smaller batchSize.",
  );

/** The states of stateful layers, which a runner keeps from mini-batch to mini-batch. */
export const carriedPlaces = (graph: Graph, batch: number): Places =>
  pack(
    CARRIED,
    "f32",
    [...graph.tensors.values()]
      .filter(({ role }) => role === "carried")
      .map((tensor) => ({ label: tensor.name, elements: sizeOf(tensor, batch), tensors: [tensor.name] })),
    Infinity,
    "",
  );

/** The weights and states of a graph in its own order, for plans that no store was asked about. */
export function ownWeights(graph: Graph, batch: number): Places {
  const tensors = [...graph.tensors.values()];
  const named = (role: string) =>
    tensors.filter((tensor) => tensor.role === role).map((tensor) => [tensor.name, sizeOf(tensor, batch)] as const);
  return packWeights([...named("parameter"), ...named("state")]);
}

/** Bytes of each buffer that the places lie in. */
export function memoryBytes(places: Places): Map<string, number> {
  const bytes = new Map<string, number>();
  for (const { memory, type, offset, elements } of places.values()) {
    bytes.set(memory, Math.max(bytes.get(memory) ?? 0, aligned(offset + elements) * NUMBER_BYTES[type]));
  }
  return bytes;
}

/** Where results lie: those of many steps one after the other in one buffer. */
export function resultIndex(graph: Graph, tensor: string, batch: number, element: string): string {
  const { cols } = tensorOf(graph, tensor),
    rows = rowsOf(tensorOf(graph, tensor), batch);
  return `step.slot * ${rows * cols}u + ${element}`;
}
