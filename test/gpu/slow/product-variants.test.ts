// Every way to cut a matrix product (shaders/product.wgsl.ts, product-tiled.wgsl.ts), in a kernel that does nothing else,
// compared with float64. Rows beyond those of the mini-batch are NaN, and so is the output before; operands lie in packed
// buffers behind other numbers, which are NaN as well.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { productMemory, productStatements, QUAD_BROADCAST, workgroupsOf } from "../../../shaders/product.wgsl.ts";
import { lanesIn, type Operand, type ProductPart, type ProductCut } from "../../../shaders/product-part.wgsl.ts";
import { createFrom, readFloats } from "../../../src/gpu/memory.ts";
import type { ProductForm } from "../../../src/graph/types.ts";
import { staged } from "../../../src/schedule/blocks.ts";
import { candidates } from "../../../src/schedule/candidates.ts";
import { chooseVariant, fitsMemory, rowSumShares, type TileLimits } from "../../../src/schedule/tiles.ts";
import { replaceOrThrow } from "../../support/replace-or-throw.ts";
import { normals, type Numbers } from "../support.ts";

const UNIT = 2 ** -24;
/** NaNs of two kinds: one computed from what must not be read is told from one that was there before. */
const INPUT_POISON = 0x7fc00000,
  OUTPUT_POISON = 0x7fc0dead;
/** Numbers in front of an operand in its buffer. */
const OFFSET = 7;

let device: GPUDevice,
  hasQuads = false;
const complaints: string[] = [];

beforeAll(async () => {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("no adapter");
  hasQuads = adapter.features.has("subgroups");
  device = await adapter.requestDevice({
    requiredFeatures: hasQuads ? ["subgroups"] : [],
    requiredLimits: {
      maxComputeWorkgroupStorageSize: adapter.limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: adapter.limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: adapter.limits.maxComputeWorkgroupSizeX,
    },
  });
  device.addEventListener("uncapturederror", ({ error }) => complaints.push(error.message));
});

afterAll(async () => {
  await device.queue.onSubmittedWorkDone();
  expect(complaints).toEqual([]);
  device.destroy();
});

/** [M, K, N] */
type Size = readonly [number, number, number];

const direct = (tileRows: number, tileCols: number, lanesX: number, lanesY: number, more: Partial<ProductCut> = {}): ProductCut => ({
  kind: "direct",
  tileRows,
  tileCols,
  lanesX,
  lanesY,
  lanesK: 1,
  unroll: 1,
  broadcast: false,
  depth: 0,
  ...more,
});
const tiled = (tileRows: number, tileCols: number, lanesX: number, lanesY: number, depth: number): ProductCut => ({
  ...direct(tileRows, tileCols, lanesX, lanesY),
  kind: "workgroup",
  depth,
});

const SHAPES: readonly (readonly [string, ProductCut])[] = [
  ["one number", direct(1, 1, 16, 1)],
  ["narrow, odd tile", direct(3, 3, 4, 4)],
  ["16 × 8", direct(16, 8, 8, 2)],
  ["5 × 6, 3 lanes a tile", direct(5, 6, 4, 4, { lanesK: 3 })],
  ["4 × 2, 16 lanes a tile", direct(4, 2, 4, 1, { lanesK: 16 })],
  ["one number, 8 lanes a tile", direct(1, 1, 8, 1, { lanesK: 8 })],
  ["quads 16 × 8", direct(16, 8, 16, 1, { broadcast: true })],
  ["quads 8 × 3, two rows of quads", direct(8, 3, 4, 4, { broadcast: true })],
  ["quads 8 × 3, 2 lanes a tile", direct(8, 3, 4, 2, { broadcast: true, lanesK: 2 })],
  ["block 64 × 64, 64 lanes", tiled(8, 8, 8, 8, 16)],
  ["block 64 × 64, 256 lanes", tiled(4, 4, 16, 16, 16)],
  ["block 128 × 128", tiled(8, 8, 16, 16, 8)],
  ["block 32 × 64", tiled(4, 8, 8, 8, 5)],
];

interface Case {
  readonly form: ProductForm;
  readonly size: Size;
  readonly shape: ProductCut;
  readonly bias?: boolean;
  /** Rows of the batch that the kernel is planned for; M, or K of the left transposed form, where left out. */
  readonly planned?: number;
  /** Left: bytes of a data set, gathered in this order. */
  readonly bytes?: boolean;
  /** Right: read by four. */
  readonly fours?: boolean;
  readonly wrong?: readonly [string, string];
}

