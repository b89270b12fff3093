// How a matrix product is cut: numbers per invocation and invocations per workgroup. Pure arithmetic on the shape.
//
// On a software adapter a cost model measured on SwiftShader (its build in Chromium: 4 lanes a SIMD register, no vector
// gathers) chooses: every read of memory costs as much as 20 multiplications, whatever its pattern, so that the reads per
// multiplication decide. For GPUs there are rules that nobody has measured, and candidates to choose from by timing (candidates.ts).

import type { ProductCut } from "../../shaders/product-part.wgsl.ts";
import { productMemory, workgroupsOf } from "../../shaders/product.wgsl.ts";

export type AdapterKind = "software" | "gpu";

/** Invocations that a software adapter runs in one register: SwiftShader's four. */
export const SIMD = 4;

/** What is known of the device when a plan is made. */
export interface Adapter {
  readonly kind: AdapterKind;
  /** The device has "subgroups" and its quads are lanes 4i … 4i + 3: SwiftShader. */
  readonly quads: boolean;
  /** maxComputeWorkgroupStorageSize. */
  readonly workgroupBytes: number;
  /** maxComputeWorkgroupsPerDimension; WebGPU's default if left out. */
  readonly maxWorkgroups?: number;
  /** Iterations that all loops of an invocation may take together, where that is limited. */
  readonly maxIterations?: number;
}

/** A device with WebGPU's default limits. */
export const DEFAULT_ADAPTER: Adapter = { kind: "gpu", quads: false, workgroupBytes: 16384 };

export interface TileLimits extends Adapter {
  /** Invocations of a workgroup, the same for all parts of a shader. */
  readonly lanes: number;
}

/**
 * On a software adapter a workgroup is a loop of one core: SwiftShader has four lanes in a register, and switches at each barrier from
 * one register to the next; others have up to 16. A GPU wants two of its units busy.
 */
export const lanesOf = ({ kind, quads }: Adapter): number => (kind === "gpu" ? 64 : quads ? SIMD : 16);

/** Rows that one workgroup of a row program takes: as many as keep its tiles large and all cores or units busy. */
export function programRows({ kind }: Adapter, batch: number): number {
  const [fewest, most, workgroups] = kind === "software" ? [8, 32, 2] : [4, 16, 128];
  let rows = fewest;
  while (rows < most && batch >= 2 * rows * workgroups) rows *= 2;
  return rows;
}

const DIRECT = { kind: "direct", lanesK: 1, unroll: 1, broadcast: false, depth: 0 } as const;

/**
 * Nanoseconds for four lanes: a read; a quad's broadcast; a multiply-add; an accumulator carried round the loop. A read of a buffer whose
 * length the kernel knows takes half as long, but cuts chosen by that are no faster.
 */
const READ = 11,
  BROADCAST = 2,
  MULTIPLY_ADD = 0.55,
  CARRY = 1.1;
/** What a number costs after the sum, and an invocation before it. */
const FINISH = 40,
  START = 300;
/** What compiling takes for an accumulator, about 0.14 ms, spread over a thousand steps. */
const COMPILE = 140;
/** Up to so many workgroups run at once; machines without a GPU have few cores. */
const CORES = 4;
/** More accumulators an invocation are no faster, and compile for longer. */
const MAX_ACCUMULATORS = 128;
/** Sums in blocks of blocks have an accumulator a level. */
const MAX_BLOCKED_ACCUMULATORS = 16;

const size = (v: ProductCut): number => v.tileRows * v.tileCols;

/** Modelled nanoseconds of a product on a software adapter, its share of compiling too. K unknown counts as the planned batch. */
export function softwareCost(v: ProductCut, m: number, n: number, k: number, cores = CORES): number {
  const { tileRows: rows, tileCols: cols } = v;
  const left = v.broadcast ? (rows / SIMD) * READ + rows * BROADCAST : rows * READ;
  const term = left + cols * READ + rows * cols * (MULTIPLY_ADD + CARRY);
  const quad = START + k * term + rows * cols * FINISH;
  // What lies beyond m runs nothing, but within a workgroup the lanes of one row block go together.
  const workgroups = workgroupsOf(v, m, n);
  const busy = Math.min(v.lanesY, Math.ceil(m / rows));
  return Math.ceil(workgroups / cores) * busy * Math.ceil(v.lanesX / SIMD) * quad + rows * cols * COMPILE;
}

