// Which intermediates live at the same time, and which can share memory because they never do.

import { sizeOf, tensorOf, type Graph } from "../graph/types.ts";
import { behind, operandsOf, storedOutputs, type Elsewhere, type Group } from "./groups.ts";
import { NUMBER_BYTES } from "./precision.ts";

/** A tensor in memory, alive from launch `first` to launch `last`, both included. */
export interface Lifetime {
  readonly tensor: string;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** A piece of memory that several tensors use one after the other. */
export interface Slot {
  readonly bytes: number;
  readonly tensors: readonly string[];
}

/**
 * When intermediates live that are in memory: from the first to the last launch that touches them.
 * @param groups all of the step
 * @param launches the groups of each launch
 * @param elsewhere tensors that never are in memory
 * @param halves those that memory holds as f16
 */
export function lifetimesOf(
  graph: Graph,
  batch: number,
  groups: readonly Group[],
  launches: readonly (readonly Group[])[],
  elsewhere: Elsewhere,
  halves: ReadonlySet<string> = new Set(),
): Lifetime[] {
  const lives = new Map<string, Lifetime>();
  launches.forEach((launch, index) => {
    for (const group of launch) {
      for (const tensor of [...behind(operandsOf(group).reads, elsewhere), ...storedOutputs(graph, group, groups, elsewhere)]) {
        if (tensorOf(graph, tensor).role !== "intermediate" || elsewhere.has(tensor)) continue;
        const bytes = sizeOf(tensorOf(graph, tensor), batch) * NUMBER_BYTES[halves.has(tensor) ? "f16" : "f32"];
        const { first = index } = lives.get(tensor) ?? {};
        lives.set(tensor, { tensor, bytes, first, last: index });
      }
    }
  });
  return [...lives.values()];
}

const overlap = (a: Lifetime, b: Lifetime): boolean => a.first <= b.last && b.first <= a.last;

/**
 * Assigns each tensor a slot; two whose lifetimes meet never share one. Largest first, each into the fullest slot that is
 * free for it ("greedy by size": Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
 */
export function assignSlots(lifetimes: readonly Lifetime[]): Slot[] {
  const slots: { bytes: number; lives: Lifetime[] }[] = [];
  const bySize = [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const life of bySize) {
    // Slots come in descending size, so the last free one wastes the least.
    const free = slots.findLast(({ lives }) => !lives.some((other) => overlap(life, other)));
    if (free) free.lives.push(life);
    else slots.push({ bytes: life.bytes, lives: [life] });
  }
  return slots.map(({ bytes, lives }) => ({ bytes, tensors: lives.map(({ tensor }) => tensor) }));
}
