// The assembler against an independent one, the WebAssembly Binary Toolkit: every instruction with every kind of operand, LEB128 at its
// limits, and the modules of whole training steps, which it reads, prints and assembles again to the same bytes.

import { beforeAll, describe, expect, it, vi } from "vitest";
import wabt from "wabt";
import * as assembler from "../../src/wasm/assembler.ts";
import {
  allBits,
  assemble,
  atomic,
  bits,
  call,
  drop,
  F32,
  f32,
  f32x4,
  F64,
  f64,
  f64x2,
  fillMemory,
  floats,
  FunctionWriter,
  get,
  hasRelaxedMadd,
  I32,
  i32,
  i32x4,
  i64x2,
  increase,
  loopWhile,
  repeat,
  select,
  set,
  tee,
  V128,
  v128,
  when,
  type Code,
} from "../../src/wasm/assembler.ts";
import { dense, dropout } from "../../src/model/layers.ts";
import { adam } from "../../src/model/optimizers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { sample } from "../reference/samples.ts";
import { WasmTraining } from "./support.ts";

const FEATURES = { simd: true, threads: true, relaxed_simd: true, bulk_memory: true };
let toolkit: Awaited<ReturnType<typeof wabt>>;
beforeAll(async () => {
  toolkit = await wabt();
});

const binaryOf = (text: string): number[] => {
  const module = toolkit.parseWat("test.wat", text, FEATURES);
  try {
    return [...module.toBinary({ canonicalize_lebs: true }).buffer];
  } finally {
    module.destroy();
  }
};

/** The parameters of the functions that are compared: four numbers and four vectors. */
const PARAMETERS = [I32, I32, F32, F64, V128, V128, V128, I32] as const;
const [i, j, f, d, v, w, m, n] = PARAMETERS.map((_, index) => get({ index }));
const TEXT = {
  i: "local.get 0",
  j: "local.get 1",
  f: "local.get 2",
  d: "local.get 3",
  v: "local.get 4",
  w: "local.get 5",
  m: "local.get 6",
  n: "local.get 7",
};

const HEAD = (shared: boolean): string => `(module (type (func (param i32 i32 f32 f64 v128 v128 v128 i32)))
  (import "env" "memory" (memory ${shared ? "1 65536 shared" : "1"})) (func (type 0) `;
const expected = (body: string, shared = true): number[] => binaryOf(`${HEAD(shared)}${body}) (export "test" (func 0)))`);

function ours(body: Code, shared = true): number[] {
  const writer = new FunctionWriter(PARAMETERS, "test");
  writer.body = body;
  return [...assemble([writer], shared)];
}

/** Instructions by the names that the specification gives them, its operands written as in TEXT; "drop" where one leaves a value. */
type Row = readonly [code: Code, text: string];
const one = (code: Code, operands: string, name: string): Row => [
  drop(code),
  `${[...operands].map((key) => TEXT[key as keyof typeof TEXT]).join(" ")} ${name} drop`,
];
const none = (code: Code, operands: string, name: string): Row => [
  code,
  `${[...operands].map((key) => TEXT[key as keyof typeof TEXT]).join(" ")} ${name}`,
];