const WIDTHS = [1, 2, 3, 4, 8] as const;
const HEIGHTS = [1, 2, 3, 4, 8, 12, 16, 32] as const;

/** Made once for each kind of device: listing them took most of a plan's time. */
const directCache = new Map<string, readonly ProductCut[]>();

/** Every direct cut for `lanes` invocations. */
function directShapes({ lanes, quads }: TileLimits): readonly ProductCut[] {
  const key = `${lanes} ${quads}`,
    known = directCache.get(key);
  if (known) return known;
  const shapes: ProductCut[] = [];
  for (let lanesX = 1; lanesX <= lanes; lanesX *= 2) {
    if (lanes % lanesX !== 0) continue;
    for (const tileRows of HEIGHTS)
      for (const tileCols of WIDTHS) {
        if (tileRows * tileCols > MAX_ACCUMULATORS) continue;
        const broadcast = quads && lanesX % 4 === 0 && tileRows % 4 === 0;
        shapes.push({ ...DIRECT, tileRows, tileCols, lanesX, lanesY: lanes / lanesX, broadcast });
      }
  }
  directCache.set(key, shapes);
  return shapes;
}

export const softwareShapes = (limits: TileLimits, blocked: boolean): readonly ProductCut[] =>
  blocked ? directShapes(limits).filter((shape) => size(shape) <= MAX_BLOCKED_ACCUMULATORS) : directShapes(limits);

/** The cheapest by the model; of equals the one with fewer accumulators, which compiles faster. */
function chooseForSoftware(m: number, n: number, k: number, limits: TileLimits, blocked: boolean): ProductCut {
  const costs = softwareShapes(limits, blocked).map((shape) => ({ shape, cost: softwareCost(shape, m, n, k) }));
  return costs.reduce((best, next) =>
    next.cost < best.cost || (next.cost === best.cost && size(next.shape) < size(best.shape)) ? next : best,
  ).shape;
}

/** Workgroups that fill a discrete GPU of more than 100 units, and so many that no unit holds more at once. */
const FILLED = 128,
  IN_FLIGHT = 4096;
/** Terms that a slice of K should have at least, and slices that lanes of a workgroup should share at the most. */
const SLICE_TERMS = 32,
  MAX_SLICES = 16;
/** Lanes that read neighbouring columns at least: 16 bytes or more in one piece. */
const FEWEST_COLUMNS = 4;
/** Rows of a mini-batch that a lane of a column sum should have at least. */
const FEWEST_ROWS = 4;

const powerOfTwoUpTo = (most: number): number => 2 ** Math.floor(Math.log2(Math.max(1, most)));
const powerOfTwoFrom = (least: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, least)));

/** Bytes that a launch takes of workgroup memory if all its parts are products, sums and such as this one. */
function workgroupMemory(shape: ProductCut, lanes: number): number {
  const { partial, staged } = productMemory(shape);
  return 4 * Math.max(partial, lanes) + 16 * staged;
}

/**
 * Whether a launch has room for parts cut so beside any others that fit: the two arrays that parts share are as long as
 * their largest users have them, so each kind keeps to its share of a device's memory.
 */
export function fitsMemory(shape: ProductCut, { lanes, workgroupBytes }: TileLimits): boolean {
  return workgroupMemory(shape, lanes) <= workgroupBytes * (shape.kind === "workgroup" ? 5 / 8 : 3 / 8);
}

/** Blocks of `rows` × `cols` staged in workgroup memory, if these lanes can own them evenly. */
function staged(rows: number, cols: number, depth: number, limits: TileLimits): ProductCut[] {
  const lanesX = powerOfTwoFrom(Math.sqrt(limits.lanes)),
    lanesY = limits.lanes / lanesX;
  const shape: ProductCut = { ...DIRECT, kind: "workgroup", lanesX, lanesY, tileRows: rows / lanesY, tileCols: cols / lanesX, depth };
  const whole = shape.tileRows % 4 === 0 && shape.tileCols % 4 === 0 && shape.tileRows * shape.tileCols <= MAX_ACCUMULATORS;
  return whole && fitsMemory(shape, limits) ? [shape] : [];
}

