// How kernels reach the numbers of a tensor. The expressions that BufferAccess writes are run here on buffers of known numbers, laid out
// by hand: whatever a tensor lies in, the number at (row, col) is the one that was put there. And what is touched is bound, once.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import { tensorOf } from "../../src/graph/types.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { BufferAccess } from "../../src/schedule/access.ts";
import type { Place, Places } from "../../src/schedule/places.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { viewsOf } from "../../src/schedule/views.ts";
import { FORMULAS } from "../support/formulas.ts";
import { runnable, valueOf } from "../support/wgsl-in-js.ts";
import { digits, graphOf } from "./networks.ts";

const BATCH = 3,
  OFFSET = 2,
  SLOT = 5n;

/** 8 pixels, 5 units, 3 classes. */
const graph = graphOf({ ...digits, widths: [8, 5, 3], features: { type: "uint8", scale: 0.5 } });

const place = (memory: string, offset: number, elements: number, type: Place["type"] = "f32"): Place => ({
  memory,
  type,
  offset,
  elements,
});
const PLACES: Places = new Map([
  ["w1", place("weights", 4, 40)],
  ["a1", place("half", 8, 15, "f16")],
  ["z2", place("scratch", 12, 9)],
  ["loss_rows", place("scratch", 24, 3)],
]);

/** Every number of a buffer says where it is. */
const numbered = (length: number, from: number): number[] => Array.from({ length }, (_, i) => from + i);
const ORDER = [9, 9, 4, 0, 3].map(BigInt),
  PIXELS = Array.from({ length: 5 }, (_, row) => Array.from({ length: 8 }, (_, col) => (37 * row + 11 * col + 200) % 256));
/** Above 2²⁴: f32 has no such number. */
const LABELS = [16_777_217n, 1n, 2n, 16_777_219n, 4n];

const words = PIXELS.flat().reduce<bigint[]>((packed, byte, i) => {
  packed[i >> 2] = (packed[i >> 2] ?? 0n) | (BigInt(byte) << BigInt(8 * (i & 3)));
  return packed;
}, []);

const scope = () => ({
  weights: numbered(44, 1000),
  half: numbered(24, 2000),
  scratch: numbered(28, 3000),
  results: new Array<number>(20).fill(0),
  order: ORDER,
  data_x: words,
  data_y: LABELS,
  step: { offset: BigInt(OFFSET), slot: SLOT, rows: BigInt(BATCH), fresh: 0n },
});

const accessOf = (places: Places = PLACES) => new BufferAccess(graph, BATCH, places, viewsOf(graph), FORMULAS);

/** What each tensor holds at a row and a column, by the layout above. */
const EXPECTED: Readonly<Record<string, (row: number, col: number) => number>> = {
  w1: (row, col) => 1004 + 5 * row + col,
  a1: (row, col) => 2008 + 5 * row + col,
  z2: (row, col) => 3012 + 3 * row + col,
  loss_rows: (row) => 3024 + row,
  x: (row, col) => 0.5 * PIXELS[Number(ORDER[OFFSET + row])][col],
};

const rowsHere = (name: string): number => {
  const { rows } = tensorOf(graph, name);
  return rows === "batch" ? BATCH : rows;
};

/** Tensors of which some number is read from the wrong place, by any of the ways to read. */
function misread(access: BufferAccess): string[] {
  return Object.entries(EXPECTED).flatMap(([name, expected]) => {
    const { cols } = tensorOf(graph, name);
    const ways = {
      here: access.here(name),
      inRow: access.inRow(name, `(${access.rowStart(name, "row")})`, "col"),
      rowOfExpression: access.inRow(name, access.rowStart(name, "row + 1u - 1u"), "col"),
      ...(name === "x" ? {} : { load: access.load(name, "element") }),
    };
    return Object.entries(ways).flatMap(([way, expression]) => {
      const read = valueOf(["row", "col", "element"], expression, scope());
      const wrong = Array.from({ length: rowsHere(name) * cols }, (_, i) => i).filter((i) => {
        const row = Math.floor(i / cols),
          col = i % cols;
        return read(BigInt(row), BigInt(col), BigInt(i)) !== expected(row, col);
      });
      return wrong.length > 0 ? [`${name} by ${way}`] : [];
    });
  });
}

