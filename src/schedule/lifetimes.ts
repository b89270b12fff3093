// Which intermediates live at the same time, and which can share memory because they never do.

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