export const blocksFor = (limits: TileLimits): ProductCut[] => [
  ...staged(128, 128, 8, limits),
  ...staged(64, 64, 16, limits),
  ...staged(32, 32, 16, limits),
];

/** A direct cut with lanesK lanes a tile, neighbours on neighbouring columns. */
export function directForGpu(tileRows: number, tileCols: number, lanesK: number, n: number, lanes: number): ProductCut {
  const share = lanes / lanesK,
    lanesX = Math.min(share, powerOfTwoFrom(n / tileCols), 32);
  return { ...DIRECT, tileRows, tileCols, lanesX, lanesY: share / lanesX, lanesK };
}

export const GPU_TILES = [
  [4, 4],
  [4, 2],
  [2, 2],
  [2, 1],
  [1, 1],
] as const;

/**
 * Direct cuts, those of larger tiles first. A sum of K terms waits for memory K times; slices of it side by side wait
 * together and read no more. So K is cut into as many as keep a length and are still in flight together.
 */
export function directCuts(m: number, n: number, k: number, limits: TileLimits): ProductCut[] {
  const { lanes } = limits;
  return GPU_TILES.filter(([rows, cols]) => rows < 2 * m && cols < 2 * n).map(([rows, cols]) => {
    const cut = (slices: number) => directForGpu(rows, cols, slices, n, lanes);
    let slices = Math.min(powerOfTwoUpTo(k / SLICE_TERMS), MAX_SLICES, powerOfTwoUpTo(lanes / FEWEST_COLUMNS));
    while (slices > 1 && (workgroupsOf(cut(slices), m, n) > IN_FLIGHT || !fitsMemory(cut(slices), limits))) slices /= 2;
    return cut(slices);
  });
}

/** Staged blocks where whole ones fill the device; else the largest tiles whose slices do. Nobody has measured that. */
function chooseForGpu(m: number, n: number, k: number, limits: TileLimits, blocked: boolean): ProductCut {
  // A block that is mostly edge computes more than it is asked for.
  const whole = !blocked && m >= 48 && n >= 48 && k >= 32;
  const block = whole ? blocksFor(limits).find((shape) => workgroupsOf(shape, m, n) >= FILLED) : undefined;
  if (block) return block;
  const cuts = directCuts(m, n, k, limits);
  return cuts.find((shape) => workgroupsOf(shape, m, n) >= 2 * FILLED) ?? cuts[cuts.length - 1];
}

/** Lanes that share a column of a sum over the rows of a mini-batch: one in software, where a workgroup is a loop. */
export function rowSumShares({ kind, lanes }: TileLimits, batch: number): number {
  return kind === "software" ? 1 : Math.min(powerOfTwoUpTo(batch / FEWEST_ROWS), MAX_SLICES, powerOfTwoUpTo(lanes / FEWEST_COLUMNS));
}

/** The cut of a product of a row program: whole blocks of the rows that one workgroup has, one after the other. */
export function chooseForProgram(rows: number, n: number, k: number, limits: TileLimits): ProductCut {
  const costs = directShapes(limits)
    .filter((shape) => rows % (shape.lanesY * shape.tileRows) === 0)
    .map((shape) => ({ shape, cost: softwareCost(shape, rows, n, k, 1) }));
  return costs.reduce((best, next) => (next.cost < best.cost ? next : best)).shape;
}

/**
 * The cut of an (m, k)·(k, n) product; `m` and `k` as planned, where the batch may be smaller. All forms are cut alike.
 * @param blocked whether its sums are done in blocks of blocks: direct cuts only
 */
export function chooseVariant(m: number, n: number, k: number, limits: TileLimits, blocked = false): ProductCut {
  return limits.kind === "software" ? chooseForSoftware(m, n, k, limits, blocked) : chooseForGpu(m, n, k, limits, blocked);
}

/** Whether on this GPU one of the three products with an (m, k) and a (k, n) matrix is staged in workgroup memory, so that blocks.ts must be there. */
export function needsBlocks(m: number, n: number, k: number, adapter: Adapter): boolean {
  const limits = { ...adapter, lanes: lanesOf(adapter) };
  return [
    [m, n, k],
    [m, k, n],
    [k, n, m],
  ].some(([rows, cols, terms]) => chooseForGpu(rows, cols, terms, limits, false).kind === "workgroup");
}
