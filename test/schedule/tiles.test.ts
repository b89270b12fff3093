// How products are cut: every cut covers each number of the result once, stays within the lanes and the workgroup memory of the adapter,
// and the model of costs gives what it gives by hand.

import { describe, expect, it } from "vitest";
import type { ProductCut } from "../../shaders/product-part.wgsl.ts";
import {
  blocksFor,
  chooseForProgram,
  chooseVariant,
  DEFAULT_ADAPTER,
  directCuts,
  fitsMemory,
  lanesOf,
  needsBlocks,
  programRows,
  rowSumShares,
  softwareCost,
  softwareShapes,
  type Adapter,
  type TileLimits,
} from "../../src/schedule/tiles.ts";

const ADAPTERS: Readonly<Record<string, Adapter>> = {
  "a GPU": DEFAULT_ADAPTER,
  "a GPU with 48 kB": { ...DEFAULT_ADAPTER, workgroupBytes: 49152 },
  "a GPU with 1 kB": { ...DEFAULT_ADAPTER, workgroupBytes: 1024 },
  software: { kind: "software", quads: false, workgroupBytes: 32768 },
  "software with quads": { kind: "software", quads: true, workgroupBytes: 32768 },
};
const limitsOf = (adapter: Adapter): TileLimits => ({ ...adapter, lanes: lanesOf(adapter) });
const SHAPES = [1, 7, 64, 130].flatMap((m) => [1, 5, 65].flatMap((n) => [1, 33, 784].map((k) => [m, n, k] as const)));

/**
 * How often each number of an (m, n) result is owned, if the workgroups' blocks go over it row by row, and lanes have neighbouring columns.
 * Numbers outside are guarded and count for nothing.
 */
function owners({ tileRows, tileCols, lanesX, lanesY }: ProductCut, m: number, n: number, workgroups: number): Uint8Array {
  const count = new Uint8Array(m * n),
    high = lanesY * tileRows,
    wide = lanesX * tileCols,
    across = Math.ceil(n / wide);
  for (let workgroup = 0; workgroup < workgroups; workgroup++) {
    for (let lane = 0; lane < lanesX * lanesY; lane++) {
      for (let i = 0; i < tileRows; i++) {
        for (let j = 0; j < tileCols; j++) {
          const row = Math.floor(workgroup / across) * high + Math.floor(lane / lanesX) * tileRows + i;
          const col = (workgroup % across) * wide + (lane % lanesX) + j * lanesX;
          if (row < m && col < n) count[row * n + col]++;
        }
      }
    }
  }
  return count;
}

/** What is wrong with a cut of an (m, k)·(k, n) product. */
function complaints(cut: ProductCut, m: number, n: number, limits: TileLimits): string[] {
  const { tileRows, tileCols, lanesX, lanesY, lanesK, kind, depth, broadcast } = cut;
  const high = lanesY * tileRows,
    wide = lanesX * tileCols;
  const workgroups = Math.ceil(m / high) * Math.ceil(n / wide);
  const found: string[] = [];
  const times = owners(cut, m, n, workgroups);
  if (times.some((count) => count !== 1)) found.push("not once each");
  if (lanesX * lanesY * lanesK !== limits.lanes) found.push("other lanes");
  if (tileRows * tileCols > 128) found.push("too many accumulators");
  if (broadcast && !(limits.quads && lanesX % 4 === 0 && tileRows % 4 === 0)) found.push("no quads");
  // A float for each number of each slice of K; of staged blocks both operands, `depth` terms deep, a vec4f of padding a term and side.
  const partial = lanesK > 1 ? 4 * lanesK * high * wide : 0,
    staged = kind === "workgroup" ? 4 * depth * (high + 4 + (wide + 4)) : 0;
  if (partial + staged > limits.workgroupBytes) found.push("too much workgroup memory");
  if (kind === "workgroup" && (tileRows % 4 !== 0 || tileCols % 4 !== 0)) found.push("not staged by fours");
  return found;
}

