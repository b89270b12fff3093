// Which cuts of a product are worth timing, and what they are called: all of them fit the device, the model's choice comes first, and a name
// from elsewhere can choose among candidates only.

import { describe, expect, it } from "vitest";
import { lanesIn, type ProductCut } from "../../shaders/product-part.wgsl.ts";
import { candidates, candidatesFor, namedShape, shapeName } from "../../src/schedule/candidates.ts";
import { chooseVariant, DEFAULT_ADAPTER, type Adapter, type TileLimits } from "../../src/schedule/tiles.ts";

const SOFTWARE: Adapter = { kind: "software", quads: true, workgroupBytes: 32768 };

const GPU_LIMITS: TileLimits = { ...DEFAULT_ADAPTER, lanes: 64 };
const DEVICES: readonly (readonly [string, TileLimits])[] = [
  ["a GPU", GPU_LIMITS],
  ["a GPU with more workgroup memory", { ...GPU_LIMITS, workgroupBytes: 65536 }],
  ["SwiftShader", { ...SOFTWARE, lanes: 4 }],
  ["another software adapter", { ...SOFTWARE, quads: false, lanes: 16 }],
];
/** m, n, k: below, at and past a tile; what the layers of digits have. */
const SIZES = [
  [1, 1, 1],
  [4, 4, 32],
  [33, 7, 65],
  [64, 128, 784],
  [784, 128, 64],
  [2048, 2048, 2048],
] as const;

/** Why a launch of this device could not run a cut. */
function unfit(shape: ProductCut, { lanes, workgroupBytes, quads }: TileLimits): string[] {
  const { kind, tileRows, tileCols, lanesX, lanesY, lanesK, depth, broadcast } = shape;
  // Of direct cuts whose lanes share sums, one number each; of staged ones a vec4f for four numbers, and one more a row.
  const rows = lanesY * tileRows,
    cols = lanesX * tileCols;
  const bytes = kind === "workgroup" ? 16 * depth * (rows / 4 + 1 + cols / 4 + 1) : lanesK > 1 ? 4 * lanesK * rows * cols : 0;
  return [
    ...(lanesIn(shape) === lanes ? [] : ["another number of lanes"]),
    ...(bytes <= workgroupBytes ? [] : ["too much workgroup memory"]),
    ...(!broadcast || (quads && lanesX % 4 === 0 && tileRows % 4 === 0) ? [] : ["no such quads"]),
    ...(kind === "direct" || (tileRows % 4 === 0 && tileCols % 4 === 0) ? [] : ["not in fours"]),
  ];
}

describe.each(DEVICES)("for %s", (_, limits) => {
  it.each(SIZES)("%i × %i of %i terms: all fit, none twice, the model's own first", (m, n, k) => {
    const all = candidates(m, n, k, limits);
    expect(all.flatMap((shape) => unfit(shape, limits))).toEqual([]);
    expect(new Set(all.map(shapeName)).size).toBe(all.length);
    expect(all[0]).toEqual(chooseVariant(m, n, k, limits));
    expect(all.length).toBeGreaterThan(1);
    expect(candidatesFor({ key: "", flops: 0, shape: all[0], product: { m, n, k, limits, blocked: false } })).toEqual(all);
  });

  it("sums in blocks of blocks are cut directly", () => {
    for (const [m, n, k] of SIZES) {
      const all = candidates(m, n, k, limits, true);
      expect(all.map(({ kind }) => kind)).not.toContain("workgroup");
      expect(all.flatMap((shape) => unfit(shape, limits))).toEqual([]);
    }
  });
});

it("control: staged cuts are among those of a GPU, and a cut for another device is found", () => {
  const all = candidates(2048, 2048, 2048, GPU_LIMITS);
  expect(all.map(({ kind }) => kind)).toContain("workgroup");
  const [shape] = all;
  expect(unfit(shape, { ...GPU_LIMITS, lanes: 4 })).toContain("another number of lanes");
  expect(unfit({ ...shape, kind: "workgroup", depth: 1024 }, GPU_LIMITS)).toContain("too much workgroup memory");
  expect(unfit({ ...shape, broadcast: true }, GPU_LIMITS)).toContain("no such quads");
});

describe("a name", () => {
  const all = [...candidates(64, 128, 784, { ...DEFAULT_ADAPTER, lanes: 64 }), ...candidates(64, 128, 784, { ...SOFTWARE, lanes: 16 })];

  it("stands for one cut", () => {
    expect(new Set(all.map(shapeName)).size).toBe(new Set(all.map((shape) => JSON.stringify(Object.entries(shape).sort()))).size);
    for (const shape of all) expect(namedShape(shapeName(shape), all)).toEqual(shape);
  });

  it("of no candidate, or what is no name, chooses nothing", () => {
    const gpu = candidates(64, 128, 784, { ...DEFAULT_ADAPTER, lanes: 64 });
    const other = candidates(64, 128, 784, { ...SOFTWARE, lanes: 16 }).map(shapeName);
    for (const name of [
      ...other,
      "",
      "direct",
      "direct 99999×1 lanes 64×1×1 unroll 1 depth 0",
      undefined,
      null,
      3,
      gpu[0],
      [shapeName(gpu[0])],
      { toString: () => shapeName(gpu[0]) },
    ])
      expect(namedShape(name, gpu)).toBeUndefined();
  });
});