const INSTRUCTIONS: Record<string, Record<string, Row>> = {
  i32: {
    const: one(i32.const(7), "", "i32.const 7"),
    load: one(i32.load(i, 4), "i", "i32.load offset=4"),
    store: none(i32.store(i, j, 8), "ij", "i32.store offset=8"),
    add: one(i32.add(i, j), "ij", "i32.add"),
    sub: one(i32.sub(i, j), "ij", "i32.sub"),
    mul: one(i32.mul(i, j), "ij", "i32.mul"),
    divU: one(i32.divU(i, j), "ij", "i32.div_u"),
    remU: one(i32.remU(i, j), "ij", "i32.rem_u"),
    and: one(i32.and(i, j), "ij", "i32.and"),
    shl: one(i32.shl(i, j), "ij", "i32.shl"),
    shrU: one(i32.shrU(i, j), "ij", "i32.shr_u"),
    eqz: one(i32.eqz(i), "i", "i32.eqz"),
    eq: one(i32.eq(i, j), "ij", "i32.eq"),
    ne: one(i32.ne(i, j), "ij", "i32.ne"),
    ltS: one(i32.ltS(i, j), "ij", "i32.lt_s"),
    ltU: one(i32.ltU(i, j), "ij", "i32.lt_u"),
    gtU: one(i32.gtU(i, j), "ij", "i32.gt_u"),
    leU: one(i32.leU(i, j), "ij", "i32.le_u"),
    geU: one(i32.geU(i, j), "ij", "i32.ge_u"),
  },
  f32: {
    const: one(f32.const(1.5), "", "f32.const 1.5"),
    load: one(f32.load(i), "i", "f32.load"),
    store: none(f32.store(i, f, 12), "if", "f32.store offset=12"),
    add: one(f32.add(f, f), "ff", "f32.add"),
    sub: one(f32.sub(f, f), "ff", "f32.sub"),
    mul: one(f32.mul(f, f), "ff", "f32.mul"),
    div: one(f32.div(f, f), "ff", "f32.div"),
    gt: one(f32.gt(f, f), "ff", "f32.gt"),
    eq: one(f32.eq(f, f), "ff", "f32.eq"),
    fromI32U: one(f32.fromI32U(i), "i", "f32.convert_i32_u"),
    fromF64: one(f32.fromF64(d), "d", "f32.demote_f64"),
  },
  f64: {
    const: one(f64.const(-2.25), "", "f64.const -2.25"),
    load: one(f64.load(i, 16), "i", "f64.load offset=16"),
    store: none(f64.store(i, d), "id", "f64.store"),
    sqrt: one(f64.sqrt(d), "d", "f64.sqrt"),
    add: one(f64.add(d, d), "dd", "f64.add"),
    mul: one(f64.mul(d, d), "dd", "f64.mul"),
    div: one(f64.div(d, d), "dd", "f64.div"),
    abs: one(f64.abs(d), "d", "f64.abs"),
    le: one(f64.le(d, d), "dd", "f64.le"),
    fromF32: one(f64.fromF32(f), "f", "f64.promote_f32"),
    fromI32U: one(f64.fromI32U(i), "i", "f64.convert_i32_u"),
  },
  v128: {
    load: one(v128.load(i, 48), "i", "v128.load offset=48 align=4"),
    loadSplat: one(v128.loadSplat(i, 20), "i", "v128.load32_splat offset=20"),
    loadWord: one(v128.loadWord(i, 3), "i", "v128.load32_zero offset=3 align=1"),
    store: none(v128.store(i, v, 64), "iv", "v128.store offset=64 align=4"),
    storeLane: none(v128.storeLane(i, v, 3, 4), "iv", "v128.store32_lane offset=4 3"),
    and: one(v128.and(v, w), "vw", "v128.and"),
    andNot: one(v128.andNot(v, w), "vw", "v128.andnot"),
    or: one(v128.or(v, w), "vw", "v128.or"),
    xor: one(v128.xor(v, w), "vw", "v128.xor"),
    choose: one(v128.choose(v, w, m), "vwm", "v128.bitselect"),
    anyTrue: one(v128.anyTrue(v), "v", "v128.any_true"),
    shuffle: one(v128.shuffle(v, w, 7, 0, 5, 2), "vw", "i8x16.shuffle 28 29 30 31 0 1 2 3 20 21 22 23 8 9 10 11"),
  },
  f32x4: {
    splat: one(f32x4.splat(f), "f", "f32x4.splat"),
    lane: one(f32x4.lane(v, 2), "v", "f32x4.extract_lane 2"),
    ...Object.fromEntries(
      (["eq", "ne", "lt", "gt", "le", "ge", "add", "sub", "mul", "div", "pmin", "pmax"] as const).map((name) => [
        name,
        one(f32x4[name](v, w), "vw", `f32x4.${name}`),
      ]),
    ),
    ...Object.fromEntries((["nearest", "abs", "neg", "sqrt"] as const).map((name) => [name, one(f32x4[name](v), "v", `f32x4.${name}`)])),
    fromI32: one(f32x4.fromI32(v), "v", "f32x4.convert_i32x4_s"),
    toI32: one(f32x4.toI32(v), "v", "i32x4.trunc_sat_f32x4_s"),
    relaxedMadd: one(f32x4.relaxedMadd(v, w, m), "vwm", "f32x4.relaxed_madd"),
  },
  i32x4: {
    splat: one(i32x4.splat(i), "i", "i32x4.splat"),
    eq: one(i32x4.eq(v, w), "vw", "i32x4.eq"),
    geU: one(i32x4.geU(v, w), "vw", "i32x4.ge_u"),
    add: one(i32x4.add(v, w), "vw", "i32x4.add"),
    sub: one(i32x4.sub(v, w), "vw", "i32x4.sub"),
    shl: one(i32x4.shl(v, 23), "v", "i32.const 23 i32x4.shl"),
    shrS: one(i32x4.shrS(v, 31), "v", "i32.const 31 i32x4.shr_s"),
    shrU: one(i32x4.shrU(v, 9), "v", "i32.const 9 i32x4.shr_u"),
    fromBytes: one(i32x4.fromBytes(v), "v", "i16x8.extend_low_i8x16_u i32x4.extend_low_i16x8_u"),
  },
  i64x2: {
    mulLow: one(i64x2.mulLow(v, w), "vw", "i64x2.extmul_low_i32x4_u"),
    mulHigh: one(i64x2.mulHigh(v, w), "vw", "i64x2.extmul_high_i32x4_u"),
  },
  f64x2: {
    splat: one(f64x2.splat(d), "d", "f64x2.splat"),
    lane: one(f64x2.lane(v, 1), "v", "f64x2.extract_lane 1"),
    add: one(f64x2.add(v, w), "vw", "f64x2.add"),
    mul: one(f64x2.mul(v, w), "vw", "f64x2.mul"),
    abs: one(f64x2.abs(v), "v", "f64x2.abs"),
    fromF32: one(f64x2.fromF32(v), "v", "f64x2.promote_low_f32x4"),
    toF32: one(f64x2.toF32(v), "v", "f32x4.demote_f64x2_zero"),
  },
  atomic: {
    load: one(atomic.load(i), "i", "i32.atomic.load"),
    store: none(atomic.store(i, j), "ij", "i32.atomic.store"),
    add: one(atomic.add(i, j), "ij", "i32.atomic.rmw.add"),
    wait: one(atomic.wait(i, j, -1), "ij", "i64.const -1 memory.atomic.wait32"),
    notify: one(atomic.notify(i, 5), "i", "i32.const 5 memory.atomic.notify"),
  },
  alone: {
    get: one(n, "n", ""),
    set: none(set({ index: 0 }, j), "j", "local.set 0"),
    tee: one(tee({ index: 1 }, i), "i", "local.tee 1"),
    call: none(call(0, i, j, f, d, v, w, m, n), "ijfdvwmn", "call 0"),
    select: one(select(v, w, i), "vwi", "select"),
    drop: none(drop(i), "i", "drop"),
    bits: one(bits(1, 0x80000000, 0xffffffff, 0x7fc00000), "", "v128.const i32x4 1 0x80000000 0xffffffff 0x7fc00000"),
    allBits: one(allBits(0x7fffff), "", "v128.const i32x4 0x7fffff 0x7fffff 0x7fffff 0x7fffff"),
    floats: one(floats(0.5), "", "v128.const f32x4 0.5 0.5 0.5 0.5"),
    fillMemory: none(fillMemory(i, 0, j), "i", "i32.const 0 local.get 1 memory.fill"),
    when: [
      [when(i, set({ index: 1 }, i)), when(j, drop(v), drop(w))],
      `local.get 0 if local.get 0 local.set 1 end
      local.get 1 if local.get 4 drop else local.get 5 drop end`,
    ],
    repeat: none(repeat(drop(v), i), "", "loop local.get 4 drop local.get 0 br_if 0 end"),
    loopWhile: none(loopWhile(i, drop(v)), "", "block loop local.get 0 i32.eqz br_if 1 local.get 4 drop br 0 end end"),
    increase: [
      [increase({ index: 0 }, -3), increase({ index: 0 }, j)],
      `local.get 0 i32.const -3 i32.add local.set 0
      local.get 0 local.get 1 i32.add local.set 0`,
    ],
  },
};