describe.each(Object.entries(ADAPTERS))("on %s", (_, adapter) => {
  const limits = limitsOf(adapter);

  it("every cut that is chosen covers each number once, within the limits", () => {
    for (const [m, n, k] of SHAPES) {
      for (const blocked of [false, true]) {
        const cut = chooseVariant(m, n, k, limits, blocked);
        expect([m, n, k, ...complaints(cut, m, n, limits)]).toEqual([m, n, k]);
        if (blocked) expect(cut.kind).toBe("direct");
      }
    }
  });

  it("and so does every other that could be timed", () => {
    for (const [m, n] of SHAPES.filter(([m, n, k]) => m * n < 1000 && k === 33)) {
      for (const cut of [
        ...(adapter.kind === "gpu" ? directCuts(m, n, 33, limits) : softwareShapes(limits, false)),
        ...blocksFor(limits),
      ]) {
        expect([JSON.stringify(cut), ...complaints(cut, m, n, limits)]).toHaveLength(1);
      }
    }
  });

  it("a row program's product is whole blocks of its rows, so that no workgroup does another one's", () => {
    for (const rows of [4, 8, 32, 8 * 35]) {
      for (const [, n, k] of SHAPES.filter(([m]) => m === 1)) {
        const cut = chooseForProgram(rows, n, k, limits);
        expect(rows % (cut.lanesY * cut.tileRows)).toBe(0);
        expect(complaints(cut, rows, n, limits)).toEqual([]);
      }
    }
  });

  it("sums in blocks have at most 16 accumulators in software", () => {
    for (const { tileRows, tileCols } of softwareShapes(limits, true)) expect(tileRows * tileCols).toBeLessThanOrEqual(16);
  });
});

describe("control: a cut that is wrong is found", () => {
  const limits = limitsOf(DEFAULT_ADAPTER),
    cut = chooseVariant(64, 64, 33, limits);
  it.each<[string, Partial<ProductCut>, string]>([
    ["twice the lanes", { lanesY: 2 * cut.lanesY }, "other lanes"],
    ["a broadcast without quads", { broadcast: true }, "no quads"],
    ["too many accumulators", { tileRows: 64, tileCols: 64 }, "too many accumulators"],
    ["partial sums of large tiles", { lanesK: 16, tileRows: 8, tileCols: 8 }, "too much workgroup memory"],
    ["a block of odd tiles", { kind: "workgroup", tileRows: 3, depth: 8 }, "not staged by fours"],
  ])("%s", (_, change, expected) => {
    expect(complaints(cut, 64, 64, limits)).toEqual([]);
    expect(complaints({ ...cut, ...change }, 64, 64, limits)).toContain(expected);
  });

  it("and numbers that nobody owns", () => {
    expect([...owners({ ...cut, tileCols: 1, lanesX: 1, tileRows: 1, lanesY: 1 }, 2, 2, 3)]).toEqual([1, 1, 1, 0]);
  });
});

describe("workgroup memory", () => {
  it("is left for other parts: three eighths for partial sums, five eighths for staged blocks", () => {
    const direct = {
      kind: "direct",
      tileRows: 4,
      tileCols: 4,
      lanesX: 8,
      lanesY: 1,
      lanesK: 8,
      unroll: 1,
      broadcast: false,
      depth: 0,
    } as const;
    // 8 slices of 4 × 32 numbers of four bytes.
    const bytes = 4 * 8 * 4 * 32;
    const fits = (cut: ProductCut, workgroupBytes: number) => fitsMemory(cut, { ...limitsOf(DEFAULT_ADAPTER), workgroupBytes });
    expect([fits(direct, (bytes * 8) / 3), fits(direct, (bytes * 8) / 3 - 3)]).toEqual([true, false]);
    const staged = { ...direct, kind: "workgroup", lanesX: 8, lanesY: 8, lanesK: 1, depth: 16 } as const;
    // 16 terms of 32 + 4 numbers a side, and a number for each of 64 lanes.
    const blockBytes = 4 * (16 * 2 * 36 + 64);
    expect([fits(staged, (blockBytes * 8) / 5), fits(staged, (blockBytes * 8) / 5 - 2)]).toEqual([true, false]);
  });

  it("decides which blocks there are, the largest first", () => {
    const sizes = (workgroupBytes: number) =>
      blocksFor({ ...limitsOf(DEFAULT_ADAPTER), workgroupBytes }).map(({ tileRows, lanesY }) => tileRows * lanesY);
    expect(sizes(1 << 20)).toEqual([64, 32]);
    expect(sizes(16384)).toEqual([64, 32]);
    expect(sizes(8192)).toEqual([32]);
    expect(sizes(1024)).toEqual([]);
  });
});

