// A drawing as MNIST's makers would have stored it: scaled into a box of 20 × 20 and set into 28 × 28 by its centre of mass
// (LeCun, Cortes, Burges). Pure.

/** Of the image's side. */
const BOX = 20 / 28;
/** Fainter is no ink. */
const INK = 16;

/**
 * @param ink one byte a pixel, `width` × `width`, 0 = nothing drawn
 * @param side of the image to make
 * @returns side × side bytes; null if nothing is drawn
 */
export function centreDigit(ink: Uint8Array | Uint8ClampedArray, width: number, side: number): Uint8Array<ArrayBuffer> | null {
  let left = width,
    right = -1,
    top = width,
    bottom = -1,
    mass = 0,
    massX = 0,
    massY = 0;
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) {
      const value = ink[y * width + x];
      if (value < INK) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
      mass += value;
      massX += value * (x + 0.5);
      massY += value * (y + 0.5);
    }
  }
  if (mass === 0) return null;
  // A dot stays a dot.
  const scale = Math.min(1, (BOX * side) / Math.max(right - left + 1, bottom - top + 1));
  const shiftX = side / 2 - (scale * massX) / mass,
    shiftY = side / 2 - (scale * massY) / mass;
  const sums = new Float32Array(side * side);
  for (let y = top; y <= bottom; y++) {
    const row = Math.floor(scale * (y + 0.5) + shiftY);
    if (row < 0 || row >= side) continue;
    for (let x = left; x <= right; x++) {
      const column = Math.floor(scale * (x + 0.5) + shiftX);
      if (column >= 0 && column < side) sums[row * side + column] += ink[y * width + x] * scale * scale;
    }
  }
  return Uint8Array.from(sums, (sum) => Math.min(255, Math.round(sum)));
}
