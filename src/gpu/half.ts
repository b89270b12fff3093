// f16 numbers that come back from the device, as float32. (Node 20 has no Float16Array.)

const FRACTION = 0x3ff;

/** IEEE 754 binary16: a sign, five bits of exponent, ten of fraction. Exact: every f16 is a float32. */
function floatOfHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1,
    exponent = (bits >> 10) & 31,
    fraction = bits & FRACTION;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export const floatsOfHalves = (halves: Uint16Array): Float32Array<ArrayBuffer> => Float32Array.from(halves, floatOfHalf);