/** What the assembler exports that is no instruction. */
const OTHERS = ["I32", "F32", "F64", "V128", "unsigned", "signed", "FunctionWriter", "MAX_PAGES", "assemble", "hasRelaxedMadd"];

describe.each(Object.entries(INSTRUCTIONS))("%s", (_, rows) => {
  it.each(Object.entries(rows))("%s", (__, [code, text]) => {
    expect(ours(code)).toEqual(expected(text));
  });
});

it("these are all that it can emit", () => {
  const all: Record<string, object> = assembler as never,
    { alone, ...grouped } = INSTRUCTIONS;
  for (const [group, rows] of Object.entries(grouped)) expect(Object.keys(rows).sort(), group).toEqual(Object.keys(all[group]).sort());
  expect([...Object.keys(alone), ...Object.keys(grouped), ...OTHERS].sort()).toEqual(Object.keys(all).sort());
});

it("control: no instruction passes for another", () => {
  const rows = Object.values(INSTRUCTIONS).flatMap((group) => Object.values(group));
  const found = rows.map(([code]) => ours(code).join()),
    right = rows.map(([, text]) => expected(text).join());
  for (const [at, bytes] of found.entries()) expect(right.filter((other) => other === bytes)).toEqual([right[at]]);
  const module = ours(INSTRUCTIONS.i32.add[0]),
    opcode = module.lastIndexOf(0x6a);
  expect(module.with(opcode, 0x6b)).not.toEqual(expected(INSTRUCTIONS.i32.add[1]));
  // 0x06 was never given to an instruction of these features.
  expect(() => toolkit.readWasm(Uint8Array.from(module.with(opcode, 0x06)), { check: true })).toThrow();
});

