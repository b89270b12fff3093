// safetensors: named tensors ↔ bytes, as the `safetensors` packages of Python and Rust write and read them.
//   8 bytes   N, the header's length, little-endian
//   N bytes   JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …, "__metadata__": {…}},
//             padded with spaces so that the data starts at a multiple of 8
//   the rest  the tensors, little-endian and row-major, without gaps or overlaps; offsets count from here
// Written: F32, and F64 of a Float64Array. Read: F32, F64, F16 and BF16, all as float32. Every rule is checked before a tensor is allocated.

import { FormatError, InputError } from "../errors.ts";
import { brandOf } from "../typed-arrays.ts";
import { checkBytes } from "./bytes.ts";
import { DTYPE_BITS, toFloat32 } from "./dtypes.ts";
import { parseJson, type JsonObject, type JsonValue } from "./json.ts";

/** A tensor as it was read. */
export interface NamedTensor {
  name: string;
  shape: number[];
  /** Row-major, as many as the product of the shape. */
  data: Float32Array<ArrayBuffer>;
}

/** What `encodeSafetensors` needs of a tensor: what getWeights() gives fits. */
export interface TensorToWrite {
  readonly name?: string;
  readonly shape: readonly number[];
  /** Row-major, as many as the product of the shape. */
  readonly data: Float32Array | Float64Array;
}

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** In the order of their bytes in the file. */
  tensors: NamedTensor[];
  /** The strings under "__metadata__". */
  metadata: Record<string, string>;
}

const LENGTH_BYTES = 8;
/** The limit of the reference implementation, so that a lying length cannot ask for more. */
const MAX_HEADER_BYTES = 100_000_000;
const ALIGNMENT_BYTES = 8;
const METADATA = "__metadata__";

export interface TensorEntry {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

const show = (value: JsonValue | undefined): string =>
  value === undefined ? "nothing" : value instanceof Map ? "an object" : JSON.stringify(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);

/** Lone surrogates have no UTF-8: they would come back as another name. */
const isUnicode = (text: string): boolean => new TextDecoder().decode(new TextEncoder().encode(text)) === text;

/** The product of a shape, or NaN where it is no longer exact. */
function elementsOf(shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  const product = shape.reduce((elements, n) => elements * n, 1);
  return Number.isSafeInteger(product) ? product : NaN;
}

function readHeader(bytes: Uint8Array, where: string): { header: JsonObject; dataStart: number } {
  if (bytes.length < LENGTH_BYTES) {
    throw new FormatError(`${where}: a safetensors file has at least 8 bytes; got ${bytes.length}. It is truncated.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true) + 2 ** 32 * view.getUint32(4, true);
  if (length > MAX_HEADER_BYTES) {
    throw new FormatError(
      `${where}: the header's length must be at most ${MAX_HEADER_BYTES}; got ${length}. ` +
        `This is not a safetensors file, or it is damaged.`,
    );
  }
  const dataStart = LENGTH_BYTES + length;
  if (dataStart > bytes.length) {
    throw new FormatError(
      `${where}: the header takes ${length} bytes after the first 8; the file has ` +
        `${bytes.length - LENGTH_BYTES}. It is truncated: fetch it again.`,
    );
  }
  if (bytes[LENGTH_BYTES] !== 0x7b || length === 0) {
    throw new FormatError(`${where}: the header must start with "{" at byte 8. This is not a safetensors file.`);
  }
  let text: string;
  try {
    // A copy, since a browser decodes no memory that may change its size.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes.subarray(LENGTH_BYTES, dataStart)));
  } catch {
    throw new FormatError(`${where}: the header must be UTF-8; it is not. The file is damaged.`);
  }
  return { header: parseJson(text, `${where}: header`) as JsonObject, dataStart };
}

function readMetadata(value: JsonValue | undefined, where: string): Record<string, string> {
  if (value === undefined) return {};
  if (!(value instanceof Map)) throw new FormatError(`${where}: ${METADATA} must be an object; got ${show(value)}.`);
  for (const [key, item] of value) {
    if (typeof item !== "string") {
      throw new FormatError(`${where}: ${METADATA} must hold strings only; got ${show(item)} for ${JSON.stringify(key)}.`);
    }
  }
  // fromEntries defines own properties, so a key "__proto__" is stored, not obeyed.
  return Object.fromEntries(value as Map<string, string>);
}

function readEntry(name: string, value: JsonValue, where: string): TensorEntry {
  const place = `${where}: tensor ${JSON.stringify(name)}`;
  if (!(value instanceof Map)) throw new FormatError(`${place}: must be described by an object; got ${show(value)}.`);
  if (!isUnicode(name)) throw new FormatError(`${place}: the name must be valid Unicode.`);
  const dtype = value.get("dtype"),
    shape = value.get("shape"),
    offsets = value.get("data_offsets");
  const bits = typeof dtype === "string" ? DTYPE_BITS.get(dtype) : undefined;
  if (bits === undefined) {
    throw new FormatError(`${place}: dtype must be one of ${[...DTYPE_BITS.keys()].join(", ")}; got ${show(dtype)}.`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount) || Number.isNaN(elementsOf(shape))) {
    throw new FormatError(`${place}: shape must be a list of whole numbers ≥ 0 whose product is at most 2^53−1; ` + `got ${show(shape)}.`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0] > offsets[1]) {
    throw new FormatError(`${place}: data_offsets must be [begin, end] with 0 ≤ begin ≤ end; got ${show(offsets)}.`);
  }
  const [begin, end] = offsets,
    bytes = (elementsOf(shape) * bits) / 8;
  if (bytes !== end - begin) {
    throw new FormatError(
      `${place}: shape ${show(shape)} of ${show(dtype)} takes ${bytes} bytes; ` + `data_offsets [${begin}, ${end}] give it ${end - begin}.`,
    );
  }
  return { name, dtype: dtype as string, shape, begin, end };
}

/** The tensors must lie one after the other, from the first byte of the data to the last one of the file. */
function checkLayout(entries: readonly TensorEntry[], dataBytes: number, where: string): void {
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== at) {
      throw new FormatError(
        `${where}: tensor ${JSON.stringify(name)} must begin at byte ${at} of the data, where the ` +
          `one before it ends; got ${begin}. Tensors must neither overlap nor leave gaps.`,
      );
    }
    at = end;
  }
  if (at !== dataBytes) {
    throw new FormatError(
      `${where}: the tensors end at byte ${at} of the data; the file has ${dataBytes}. ` +
        (at > dataBytes ? "It is truncated: fetch it again." : "Something follows them: fetch the file again."),
    );
  }
}

