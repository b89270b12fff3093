// Writes WebAssembly binaries: instructions as nested lists of bytes, functions with named locals, one module.
// It knows the instructions that the engine uses and nothing else, and checks no types: WebAssembly.compile() does.
// Source: WebAssembly Core Specification 2.0, chapter 5 (binary format); relaxed_madd and atomics from 3.0 and the threads proposal.

/** Bytes of instructions, nested as they were put together. */
export type Code = number | readonly Code[];

export const I32 = 0x7f,
  F32 = 0x7d,
  F64 = 0x7c,
  V128 = 0x7b;
export type ValueType = typeof I32 | typeof F32 | typeof F64 | typeof V128;

/** A local variable or parameter of a function. */
export interface Local {
  readonly index: number;
}

/** LEB128 of an unsigned number below 2³². */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** LEB128 of a signed 32-bit number. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && !(low & 0x40)) || (rest === -1 && low & 0x40)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

const floatBytes = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)];
const doubleBytes = (value: number): number[] => [...new Uint8Array(Float64Array.of(value).buffer)];
const wordBytes = (word: number): number[] => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24];

type Unary = (a: Code) => Code;
type BinaryInstruction = (a: Code, b: Code) => Code;
const unary =
  (opcode: Code): Unary =>
  (a) => [a, opcode];
const binary =
  (opcode: Code): BinaryInstruction =>
  (a, b) => [a, b, opcode];
const simd = (opcode: number): Code => [0xfd, unsigned(opcode)];
/** An instruction that reads memory at an address plus a constant offset; alignment is a hint, 4 bytes everywhere. */
const memoryArgument = (offset: number): Code => [2, unsigned(offset)];
const byteArgument = (offset: number): Code => [0, unsigned(offset)];

export const get = (local: Local): Code => [0x20, unsigned(local.index)];
export const set = (local: Local, value: Code): Code => [value, 0x21, unsigned(local.index)];
/** Sets the local and leaves the value. */
export const tee = (local: Local, value: Code): Code => [value, 0x22, unsigned(local.index)];
export const call = (functionIndex: number, ...values: readonly Code[]): Code => [values, 0x10, unsigned(functionIndex)];
/** a if the condition is not 0, else b; of any one type. */
export const select = (a: Code, b: Code, condition: Code): Code => [a, b, condition, 0x1b];
export const drop = (value: Code): Code => [value, 0x1a];