/** `values`, then NaN up to `elements`; NaN in front. */
function packed(values: ArrayLike<number>, elements: number, offset = OFFSET): Numbers {
  const bits = new Uint32Array(offset + elements + 64).fill(values.length === 0 ? OUTPUT_POISON : INPUT_POISON);
  new Float32Array(bits.buffer).set(Float32Array.from(values), offset);
  return bits;
}

/** What the test knows of a product, in float64: the result and Σ|terms|. */
function reference({ form, size: [m, k, n] }: Case, left: ArrayLike<number>, right: ArrayLike<number>) {
  const value = new Float64Array(m * n),
    terms = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let t = 0; t < k; t++) {
        const product = left[form === "leftTransposed" ? t * m + i : i * k + t] * right[form === "rightTransposed" ? j * k + t : t * n + j];
        value[i * n + j] += product;
        terms[i * n + j] += Math.abs(product);
      }
  return { value, terms };
}

const leftCols = ({ form, size: [m, k] }: Case): number => (form === "leftTransposed" ? m : k);
const rightCols = ({ form, size: [, k, n] }: Case): number => (form === "rightTransposed" ? k : n);

function operands(given: Case): { left: Operand; right: Operand } {
  const cols = leftCols(given);
  const left: Operand = given.bytes
    ? {
        row: (row) => `order[${row}] * ${cols}u`,
        at: (row, col) => `byte_of(left[(${row} + ${col}) / 4u], ${row} + ${col})`,
        ...(cols % 4 === 0 ? { at4: (row: string, col: string) => `bytes_of(left[(${row} + ${col}) / 4u])` } : {}),
      }
    : { row: (row) => `${OFFSET}u + ${row} * ${cols}u`, at: (row, col) => `left[${row} + ${col}]` };
  const width = rightCols(given);
  const at = (index: string) => (given.fours ? `right[(${index}) / 4u][(${index}) % 4u]` : `right[${OFFSET}u + ${index}]`);
  return {
    left,
    right: {
      at: (row, col) => at(`${row} * ${width}u + ${col}`),
      ...(given.fours ? { at4: (row: string, col: string) => `right[(${row} * ${width}u + ${col}) / 4u]` } : {}),
    },
  };
}

const BINDINGS = ["step", "left", "right", "bias", "order", "out"] as const;
type Binding = (typeof BINDINGS)[number];

function kernel(given: Case, names: readonly Binding[], statements: string): string {
  const types: Record<Binding, string> = {
    step: "u32",
    left: given.bytes ? "u32" : "f32",
    right: given.fours ? "vec4f" : "f32",
    bias: "f32",
    order: "u32",
    out: "f32",
  };
  const access = (name: Binding) => (name === "out" ? "read_write" : "read");
  const { shape } = given,
    { partial, staged } = productMemory(shape);
  const memory =
    (partial > 0 ? `var<workgroup> partial: array<f32, ${partial}>;` : "") +
    (staged > 0 ? `var<workgroup> staged: array<vec4f, ${staged}>;` : "");
  const source = `${shape.broadcast ? QUAD_BROADCAST : ""}${names
    .map((name) => `@group(0) @binding(${BINDINGS.indexOf(name)}) var<storage, ${access(name)}> ${name}: array<${types[name]}>;\n`)
    .join("")}${memory}
${
  given.bytes
    ? `
fn byte_of(word: u32, index: u32) -> f32 { return f32(i32((word >> (index % 4u * 8u)) & 255u)); }
fn bytes_of(word: u32) -> vec4f { return vec4f(vec4i(vec4u(word, word >> 8u, word >> 16u, word >> 24u) & vec4u(255u))); }`
    : ""
}
@compute @workgroup_size(${lanesIn(shape)})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  let workgroup = id.x;
  ${statements}
}
`;
  return given.wrong === undefined ? source : replaceOrThrow(source, ...given.wrong);
}

interface Pass {
  readonly source: string;
  readonly names: readonly Binding[];
  readonly workgroups: number;
}

function passOf(given: Case): Pass {
  const {
    form,
    shape,
    size: [m, k, n],
  } = given;
  const part: ProductPart = {
    ...shape,
    form,
    n,
    m: form === "leftTransposed" ? `${m}u` : "step[0]",
    k: form === "leftTransposed" ? "step[0]" : `${k}u`,
  };
  const { left, right } = operands(given);
  const bias = given.bias ? (col: string) => `bias[${OFFSET}u + ${col}]` : null;
  const finish = (value: string, row: string, col: string) => `out[${row} * ${n}u + ${col}] = ${value};`;
  const plannedRows = form === "leftTransposed" ? m : (given.planned ?? m);
  const names: Binding[] = [
    "step",
    "left",
    "right",
    ...(given.bytes ? ["order" as const] : []),
    ...(given.bias ? ["bias" as const] : []),
    "out",
  ];
  return {
    source: kernel(given, names, productStatements(part, left, right, bias, finish, staged)),
    names,
    workgroups: workgroupsOf(shape, plannedRows, n),
  };
}