describe("reading", () => {
  it("finds the number at a row and a column: of weights, f16 and f32 intermediates, and pixels still in the data set", () => {
    expect(misread(accessOf())).toEqual([]);
  });

  it("takes four pixels at a time where rows are whole words, and nothing else so", () => {
    const access = accessOf(),
      four = access.fourInRow("x")!;
    for (const lane of [0, 1, 2, 3]) {
      // One component of each vector.
      const vectors = {
        vec4u: (...all: unknown[]) => all[all.length === 1 ? 0 : lane],
        vec4i: (v: unknown) => v,
        vec4f: (v: unknown) => Number(v),
      };
      const read = valueOf(["row", "col"], four(`(${access.rowStart("x", "row")})`, "col"), { ...scope(), ...vectors });
      for (const row of [0, 1, 2]) {
        for (const col of [0, 4]) expect(read(BigInt(row), BigInt(col))).toBe(EXPECTED.x(row, col + lane));
      }
    }
    expect(["a1", "z2", "w1", "y"].map((name) => access.fourInRow(name))).toEqual([null, null, null, null]);
    const odd = graphOf({ ...digits, widths: [7, 3], features: { type: "uint8", scale: 1 } });
    expect(new BufferAccess(odd, BATCH, new Map(), viewsOf(odd), FORMULAS).fourInRow("x")).toBeNull();
  });

  it("takes class indices from the data set unrounded, and whole numbers in memory as u32", () => {
    const label = valueOf(["row"], accessOf().wholeAt("y", "row"), scope());
    expect([0n, 1n, 2n].map((row) => label(row))).toEqual([4n, 16_777_217n, 16_777_219n]);
    expect(valueOf(["row"], accessOf().wholeAt("loss_rows", "row"), scope())(2n)).toBe(3026n);
    // Control: as floats of 32 bits they would not be the same.
    expect(Math.fround(16_777_217)).not.toBe(16_777_217);
  });

  it("reads a variable in place of memory from when it has a name", () => {
    const access = accessOf();
    expect(access.load("loss_rows", "0u")).toContain("scratch");
    access.name("loss_rows", "factor");
    expect(access.load("loss_rows", "0u")).toBe("factor");
  });

  it("control: a tensor that lies one number further, or in another buffer, is misread", () => {
    const moved = (name: string, change: Partial<Place>): Places => new Map([...PLACES, [name, { ...PLACES.get(name)!, ...change }]]);
    expect(misread(accessOf(moved("z2", { offset: 13 })))).toEqual(["z2 by here", "z2 by inRow", "z2 by rowOfExpression", "z2 by load"]);
    expect(misread(accessOf(moved("w1", { memory: "scratch" })))).toContain("w1 by load");
  });
});

describe("views of sequences", () => {
  // Four time steps of two features, three units, two examples.
  const T = 4,
    network = resolveNetwork([simpleRNN({ units: 3, inputShape: [T, 2] })], 1);
  const sequence = buildGraph(
    network,
    resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" }),
    "train",
    { type: "float32", scale: 1 },
    recurrent,
  );
  const places: Places = new Map([["h1", place("scratch", 4, 24)]]);
  const accessTo = () => new BufferAccess(sequence, 2, places, viewsOf(sequence), FORMULAS, SEQUENCES);
  const data = numbered(5 * T * 2, 100);
  const memory = { ...scope(), data_x: data, scratch: numbered(28, 3000) };
  const h = (row: number, col: number) => 3004 + 3 * row + col;
  const readerOf = (name: string) => {
    const access = accessTo(),
      expression = access.inRow(name, access.rowStart(name, "row"), "col");
    return runnable(["row", "col"], `return ${expression};`, { functions: access.functions(), scope: memory });
  };

  it("x: row b·T + t is time step t of the b-th example of the mini-batch", () => {
    const read = readerOf("x");
    for (let row = 0; row < 2 * T; row++) {
      const example = Number(ORDER[OFFSET + Math.floor(row / T)]);
      expect(read(BigInt(row), 1n)).toBe(100 + (example * T + (row % T)) * 2 + 1);
    }
  });

  it("h(t−1) is 0 at t = 0, else the row before; the last step of example b is row b·T + T−1", () => {
    const previous = readerOf("previous_h1"),
      last = readerOf("last1");
    for (let row = 0; row < 2 * T; row++) {
      for (const col of [0, 1, 2]) expect(previous(BigInt(row), BigInt(col))).toBe(row % T === 0 ? 0 : h(row - 1, col));
    }
    expect([0n, 1n].map((row) => last(row, 2n))).toEqual([h(3, 2), h(7, 2)]);
  });

  it("are refused by a plan that was not given what writes them", () => {
    const without = new BufferAccess(sequence, 2, places, viewsOf(sequence), FORMULAS);
    expect(() => without.here("last1")).toThrow(/what writes ops of sequences was not given/);
    expect(() => accessTo().here("last1")).not.toThrow();
  });
});