export const i32 = {
  const: (value: number): Code => [0x41, signed(value)],
  load: (address: Code, offset = 0): Code => [address, 0x28, memoryArgument(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [address, value, 0x36, memoryArgument(offset)],
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  divU: binary(0x6e),
  remU: binary(0x70),
  and: binary(0x71),
  shl: binary(0x74),
  shrU: binary(0x76),
  eqz: unary(0x45),
  eq: binary(0x46),
  ne: binary(0x47),
  ltS: binary(0x48),
  ltU: binary(0x49),
  gtU: binary(0x4b),
  leU: binary(0x4d),
  geU: binary(0x4f),
};

export const f32 = {
  const: (value: number): Code => [0x43, floatBytes(value)],
  load: (address: Code, offset = 0): Code => [address, 0x2a, memoryArgument(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [address, value, 0x38, memoryArgument(offset)],
  add: binary(0x92),
  sub: binary(0x93),
  mul: binary(0x94),
  div: binary(0x95),
  gt: binary(0x5e),
  eq: binary(0x5b),
  fromI32U: unary(0xb3),
  fromF64: unary(0xb6),
};

export const f64 = {
  const: (value: number): Code => [0x44, doubleBytes(value)],
  load: (address: Code, offset = 0): Code => [address, 0x2b, [3, unsigned(offset)]],
  store: (address: Code, value: Code, offset = 0): Code => [address, value, 0x39, [3, unsigned(offset)]],
  sqrt: unary(0x9f),
  add: binary(0xa0),
  mul: binary(0xa2),
  div: binary(0xa3),
  abs: unary(0x99),
  le: binary(0x65),
  fromF32: unary(0xbb),
  fromI32U: unary(0xb8),
};

/** A constant vector of four 32-bit patterns. */
export const bits = (...lanes: readonly [number, number, number, number]): Code => [simd(12), lanes.map(wordBytes)];
export const allBits = (word: number): Code => bits(word, word, word, word);
/** A constant vector of four equal numbers. */
export const floats = (value: number): Code => {
  const bytes = floatBytes(value);
  return [simd(12), bytes, bytes, bytes, bytes];
};

/** Vectors of four numbers. Comparisons give lanes of all ones or all zeros. */
export const v128 = {
  load: (address: Code, offset = 0): Code => [address, simd(0), memoryArgument(offset)],
  /** One number in all four lanes. */
  loadSplat: (address: Code, offset = 0): Code => [address, simd(9), memoryArgument(offset)],
  /** Four bytes in the lowest lane, 0 in the others. */
  loadWord: (address: Code, offset = 0): Code => [address, simd(0x5c), byteArgument(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [address, value, simd(11), memoryArgument(offset)],
  storeLane: (address: Code, value: Code, lane: number, offset = 0): Code => [address, value, simd(0x5a), memoryArgument(offset), lane],
  and: binary(simd(0x4e)),
  andNot: binary(simd(0x4f)),
  or: binary(simd(0x50)),
  xor: binary(simd(0x51)),
  /** Bits of a where the mask is 1, of b where it is 0. */
  choose: (a: Code, b: Code, mask: Code): Code => [a, b, mask, simd(0x52)],
  anyTrue: unary(simd(0x53)),
  /** Lanes of a and b by number: 0 to 3 are a's, 4 to 7 are b's. */
  shuffle: (a: Code, b: Code, ...lanes: readonly [number, number, number, number]): Code => [
    a,
    b,
    simd(13),
    lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
  ],
};

export const f32x4 = {
  splat: unary(simd(0x13)),
  lane: (a: Code, lane: number): Code => [a, simd(0x1f), lane],
  eq: binary(simd(0x41)),
  ne: binary(simd(0x42)),
  lt: binary(simd(0x43)),
  gt: binary(simd(0x44)),
  le: binary(simd(0x45)),
  ge: binary(simd(0x46)),
  nearest: unary(simd(0x6a)),
  abs: unary(simd(0xe0)),
  neg: unary(simd(0xe1)),
  sqrt: unary(simd(0xe3)),
  add: binary(simd(0xe4)),
  sub: binary(simd(0xe5)),
  mul: binary(simd(0xe6)),
  div: binary(simd(0xe7)),
  /** b < a ? b : a, and a < b ? b : a: where one is NaN the first operand is taken. */
  pmin: binary(simd(0xea)),
  pmax: binary(simd(0xeb)),
  fromI32: unary(simd(0xfa)),
  toI32: unary(simd(0xf8)),
  /** a·b + c, rounded once or twice as the processor likes best. */
  relaxedMadd: (a: Code, b: Code, c: Code): Code => [a, b, c, simd(0x105)],
};

export const i32x4 = {
  splat: unary(simd(0x11)),
  eq: binary(simd(0x37)),
  geU: binary(simd(0x40)),
  add: binary(simd(0xae)),
  sub: binary(simd(0xb1)),
  shl: (a: Code, count: number): Code => [a, i32.const(count), simd(0xab)],
  shrS: (a: Code, count: number): Code => [a, i32.const(count), simd(0xac)],
  shrU: (a: Code, count: number): Code => [a, i32.const(count), simd(0xad)],
  /** The lowest four bytes, and the lowest four 16-bit numbers, as 16- and 32-bit numbers. */
  fromBytes: (a: Code): Code => [a, simd(0x89), simd(0xa9)],
};

/** Products of two lanes of unsigned 32-bit numbers as 64-bit numbers: lanes 0 and 1, or 2 and 3. */
export const i64x2 = { mulLow: binary(simd(0xde)), mulHigh: binary(simd(0xdf)) };

export const f64x2 = {
  splat: unary(simd(0x14)),
  lane: (a: Code, lane: number): Code => [a, simd(0x21), lane],
  add: binary(simd(0xf0)),
  mul: binary(simd(0xf2)),
  abs: unary(simd(0xec)),
  /** The lower two float32 lanes. */
  fromF32: unary(simd(0x5f)),
  /** Two float32 lanes, the upper two 0. */
  toF32: unary(simd(0x5e)),
};

export const atomic = {
  load: (address: Code): Code => [address, 0xfe, 0x10, 2, 0],
  store: (address: Code, value: Code): Code => [address, value, 0xfe, 0x17, 2, 0],
  /** Leaves the value before. */
  add: (address: Code, value: Code): Code => [address, value, 0xfe, 0x1e, 2, 0],
  /** Sleeps until notified if memory holds `expected`; leaves 0, 1 or 2. @param nanoseconds at most; −1 waits without end */
  wait: (address: Code, expected: Code, nanoseconds: number): Code => [address, expected, 0x42, signed(nanoseconds), 0xfe, 0x01, 2, 0],
  notify: (address: Code, count: number): Code => [address, i32.const(count), 0xfe, 0x00, 2, 0],
};

export const fillMemory = (address: Code, byte: number, length: Code): Code => [address, i32.const(byte), length, 0xfc, 0x0b, 0];

const EMPTY = 0x40;
export const when = (condition: Code, then: Code, otherwise: Code = []): Code => [
  condition,
  0x04,
  EMPTY,
  then,
  Array.isArray(otherwise) && otherwise.length === 0 ? [] : [0x05, otherwise],
  0x0b,
];
/** Repeats the body for as long as the condition behind it holds; at least once. */
export const repeat = (body: Code, condition: Code): Code => [0x03, EMPTY, body, condition, 0x0d, 0, 0x0b];
/** Repeats the body while the condition before it holds. */
export const loopWhile = (condition: Code, body: Code): Code => [
  0x02,
  EMPTY,
  0x03,
  EMPTY,
  condition,
  0x45,
  0x0d,
  1,
  body,
  0x0c,
  0,
  0x0b,
  0x0b,
];
export const increase = (local: Local, by: number | Code): Code =>
  set(local, i32.add(get(local), typeof by === "number" ? i32.const(by) : by));

/** A function while it is written: parameters first, then the locals that are asked for. */
export class FunctionWriter {
  readonly #locals: ValueType[] = [];
  readonly #named = new Map<string, Local>();
  body: Code = [];

  constructor(
    readonly parameters: readonly ValueType[],
    readonly name?: string,
  ) {}

  parameter(index: number): Local {
    return { index };
  }

  local(type: ValueType): Local {
    this.#locals.push(type);
    return { index: this.parameters.length + this.#locals.length - 1 };
  }

  integer(): Local {
    return this.local(I32);
  }

  vector(): Local {
    return this.local(V128);
  }

  /** The same local each time for the same name: for values that are dead before the name is used again. */
  scratch(name: string, type: ValueType = V128): Local {
    const key = `${type} ${name}`,
      known = this.#named.get(key) ?? this.local(type);
    this.#named.set(key, known);
    return known;
  }

  bytes(): number[] {
    const body: number[] = [];
    append(body, [list(runsOf(this.#locals)), this.body, 0x0b]);
    const length = unsigned(body.length);
    for (const byte of body) length.push(byte);
    return length;
  }
}

/** How many of a type stand side by side, and the type. */
function runsOf(types: readonly ValueType[]): Code[] {
  const starts = types.flatMap((type, i) => (type === types[i - 1] ? [] : [i]));
  return starts.map((start, i) => [unsigned((starts[i + 1] ?? types.length) - start), types[start]]);
}

function append(bytes: number[], code: Code): void {
  if (typeof code === "number") bytes.push(code);
  else for (const part of code) append(bytes, part);
}

const list = (items: readonly Code[]): Code => [unsigned(items.length), items];
const text = (name: string): Code => list([...new TextEncoder().encode(name)]);

function section(bytes: number[], id: number, content: Code): void {
  const inner: number[] = [];
  append(inner, content);
  bytes.push(id, ...unsigned(inner.length));
  for (const byte of inner) bytes.push(byte);
}

/** Pages of 64 KiB that 32-bit addresses reach. */
export const MAX_PAGES = 65536;

/**
 * A module of these functions, those with a name exported. It imports its memory as `env.memory`.
 * @param shared whether that memory is shared between threads
 */
export function assemble(functions: readonly FunctionWriter[], shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  section(bytes, 1, list(functions.map(({ parameters }) => [0x60, list(parameters), 0])));
  section(bytes, 2, list([[text("env"), text("memory"), 2, shared ? [3, unsigned(1), unsigned(MAX_PAGES)] : [0, unsigned(1)]]]));
  section(bytes, 3, list(functions.map((_, index) => unsigned(index))));
  section(bytes, 7, list(functions.flatMap(({ name }, index) => (name === undefined ? [] : [[text(name), 0, unsigned(index)]]))));
  section(bytes, 10, list(functions.map((each) => each.bytes())));
  return Uint8Array.from(bytes);
}

/** f32x4.relaxed_madd: not every engine has it (Safari in 2026, Node 20 without a flag). */
export const hasRelaxedMadd = (): boolean =>
  WebAssembly.validate(
    Uint8Array.of(
      0,
      97,
      115,
      109,
      1,
      0,
      0,
      0,
      1,
      8,
      1,
      96,
      3,
      123,
      123,
      123,
      1,
      123,
      3,
      2,
      1,
      0,
      10,
      13,
      1,
      11,
      0,
      32,
      0,
      32,
      1,
      32,
      2,
      253,
      133,
      2,
      11,
    ),
  );