describe("operands at the limits of their LEB128", () => {
  const POWERS = [7, 14, 21, 28].flatMap((power) => [2 ** power - 1, 2 ** power]);

  it.each([0, 1, ...POWERS, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1])("offset %d", (offset) => {
    expect(ours(drop(v128.load(i, offset)))).toEqual(expected(`local.get 0 v128.load offset=${offset} align=4 drop`));
    expect(ours(v128.storeLane(i, v, 1, offset))).toEqual(expected(`local.get 0 local.get 4 v128.store32_lane offset=${offset} 1`));
  });

  it.each([
    0,
    1,
    -1,
    ...[6, 13, 20, 27].flatMap((power) => [2 ** power - 1, 2 ** power, -(2 ** power), -(2 ** power) - 1]),
    2 ** 31 - 1,
    -(2 ** 31),
  ])("constant %d", (value) => {
    expect(ours(drop(i32.const(value)))).toEqual(expected(`i32.const ${value} drop`));
  });

  it("the upper half of unsigned numbers is written as what it is in two's complement", () => {
    expect(ours(drop(i32.const(2 ** 32 - 5)))).toEqual(expected("i32.const 4294967291 drop"));
  });

  it.each([0, -0, 1.1, -3.4028234663852886e38, 1.401298464324817e-45, 2 ** -126, Infinity, -Infinity])("number %d", (value) => {
    const text = Object.is(value, -0) ? "-0" : String(value).replace("Infinity", "inf");
    expect(ours([drop(f32.const(value)), drop(f64.const(value)), drop(floats(value))])).toEqual(
      expected(`f32.const ${text} drop f64.const ${text} drop v128.const f32x4 ${text} ${text} ${text} ${text} drop`),
    );
  });

  it("not a number", () => {
    expect(ours(drop(f32.const(NaN)))).toEqual(expected("f32.const nan drop"));
  });

  it.each([0, 1, 2, 3])("lane %d", (lane) => {
    expect(ours([drop(f32x4.lane(v, lane)), v128.storeLane(i, v, lane)])).toEqual(
      expected(`local.get 4 f32x4.extract_lane ${lane} drop local.get 0 local.get 4 v128.store32_lane ${lane}`),
    );
  });

  it("locals and functions beyond 127, locals of all types", () => {
    const types = Array.from({ length: 300 }, (_, index) => ([V128, V128, V128, I32, F32, F64, F64] as const)[index % 7]);
    const names = new Map([
      [I32, "i32"],
      [F32, "f32"],
      [F64, "f64"],
      [V128, "v128"],
    ] as [number, string][]);
    const writers = Array.from({ length: 200 }, (_, index) => new FunctionWriter([], index === 150 ? "middle" : undefined));
    const last = new FunctionWriter([], "last"),
      locals = types.map((type) => last.local(type));
    last.body = [locals.map((local) => drop(get(local))), call(127), call(128), call(199)];
    const text = `(module ${"(type (func))".repeat(201)} (import "env" "memory" (memory 1)) ${writers.map((_, index) => `(func (type ${index}))`).join(" ")}
      (func (type 200) ${types.map((type) => `(local ${names.get(type)})`).join(" ")} ${types.map((_, index) => `local.get ${index} drop`).join(" ")}
      call 127 call 128 call 199) (export "middle" (func 150)) (export "last" (func 200)))`;
    expect([...assemble([...writers, last], false)]).toEqual(binaryOf(text));
  });
});