interface Result {
  readonly worst: number;
  readonly spilled: number;
  readonly bits: Uint32Array;
}

/** Runs a product. `worst`: the largest error as a part of its bound, NaN if a number is. */
async function run(given: Case): Promise<Result> {
  const {
    form,
    shape,
    size: [m, k, n],
  } = given;
  const planned = given.planned ?? (form === "leftTransposed" ? k : m);
  const plannedOf = (rows: number) => (rows === (form === "leftTransposed" ? k : m) ? Math.max(planned, rows) : rows);
  const leftRows = form === "leftTransposed" ? k : m,
    batch = form === "leftTransposed" ? k : m;
  const cols = leftCols(given);
  const data = Uint8Array.from({ length: leftRows * cols + 8 }, (_, i) => (i * 37 + 11) % 256);
  const order = Uint32Array.from({ length: planned }, (_, i) => (i < leftRows ? leftRows - 1 - i : 0));
  const left = given.bytes
    ? Float32Array.from({ length: leftRows * cols }, (_, i) => data[order[Math.floor(i / cols)] * cols + (i % cols)])
    : normals(m * k, 1);
  const right = normals(k * n, 2),
    bias = normals(n, 3);
  const rightRows = form === "leftTransposed" ? plannedOf(k) : form === "normal" ? k : n;
  const outRows = form === "leftTransposed" ? m : plannedOf(m);
  const buffers: Record<Binding, GPUBuffer> = {
    step: createFrom(device, Uint32Array.of(batch), "step"),
    left: createFrom(
      device,
      given.bytes ? new Uint8Array([...data, 0, 0, 0, 0].slice(0, (leftRows * cols + 8) & ~3)) : packed(left, plannedOf(leftRows) * cols),
      "left",
    ),
    right: createFrom(device, packed(right, rightRows * rightCols(given) + 8, given.fours ? 0 : OFFSET), "right"),
    bias: createFrom(device, packed(bias, n), "bias"),
    order: createFrom(device, order, "order"),
    out: createFrom(device, packed([], outRows * n, 0), "out"),
  };
  const { source, names, workgroups } = passOf(given);
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module: device.createShaderModule({ code: source }) } });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: names
        .filter((name) => name !== "step" || source.includes("step["))
        .map((name) => ({ binding: BINDINGS.indexOf(name), resource: { buffer: buffers[name] } })),
    }),
  );
  pass.dispatchWorkgroups(workgroups);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const [read] = await readFloats(device, [{ buffer: buffers.out, elements: outRows * n + 64 }]);
  for (const buffer of Object.values(buffers)) buffer.destroy();
  const bits = new Uint32Array(read.buffer);
  const { value, terms } = reference(given, left, right);
  const worst = value.reduce((most, sum, i) => {
    const expected = sum + (given.bias ? bias[i % n] : 0);
    const bound = ((k + shape.lanesK) * UNIT * terms[i] + (given.bias ? UNIT * Math.abs(expected) : 0)) * 1.001;
    const part = Math.abs(read[i] - expected) / bound;
    return part > most || Number.isNaN(part) ? part : most;
  }, 0);
  return { worst, spilled: bits.slice(m * n).filter((word) => word !== OUTPUT_POISON).length, bits: bits.slice(0, m * n) };
}

async function expectRight(given: Case): Promise<void> {
  const { worst, spilled } = await run(given);
  expect(worst).toBeLessThanOrEqual(1);
  expect(spilled).toBe(0);
}

/** Without subgroups a variant of quads is compiled as one without: that adapter would not get it either. */
const possible = (shape: ProductCut): ProductCut => ({ ...shape, broadcast: shape.broadcast && hasQuads });

const FORMS = ["normal", "rightTransposed", "leftTransposed"] as const;
/** One number; all odd and below a tile; one past several tiles; the layer of the digits is below, once a form. */
const SIZES: readonly Size[] = [
  [1, 1, 1],
  [3, 5, 7],
  [17, 33, 65],
];