/** What a file holds, in the order of its bytes, with every rule checked; none of it copied yet. */
export function readLayout(
  bytes: Uint8Array,
  where: string,
): { entries: TensorEntry[]; metadata: Record<string, string>; dataStart: number } {
  checkBytes(bytes, where);
  const { header, dataStart } = readHeader(bytes, where);
  const metadata = readMetadata(header.get(METADATA), where);
  header.delete(METADATA);
  const entries = [...header].map(([name, value]) => readEntry(name, value, where)).sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(entries, bytes.length - dataStart, where);
  return { entries, metadata, dataStart };
}

/**
 * Reads a safetensors file; numbers become float32.
 * @param where what to call the file in errors
 * @throws FormatError where the file breaks a rule of the format or holds integers; InputError if `bytes` are none
 */
export function decodeSafetensors(bytes: Uint8Array, where = "decodeSafetensors()"): SafetensorsFile {
  const { entries, metadata, dataStart } = readLayout(bytes, where);
  const tensors = entries.map(({ name, dtype, shape, begin, end }) => {
    // A copy of these bytes alone; slice() would not do, because that of Node's Buffer copies nothing.
    const data = toFloat32(dtype, new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end)).buffer);
    if (data === null) {
      throw new FormatError(
        `${where}: tensor ${JSON.stringify(name)} is ${dtype}; deltaprop reads F32, F64, F16 and ` + `BF16. Convert it before saving.`,
      );
    }
    return { name, shape, data };
  });
  return { tensors, metadata };
}

/** Arrays of another page or frame are as good. */
const dtypeOf = (data: unknown): "F32" | "F64" | undefined =>
  (({ Float32Array: "F32", Float64Array: "F64" }) as const)[brandOf(data) ?? ""];

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws InputError unless both are what the types say */
function checkArguments(tensors: unknown, metadata: unknown): void {
  if (!Array.isArray(tensors) || !tensors.every(isObject)) {
    throw new InputError("encodeSafetensors(): tensors must be a list of { name, shape, data }. Pass what getWeights() gave.");
  }
  if (!isObject(metadata)) throw new InputError("encodeSafetensors(): metadata must be an object of strings.");
}

function checkTensor(tensor: TensorToWrite, taken: ReadonlySet<string>): string {
  const { name, shape, data } = tensor;
  const place = `encodeSafetensors(): tensor ${JSON.stringify(name)}`;
  if (typeof name !== "string" || name === METADATA || !isUnicode(name)) {
    throw new FormatError(`${place}: the name must be valid Unicode and not "${METADATA}".`);
  }
  if (!Array.isArray(shape) || dtypeOf(data) === undefined) {
    throw new InputError(`${place}: shape must be an array and data a Float32Array or Float64Array. Pass what getWeights() gave.`);
  }
  if (taken.has(name)) throw new FormatError(`${place}: another tensor has this name. Give each its own.`);
  if (!shape.every(isCount) || elementsOf(shape) !== data.length) {
    throw new FormatError(
      `${place}: shape [${shape.join(", ")}] must be whole numbers ≥ 0 whose product is the number ` +
        `of elements; got ${data.length} elements.`,
    );
  }
  return name;
}

function headerText(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): string {
  const parts: string[] = [];
  if (Object.keys(metadata).length > 0) {
    for (const [key, value] of Object.entries(metadata)) {
      if (typeof value !== "string" || !isUnicode(key) || !isUnicode(value)) {
        throw new FormatError(`encodeSafetensors(): metadata ${JSON.stringify(key)} must be a string of valid Unicode.`);
      }
    }
    parts.push(`${JSON.stringify(METADATA)}:${JSON.stringify(metadata)}`);
  }
  const taken = new Set<string>();
  let begin = 0;
  for (const tensor of tensors) {
    const name = checkTensor(tensor, taken),
      end = begin + tensor.data.byteLength;
    taken.add(name);
    parts.push(
      `${JSON.stringify(name)}:{"dtype":"${dtypeOf(tensor.data)}","shape":[${tensor.shape.join(",")}],` +
        `"data_offsets":[${begin},${end}]}`,
    );
    begin = end;
  }
  return `{${parts.join(",")}}`;
}

/**
 * Writes tensors as F32 (F64 where they are a Float64Array), one after the other in the order given.
 * @param metadata strings to keep with them, under "__metadata__"
 * @throws InputError if tensors or metadata are none; FormatError if a name is missing or given twice, a shape does not fit
 * its data, or a string is no valid Unicode
 */
export function encodeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  checkArguments(tensors, metadata);
  const header = new TextEncoder().encode(headerText(tensors, metadata));
  const headerBytes = Math.ceil(header.length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const dataBytes = tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + dataBytes);
  new DataView(file.buffer).setUint32(0, headerBytes, true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(header, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const { data } of tensors) {
    // Every host of WebGPU is little-endian, so memory already holds the bytes of the file.
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}
