// The element types of safetensors: how wide they are, and the floating-point ones as float32.

/** Bits an element. Types that are known but not read are listed too: the layout of their bytes is still checked. */
export const DTYPE_BITS: ReadonlyMap<string, number> = new Map([
  ["F32", 32],
  ["F64", 64],
  ["F16", 16],
  ["BF16", 16],
  ["BOOL", 8],
  ["U8", 8],
  ["I8", 8],
  ["U16", 16],
  ["I16", 16],
  ["U32", 32],
  ["I32", 32],
  ["U64", 64],
  ["I64", 64],
  ["C64", 64],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["F4", 4],
]);

/** An IEEE 754 half: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1,
    exponent = (bits >> 10) & 31,
    fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** A bfloat16 is the upper half of a float32. */
const bfloat16ToFloat32 = (words: Uint16Array): Float32Array<ArrayBuffer> =>
  new Float32Array(Uint32Array.from(words, (word) => word << 16).buffer);

/** Little-endian elements as float32 (F64 is rounded); null for types that are not floating point. */
export function toFloat32(dtype: string, bytes: ArrayBuffer): Float32Array<ArrayBuffer> | null {
  switch (dtype) {
    case "F32":
      return new Float32Array(bytes);
    case "F64":
      return Float32Array.from(new Float64Array(bytes));
    case "F16":
      return Float32Array.from(new Uint16Array(bytes), halfToNumber);
    case "BF16":
      return bfloat16ToFloat32(new Uint16Array(bytes));
    default:
      return null;
  }
}
