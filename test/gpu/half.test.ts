// f16 numbers that come back from the device.

import { expect, it } from "vitest";
import { floatsOfHalves } from "../../src/gpu/half.ts";

it.each([
  [0x0000, 0],
  [0x8000, -0],
  [0x3c00, 1],
  [0xbc01, -1 - 2 ** -10],
  [0x7bff, 65504],
  [0x0400, 2 ** -14],
  [0x03ff, 1023 * 2 ** -24],
  [0x8001, -(2 ** -24)],
  [0x7c00, Infinity],
  [0xfc00, -Infinity],
  [0x3555, 0.333251953125],
  [0x7e00, NaN],
  [0x7fc0, NaN],
])("%i", (bits, value) => {
  expect([...floatsOfHalves(Uint16Array.of(bits))]).toEqual([value]);
});
