// Drawings as MNIST stores them.

import { describe, expect, it } from "vitest";
import { centreDigit } from "../../demo/rooms/digits/centre.ts";

const WIDTH = 280;

function drawn(inside: (x: number, y: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: WIDTH * WIDTH }, (_, i) => (inside(i % WIDTH, Math.floor(i / WIDTH)) ? 255 : 0));
}

function measure(pixels: Uint8Array, side = 28) {
  const inked = [...pixels.keys()].filter((i) => pixels[i] > 0),
    mass = pixels.reduce((a, b) => a + b, 0);
  const rows = inked.map((i) => Math.floor(i / side)),
    columns = inked.map((i) => i % side);
  const centre = (of: (i: number) => number) => inked.reduce((sum, i) => sum + pixels[i] * (of(i) + 0.5), 0) / mass;
  return {
    height: Math.max(...rows) - Math.min(...rows) + 1,
    width: Math.max(...columns) - Math.min(...columns) + 1,
    x: centre((i) => i % side),
    y: centre((i) => Math.floor(i / side)),
    brightest: Math.max(...pixels),
  };
}

describe("centreDigit", () => {
  it.each([
    ["a bar in a corner", (x: number, y: number) => x >= 5 && x < 25 && y >= 3 && y < 203],
    [
      "an L, whose mass is not its middle",
      (x: number, y: number) => (x >= 60 && x < 80 && y >= 40 && y < 240) || (x >= 60 && x < 180 && y >= 220 && y < 240),
    ],
    ["all of it", () => true],
  ])("sets %s into 20 × 20 and its mass into the middle", (_, inside) => {
    const { height, width, x, y, brightest } = measure(centreDigit(drawn(inside), WIDTH, 28)!);
    // A box of 20 that lies between two pixels covers 21.
    expect(Math.max(height, width)).toBeGreaterThanOrEqual(20);
    expect(Math.max(height, width)).toBeLessThanOrEqual(21);
    for (const centre of [x, y]) expect(Math.abs(centre - 14)).toBeLessThan(0.51);
    expect(brightest).toBeGreaterThan(200);
  });

  it("does not blow up a dot, and knows an empty pad", () => {
    const { height, width } = measure(
      centreDigit(
        drawn((x, y) => x === 100 && y === 30),
        WIDTH,
        28,
      )!,
    );
    expect([height, width]).toEqual([1, 1]);
    expect(centreDigit(new Uint8Array(WIDTH * WIDTH), WIDTH, 28)).toBe(null);
    // Fainter than ink.
    expect(centreDigit(new Uint8Array(WIDTH * WIDTH).fill(3), WIDTH, 28)).toBe(null);
  });

  it("fits other sizes", () => {
    const { height } = measure(
      centreDigit(
        drawn((x, y) => x >= 100 && x < 120 && y >= 40 && y < 240),
        WIDTH,
        14,
      )!,
      14,
    );
    expect(height).toBeGreaterThanOrEqual(10);
    expect(height).toBeLessThanOrEqual(11);
  });
});
