// Distances that NaN cannot pass: what is no finite number is infinitely far from everything.

/** Unit roundoff of float32: one rounding is off by at most this share of the result. */
export const ROUNDOFF = 2 ** -24;

/** The largest |actual − expected|; infinite where either is not finite or the lengths differ. */
export function worstError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    worst = Math.max(worst, Number.isFinite(error) ? error : Infinity);
  }
  return worst;
}

/** Whether two arrays hold the same float32 bits. */
export function sameBits(a: Float32Array<ArrayBuffer>, b: Float32Array<ArrayBuffer>): boolean {
  const [left, right] = [a, b].map((array) => new Uint32Array(array.slice().buffer));
  return left.length === right.length && left.every((word, i) => word === right[i]);
}
