// Where tensors lie: no two that live at the same time share a number, no buffer is larger than the device allows, and what lies in one
// buffer lies there without gaps of more than three numbers.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OutOfMemoryError } from "../../src/errors.ts";
import type { Graph, Tensor } from "../../src/graph/types.ts";
import type { Slot } from "../../src/schedule/lifetimes.ts";
import {
  carriedPlaces,
  memoryBytes,
  ownWeights,
  packScratch,
  packWeights,
  resultIndex,
  tooLarge,
  type Places,
} from "../../src/schedule/places.ts";
import { graphOf, NETWORKS } from "./networks.ts";

const BYTES = { f32: 4, f16: 2 } as const;

/** Pairs that overlap in a buffer, other than the tensors of one slot, and places that no vec4 can be read from. */
function complaints(places: Places, maxBytes: number, together: readonly (readonly string[])[] = []): string[] {
  const all = [...places];
  const share = (a: string, b: string) => together.some((tensors) => tensors.includes(a) && tensors.includes(b));
  const overlapping = all.flatMap(([a, p], i) =>
    all
      .slice(i + 1)
      .filter(([b, q]) => p.memory === q.memory && !share(a, b) && p.offset < q.offset + q.elements && q.offset < p.offset + p.elements)
      .map(([b]) => `${a} and ${b} overlap`),
  );
  const unaligned = all.filter(([, { offset }]) => offset % 4 !== 0).map(([name]) => `${name} is not aligned`);
  const beyond = all
    .filter(([, { type, offset, elements }]) => (offset + elements) * BYTES[type] > maxBytes)
    .map(([name]) => `${name} is beyond the end`);
  return [...overlapping, ...unaligned, ...beyond];
}

const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 30 });
const named = (elements: readonly number[]) => elements.map((n, i) => [`t${i}`, n] as const);

describe("weights", () => {
  it("never overlap, keep their sizes and stay within the limit of a buffer", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 100, max: 400 }), (elements, numbers) => {
        const places = packWeights(named(elements), 4 * numbers);
        expect(complaints(places, 4 * numbers)).toEqual([]);
        expect([...places.values()].map((place) => place.elements)).toEqual(elements);
      }),
    );
  });

  it("lie one after the other at multiples of four numbers, and start another buffer where one is full", () => {
    // 5 numbers take 8, 3 take 4, 4 take 4: 16 numbers or 64 bytes in all.
    const elements = named([5, 3, 4, 1]);
    const at = (maxBytes: number) => [...packWeights(elements, maxBytes).values()].map(({ memory, offset }) => [memory, offset]);
    expect(at(Infinity)).toEqual([
      ["weights", 0],
      ["weights", 8],
      ["weights", 12],
      ["weights", 16],
    ]);
    expect(at(64).slice(2)).toEqual([
      ["weights", 12],
      ["weights2", 0],
    ]);
    expect(at(32)).toEqual([
      ["weights", 0],
      ["weights2", 0],
      ["weights2", 4],
      ["weights3", 0],
    ]);
  });

  it("of which one alone is too large are refused by name, with the limit and the remedy", () => {
    // 9 numbers take the room of 12.
    expect(packWeights(named([9]), 48).size).toBe(1);
    expect(() => packWeights(named([1, 9]), 47)).toThrow(OutOfMemoryError);
    expect(() => packWeights(named([1, 9]), 47)).toThrow(
      "t1: 48 bytes are asked for but one buffer of this device holds 47. Use fewer units.",
    );
    expect(tooLarge("a1", 10, 5, "Help.")).toMatchObject({ message: expect.stringContaining("a1: 10 bytes") as string });
  });

  it("of a graph are its parameters, then its states, and nothing else", () => {
    for (const options of Object.values(NETWORKS)) {
      const graph = graphOf(options),
        places = ownWeights(graph, 8);
      const tensors = [...graph.tensors.values()];
      const wanted = ["parameter", "state"].flatMap((role) => tensors.filter((tensor) => tensor.role === role).map(({ name }) => name));
      expect([...places.keys()]).toEqual(wanted);
      expect(complaints(places, Infinity)).toEqual([]);
    }
  });
});

