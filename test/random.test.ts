// The generator against its published known answers, and what is drawn from it against the distribution promised.

import { describe, expect, test } from "vitest";
import { keyOf, philox4x32, RandomSequence, STREAM, type Quad } from "../src/random.ts";

const F = 0xffffffff;

// Random123 1.14, tests/kat_vectors, "philox4x32 10".
const KNOWN: [string, Quad, [number, number], Quad][] = [
  ["all zero", [0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
  ["all one", [F, F, F, F], [F, F], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
  [
    "digits of π",
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

describe.each(KNOWN)("philox4x32-10, %s", (_, counter, key, words) => {
  test("gives the known answer", () => {
    expect(philox4x32(counter, key)).toEqual(words);
  });

  test.each([0, 1, 2, 3])("control: word %i of the counter changes all four words", (i) => {
    const other = [...counter] as [number, number, number, number];
    other[i] = (other[i] ^ 1) >>> 0;
    philox4x32(other, key).forEach((word, k) => expect(word).not.toBe(words[k]));
  });
});

test("a seed beyond 32 bits reaches both words of the key", () => {
  expect(keyOf(0)).toEqual([0, 0]);
  expect(keyOf(2 ** 32 + 5)).toEqual([5, 1]);
  expect(keyOf(2 ** 53 - 1)).toEqual([F, 2 ** 21 - 1]);
});

describe("RandomSequence", () => {
  const N = 40_000;
  const draw = (of: (random: RandomSequence) => number, n = N): number[] => {
    const random = new RandomSequence(11, STREAM.data);
    return Array.from({ length: n }, () => of(random));
  };
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

  // Five standard errors: a right generator with this fixed seed passes for good, a wrong one by 3 % does not.
  test("uniform: in (0, 1), mean ½, variance 1/12", () => {
    const values = draw((random) => random.uniform());
    expect(Math.min(...values)).toBeGreaterThan(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / N));
    expect(Math.abs(mean(values.map((value) => (value - 0.5) ** 2)) - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / N));
  });

  test("normal: moments 0, 1, 0, 3", () => {
    const values = draw((random) => random.normal());
    const moment = (k: number): number => mean(values.map((value) => value ** k));
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(N));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / N));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / N));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / N));
  });

  test.each([1, 2, 3, 7, 10])("below(%i): every number equally often", (n) => {
    const counts = Array<number>(n).fill(0);
    draw((random) => random.below(n)).forEach((value) => counts[value]++);
    for (const count of counts) expect(Math.abs(count - N / n)).toBeLessThanOrEqual(5 * Math.sqrt(N / n));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(N);
  });

  test.each([1, 2, 7, 1000])("permutation(%i) holds each number once", (n) => {
    const order = new RandomSequence(3, STREAM.shuffle).permutation(n);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
  });

  test("all six permutations of three come equally often", () => {
    const counts = new Map<string, number>();
    draw((random) => {
      const key = random.permutation(3).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return 0;
    }, 6000);
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(1000));
  });

  test("the same address gives the same numbers, any other address others", () => {
    const words = (seed: number, stream: number, a = 0, b = 0): string => {
      const random = new RandomSequence(seed, stream, a, b);
      return Array.from({ length: 9 }, () => random.word()).join();
    };
    expect(words(1, STREAM.data, 2, 3)).toBe(words(1, STREAM.data, 2, 3));
    const others = [words(1, 1), words(2, 1), words(1, 2), words(1, 1, 1), words(1, 1, 0, 1), words(2 ** 40 + 1, 1)];
    expect(new Set(others).size).toBe(others.length);
  });
});