describe.each(SHAPES)("%s", (_, shape) => {
  describe.each(FORMS)("%s", (form) => {
    it.each(SIZES)("M=%i K=%i N=%i", async (...size) => {
      await expectRight({ form, size, shape: possible(shape), bias: form === "normal" });
    });

    // The last mini-batch of an epoch: fewer rows than planned, in M or in K.
    it.each([
      [40, 5],
      [130, 1],
    ])("%i rows planned, %i there", async (planned, rows) => {
      await expectRight({ form, size: form === "leftTransposed" ? [9, rows, 21] : [rows, 9, 21], planned, shape: possible(shape) });
    });
  });

  it("the layer of the digits, the same bits twice", async () => {
    const given: Case = { form: "normal", size: [64, 784, 128], shape: possible(shape), bias: true };
    const first = await run(given),
      second = await run(given);
    expect(first.worst).toBeLessThanOrEqual(1);
    expect(second.bits).toEqual(first.bits);
  });

  // 18 columns do not begin at whole words, 36 do: they are read one by one, or by four where the variant can.
  it.each([
    ["normal", 36],
    ["leftTransposed", 36],
    ["leftTransposed", 18],
  ] as const)("%s: rows of %i bytes gathered in an order while they are read", async (form, cols) => {
    await expectRight({ form, size: form === "normal" ? [19, cols, 10] : [cols, 19, 10], shape: possible(shape), bytes: true });
  });
});

describe("product", () => {
  it("unrolls a constant K", async () => {
    for (const form of ["normal", "rightTransposed"] as const) {
      await expectRight({ form, size: [17, 36, 37], shape: direct(8, 4, 4, 4, { unroll: 4, broadcast: hasQuads }), bias: true });
    }
  });

  it("reads four numbers at once where the operand can", async () => {
    for (const form of ["normal", "leftTransposed"] as const) {
      await expectRight({ form, size: [33, 21, 72], shape: tiled(4, 4, 8, 8, 16), fours: true });
    }
  });

  it.each(SHAPES)("control: %s, a term too few is caught", async (_, shape) => {
    const from = shape.kind === "direct" ? "k = k_begin;" : "k_start = 0u;";
    const given: Case = { form: "normal", size: [17, 40, 65], shape: possible(shape), wrong: [from, replaceOrThrow(from, ";", " + 1u;")] };
    expect((await run(given)).worst).toBeGreaterThan(1);
  });

  it("control: a lost or doubled slice and one that ends a term early are caught", async () => {
    const shape = direct(4, 2, 4, 1, { lanesK: 4 }),
      given: Case = { form: "normal", size: [17, 40, 65], shape };
    const wrongs = [
      ["slice < 4u", "slice < 3u"],
      ["slice = 1u", "slice = 0u"],
      ["let k_end = min(k_begin + k_slice, 40u)", "let k_end = min(k_begin + k_slice, 39u)"],
    ] as const;
    for (const wrong of wrongs) expect((await run({ ...given, wrong })).worst).toBeGreaterThan(1);
    await expectRight(given);
  });

  it("unrolls a sliced K", async () => {
    for (const k of [36, 4, 40]) {
      await expectRight({ form: "normal", size: [9, k, 11], shape: direct(4, 2, 4, 1, { unroll: 4, lanesK: 4 }), bias: true });
    }
  });

  it("control: a number off by 10⁻⁵, rows read or written beyond the batch are caught", async () => {
    const shape = direct(4, 4, 4, 4),
      form = "normal";
    const off: Case = { form, size: [17, 40, 65], shape, wrong: ["fma(vec4f(left_0_0)", "fma(vec4f(left_0_0 * 1.00001)"] };
    expect((await run(off)).worst).toBeGreaterThan(1);
    const written: Case = { form, size: [5, 9, 21], planned: 16, shape, wrong: ["let m = step[0];", "let m = 16u + 0u * step[0];"] };
    expect((await run(written)).spilled).toBe(11 * 21);
    const read: Case = {
      form: "leftTransposed",
      size: [5, 3, 4],
      planned: 16,
      shape,
      wrong: ["let k_end = step[0];", "let k_end = 16u + 0u * step[0];"],
    };
    expect((await run(read)).worst).toBeNaN();
  });

  it("refuses what cannot be right", () => {
    const part = (shape: ProductCut): ProductPart => ({ ...shape, form: "normal", m: "3u", n: 4, k: "step.rows" });
    const write = (shape: ProductCut) => () =>
      productStatements(part(shape), { at: () => "1f" }, { at: () => "1f" }, null, () => "", staged);
    expect(write({ ...tiled(4, 4, 4, 4, 8), lanesK: 2 })).toThrow("lanesK is 1");
    expect(write(direct(4, 4, 2, 8, { broadcast: true }))).toThrow("quads share rows");
    expect(write(direct(4, 4, 4, 4, { unroll: 2 }))).toThrow("only a constant");
    expect(write(tiled(3, 4, 4, 4, 8))).toThrow("four numbers at a time");
  });
});