it("the module that asks for relaxed SIMD is one", () => {
  const asking = vi.spyOn(WebAssembly, "validate");
  hasRelaxedMadd();
  const [bytes] = asking.mock.calls[0] as [Uint8Array];
  asking.mockRestore();
  expect([...bytes]).toEqual(
    binaryOf("(module (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd))"),
  );
});

describe("modules of training steps are read, printed and assembled again to the same bytes", () => {
  const CASES = {
    classifier: sample({
      rows: 9,
      loss: "sparseCategoricalCrossentropy",
      metrics: ["accuracy"],
      optimizer: adam({ globalClipNorm: 1 }),
      layers: [
        dense({ units: 13, activation: "gelu", inputShape: [5] }),
        dropout({ rate: 0.5 }),
        dense({ units: 4, activation: "softmax" }),
      ],
    }),
    recurrent: sample({
      rows: 6,
      loss: "meanSquaredError",
      optimizer: adam(),
      masked: true,
      layers: [simpleRNN({ units: 6, inputShape: [5, 3], returnSequences: true }), simpleRNN({ units: 3 }), dense({ units: 1 })],
    }),
  };

  it.each(
    Object.entries(CASES).flatMap(([name, given]) =>
      [1, 2].flatMap((threads) => [true, false].map((fuse) => ({ name, given, threads, fuse }))),
    ),
  )("$name, $threads threads, fused: $fuse", async ({ given: { graph, values, scalars }, threads, fuse }) => {
    const compiling = vi.spyOn(WebAssembly, "compile");
    await WasmTraining.open(graph, scalars.rows, values, fuse, threads);
    const bytes = compiling.mock.calls[0][0] as Uint8Array;
    compiling.mockRestore();
    const module = toolkit.readWasm(bytes, { ...FEATURES, check: true }),
      text = module.toText({ foldExprs: false, inlineExport: false });
    module.destroy();
    expect(text).toMatch(/f32x4\.(relaxed_madd|mul)/);
    expect(binaryOf(text)).toEqual([...bytes]);
  });
});