describe("the model of costs", () => {
  const cut = { kind: "direct", tileRows: 1, tileCols: 1, lanesX: 4, lanesY: 1, lanesK: 1, unroll: 1, broadcast: false, depth: 0 } as const;

  it("adds up nanoseconds of reads, multiply-adds and starts, and its share of compiling", () => {
    // One workgroup, one register: 300 to start, a term reads 2 × 11 and adds for 0.55 + 1.1, 40 to finish, 140 for the compiler.
    expect(softwareCost(cut, 1, 4, 10)).toBeCloseTo(300 + 10 * (22 + 1.65) + 40 + 140, 9);
    // A tile of 4 × 2 with broadcasts: 1 read and 4 broadcasts at 2 on the left, 2 reads on the right, 8 numbers.
    const quads = { ...cut, tileRows: 4, tileCols: 2, broadcast: true } as const;
    expect(softwareCost(quads, 4, 8, 10)).toBeCloseTo(300 + 10 * (11 + 8 + 22 + 8 * 1.65) + 8 * 40 + 8 * 140, 9);
    // Five workgroups on four cores take two turns; lanes beyond M run nothing.
    expect(softwareCost(cut, 5, 4, 10)).toBeCloseTo(2 * (300 + 236.5 + 40) + 140, 9);
  });

  it("chooses the cheapest of all cuts, so never one that costs more than any other", () => {
    for (const adapter of [ADAPTERS.software, ADAPTERS["software with quads"]]) {
      const limits = limitsOf(adapter);
      for (const [m, n, k] of SHAPES) {
        const costs = softwareShapes(limits, false).map((shape) => softwareCost(shape, m, n, k));
        expect(softwareCost(chooseVariant(m, n, k, limits), m, n, k)).toBe(Math.min(...costs));
      }
    }
  });
});

describe("rows and shares", () => {
  it("a program has more rows where the mini-batch is large: 8 to 32 in software, 4 to 16 on a GPU", () => {
    // Software doubles as long as two workgroups of twice the rows are full, a GPU 128.
    expect([1, 31, 32, 64, 128, 1000].map((batch) => programRows(ADAPTERS.software, batch))).toEqual([8, 8, 16, 32, 32, 32]);
    expect([1, 1023, 1024, 2048, 9999].map((batch) => programRows(DEFAULT_ADAPTER, batch))).toEqual([4, 4, 8, 16, 16]);
  });

  it("lanes that share a column have at least four rows each, and 16 share at the most; one in software", () => {
    const shares = (adapter: Adapter, batch: number) => rowSumShares(limitsOf(adapter), batch);
    expect([1, 7, 8, 16, 63, 64, 1000].map((batch) => shares(DEFAULT_ADAPTER, batch))).toEqual([1, 1, 2, 4, 8, 16, 16]);
    expect(shares(ADAPTERS.software, 1000)).toBe(1);
  });

  it("blocks are asked for exactly where one of the three products of a layer is staged", () => {
    for (const [m, n, k] of [...SHAPES, [1024, 1024, 1024], [64, 4096, 4096]] as const) {
      const limits = limitsOf(DEFAULT_ADAPTER);
      const kinds = [
        [m, n, k],
        [m, k, n],
        [k, n, m],
      ].map(([rows, cols, terms]) => chooseVariant(rows, cols, terms, limits).kind);
      expect(needsBlocks(m, n, k, DEFAULT_ADAPTER)).toBe(kinds.includes("workgroup"));
    }
    expect(needsBlocks(1024, 1024, 1024, DEFAULT_ADAPTER)).toBe(true);
    expect(needsBlocks(1, 10, 10, DEFAULT_ADAPTER)).toBe(false);
    expect(needsBlocks(1024, 1024, 1024, ADAPTERS["a GPU with 1 kB"])).toBe(false);
  });
});