describe("what is chosen", () => {
  const limits: TileLimits = { kind: "software", lanes: 16, quads: true, workgroupBytes: 16384 };

  it.each([
    [64, 128, 784],
    [256, 512, 784],
    [784, 128, 64],
    [128, 10, 64],
    [1, 1, 1],
    [3, 7, 5],
    [64, 10, 128],
  ])("for (%i, %i) with K=%i computes right, in software and for a GPU", async (m, n, k) => {
    const small: Size = [Math.min(m, 70), Math.min(k, 70), Math.min(n, 70)];
    for (const lanes of [16, 64, 256])
      for (const kind of ["software", "gpu"] as const) {
        const shape = chooseVariant(m, n, k, { ...limits, kind, lanes, quads: hasQuads });
        expect(lanesIn(shape)).toBe(lanes);
        await expectRight({ form: "normal", size: small, shape });
      }
  });

  it("wide rows of quads for the digits in software; staged blocks and slices for a GPU", () => {
    expect(chooseVariant(64, 128, 784, limits)).toMatchObject({ kind: "direct", broadcast: true, tileRows: 16, tileCols: 8 });
    const gpu = { kind: "gpu", lanes: 256, quads: false, workgroupBytes: 32768 } as const;
    expect(chooseVariant(4096, 4096, 512, gpu)).toMatchObject({ kind: "workgroup", tileRows: 8, tileCols: 8, lanesK: 1 });
  });

  it("a long K is cut among lanes where a GPU would not be filled, never in software", () => {
    const gpu: TileLimits = { kind: "gpu", lanes: 64, quads: false, workgroupBytes: 16384 };
    for (const [m, n, k] of [
      [64, 128, 784],
      [128, 10, 512],
      [32, 64, 1000],
      [784, 128, 64],
    ] as const) {
      const shape = chooseVariant(m, n, k, gpu);
      expect(shape).toMatchObject({ kind: "direct", lanesK: Math.min(16, 2 ** Math.floor(Math.log2(k / 32))) });
      expect(productMemory(shape).partial).toBe(64 * shape.tileRows * shape.tileCols);
      expect(chooseVariant(m, n, k, limits).lanesK).toBe(1);
    }
    expect(workgroupsOf(chooseVariant(64, 128, 784, gpu), 64, 128)).toBeGreaterThanOrEqual(128);
    expect(chooseVariant(4096, 10, 784, gpu).lanesK).toBeGreaterThan(1);
    expect(chooseVariant(2 ** 20, 10, 784, gpu).lanesK).toBe(1);
    expect([rowSumShares(gpu, 64), rowSumShares(gpu, 5), rowSumShares(gpu, 4096), rowSumShares(limits, 64)]).toEqual([16, 1, 16, 1]);
  });

  it("parts of every kind fit a launch together with WebGPU's least workgroup memory", () => {
    const gpu: TileLimits = { kind: "gpu", lanes: 64, quads: false, workgroupBytes: 16384 };
    const memories = [
      [64, 128, 784],
      [4096, 4096, 512],
      [784, 128, 64],
    ]
      .flatMap(([m, n, k]) => candidates(m, n, k, gpu))
      .filter((shape) => fitsMemory(shape, gpu))
      .map(productMemory);
    const most = (of: "partial" | "staged") => Math.max(...memories.map((memory) => memory[of]));
    expect(most("partial")).toBeGreaterThan(0);
    expect(most("staged")).toBeGreaterThan(0);
    expect(4 * most("partial") + 16 * most("staged")).toBeLessThanOrEqual(16384);
  });

  it("candidates are many, different, and begin with the choice", () => {
    for (const kind of ["software", "gpu"] as const) {
      const all = candidates(64, 128, 784, { kind, lanes: 256, quads: true, workgroupBytes: 32768 });
      expect(all[0]).toEqual(chooseVariant(64, 128, 784, { kind, lanes: 256, quads: true, workgroupBytes: 32768 }));
      expect(new Set(all.map((shape) => JSON.stringify(shape))).size).toBe(all.length);
      expect(all.length).toBeGreaterThan(3);
    }
  });
});
