// Where threads wait for one another between two stages: each counts itself, the last one lets all go on. They spin for a moment,
// since most waits are shorter than falling asleep, and sleep then. Two words: threads that have arrived, and how often all had.

import { atomic, drop, FunctionWriter, get, I32, i32, increase, loopWhile, set, when } from "./assembler.ts";

export const BARRIER_BYTES = 64;
/** Looks at the word before a thread sleeps: about 20 µs. */
const SPINS = 20_000;

/** barrier(threads). */
export function writeBarrier(address: number): FunctionWriter {
  const writer = new FunctionWriter([I32]),
    threads = writer.parameter(0),
    round = writer.integer(),
    spins = writer.integer();
  const arrived = i32.const(address),
    rounds = i32.const(address + 4),
    unchanged = i32.eq(atomic.load(rounds), get(round));
  const isLast = i32.eq(i32.add(atomic.add(arrived, i32.const(1)), i32.const(1)), get(threads));
  writer.body = [
    set(round, atomic.load(rounds)),
    when(
      isLast,
      [atomic.store(arrived, i32.const(0)), drop(atomic.add(rounds, i32.const(1))), drop(atomic.notify(rounds, 0x7fffffff))],
      [
        loopWhile(i32.and(unchanged, i32.ltU(get(spins), i32.const(SPINS))), increase(spins, 1)),
        loopWhile(unchanged, drop(atomic.wait(rounds, get(round), -1))),
      ],
    ),
  ];
  return writer;
}