describe("writing", () => {
  it("puts a number where reading finds it", () => {
    const access = accessOf(),
      memory = scope();
    runnable(["element"], access.assign("z2", "element", "7.0f"), { scope: memory })(4n);
    expect(valueOf(["row", "col"], access.inRow("z2", access.rowStart("z2", "row"), "col"), memory)(1n, 1n)).toBe(7);
    expect(memory.scratch.filter((number) => number === 7)).toHaveLength(1);
  });

  it("rounds what memory holds as f16, and says what will be read back; nothing else is rounded", () => {
    const access = accessOf(),
      memory = { ...scope(), to_half: Math.round };
    runnable(["element"], access.assign("a1", "element", "1.7f"), { scope: memory })(0n);
    expect(memory.half[8]).toBe(2);
    expect(valueOf(["v"], access.asStored("a1", "v"), memory)(1.7)).toBe(2);
    expect(valueOf(["v"], access.asStored("z2", "v"), memory)(1.7)).toBe(1.7);
    expect(() => access.store("a1", "0u")).toThrow(/a1 is f16; write it by assign/);
  });

  it("puts the results of step `slot` behind those of the steps before it", () => {
    const access = accessOf(),
      memory = scope(),
      { cols } = tensorOf(graph, "results");
    expect(cols).toBe(2);
    runnable([], access.assign("results", "1u", "8.0f"), { scope: memory })();
    expect(memory.results.indexOf(8)).toBe(Number(SLOT) * 2 + 1);
  });

  it("refuses a tensor that has no place", () => {
    expect(() => accessOf().load("z1", "0u")).toThrow(/z1 has no place in memory/);
  });
});

describe("bindings", () => {
  it("bind each buffer once, for writing as soon as one tensor of it is written, whatever is read before or after", () => {
    const access = accessOf();
    access.here("z2");
    access.here("x");
    access.here("y");
    access.store("loss_rows", "0u");
    access.here("z2");
    access.here("w1");
    expect(access.bindings().map(({ memory, name, type, access: how }) => [memory, name, type, how])).toEqual([
      ["scratch", "scratch", "f32", "read_write"],
      ["order", "order", "u32", "read"],
      ["data_x", "data_x", "u32", "read"],
      ["data_y", "data_y", "u32", "read"],
      ["weights", "weights", "f32", "read"],
    ]);
    expect(access.touches()).toEqual([
      { tensor: "z2", access: "read" },
      { tensor: "order", access: "read" },
      { tensor: "data_x", access: "read" },
      { tensor: "data_y", access: "read" },
      { tensor: "loss_rows", access: "read_write" },
      { tensor: "w1", access: "read" },
    ]);
  });

  it("say how long buffers are that the plan lays out: up to the end of the last tensor in whole fours", () => {
    const access = accessOf();
    for (const name of ["w1", "a1", "loss_rows", "x"]) access.here(name);
    expect(Object.fromEntries(access.bindings().map(({ memory, elements }) => [memory, elements]))).toEqual({
      weights: 44,
      half: 24,
      scratch: 28,
      order: 0,
      data_x: 0,
    });
  });

  it("are none before anything is read: control", () => {
    expect(accessOf().bindings()).toEqual([]);
    expect(accessOf().touches()).toEqual([]);
  });
});