describe("intermediates", () => {
  const slots = (elements: readonly number[], bytes: number): Slot[] =>
    elements.map((n, i) => ({ bytes: n * bytes, tensors: [`a${i}`, `b${i}`] }));

  it.each([
    ["f32", "scratch"],
    ["f16", "half"],
  ] as const)("%s: the tensors of a slot lie in one place of the buffer %s, those of two slots never overlap", (type, memory) => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 100, max: 400 }), (elements, numbers) => {
        const given = slots(elements, BYTES[type]),
          limit = BYTES[type] * numbers,
          places = packScratch(given, limit, type);
        expect(
          complaints(
            places,
            limit,
            given.map(({ tensors }) => tensors),
          ),
        ).toEqual([]);
        elements.forEach((n, i) => {
          expect(places.get(`a${i}`)).toEqual(places.get(`b${i}`));
          expect(places.get(`a${i}`)).toMatchObject({
            type,
            elements: n,
            memory: expect.stringMatching(new RegExp(`^${memory}\\d*$`)) as string,
          });
        });
      }),
    );
  });

  it("that no buffer holds are refused with another remedy", () => {
    expect(() => packScratch(slots([100], 4), 396)).toThrow(
      "a0: 400 bytes are asked for but one buffer of this device holds 396. Use a smaller batchSize.",
    );
  });

  it("control: places that overlap, are not aligned or are too far are found", () => {
    const places = packScratch(slots([8, 8], 4));
    expect(
      complaints(places, 64, [
        ["a0", "b0"],
        ["a1", "b1"],
      ]),
    ).toEqual([]);
    expect(complaints(places, 64)).toEqual(["a0 and b0 overlap", "a1 and b1 overlap"]);
    expect(
      complaints(places, 60, [
        ["a0", "b0"],
        ["a1", "b1"],
      ]),
    ).toEqual(["a1 is beyond the end", "b1 is beyond the end"]);
    const moved = new Map([...places].map(([name, place]) => [name, name === "a1" ? { ...place, offset: 5 } : place]));
    const found = complaints(moved, 64, [
      ["a0", "b0"],
      ["a1", "b1"],
    ]);
    expect(found).toEqual(["a0 and a1 overlap", "b0 and a1 overlap", "a1 is not aligned"]);
  });
});

describe("bytes of buffers", () => {
  it("reach to the end of the last place, a multiple of four numbers", () => {
    const place = (memory: string, type: "f32" | "f16", offset: number, elements: number) => ({ memory, type, offset, elements });
    const places: Places = new Map([
      ["a", place("scratch", "f32", 8, 5)],
      ["b", place("scratch", "f32", 0, 2)],
      ["c", place("half", "f16", 4, 5)],
    ]);
    // 13 numbers of four bytes in room for 16; 9 of two bytes in room for 12.
    expect([...memoryBytes(places)]).toEqual([
      ["scratch", 64],
      ["half", 24],
    ]);
  });
});

describe("states and results", () => {
  const tensor = (name: string, role: Tensor["role"], cols: number, timesteps?: number): Tensor => ({
    name,
    role,
    rows: "batch",
    cols,
    timesteps,
  });
  const graph: Graph = {
    purpose: "train",
    tensors: new Map(
      [tensor("h1", "carried", 3), tensor("a", "intermediate", 9), tensor("h2", "carried", 2), tensor("out", "result", 2, 7)].map((t) => [
        t.name,
        t,
      ]),
    ),
    ops: [],
    output: "out",
    seed: 1,
  };

  it("carried states lie in a buffer of their own, a row for each example", () => {
    const places = carriedPlaces(graph, 5);
    expect([...places].map(([name, { memory, offset, elements }]) => [name, memory, offset, elements])).toEqual([
      ["h1", "carried", 0, 15],
      ["h2", "carried", 16, 10],
    ]);
    expect(complaints(places, Infinity)).toEqual([]);
  });

  it("results of many steps follow each other, each as large as a full mini-batch", () => {
    // 5 examples of 7 time steps of 2 numbers.
    expect(resultIndex(graph, "out", 5, "i")).toBe("step.slot * 70u + i");
  });
});
