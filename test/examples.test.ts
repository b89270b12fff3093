// The examples run as they stand, on the library of this tree, and say what they promise.

import { expect, test, vi } from "vitest";

test("noisy-sine.js: the error comes near the noise", async () => {
  const lines: string[] = [], log = vi.spyOn(console, "log").mockImplementation((line: string) => { lines.push(line); });
  vi.doMock("deltaprop", () => import("../src/index.ts"));
  const example = "../examples/noisy-sine.js";
  await import(example).finally(() => log.mockRestore());
  const [, first, last] = /: ([\d.]+) after 1 epoch, ([\d.]+) after 30/.exec(lines[0])!.map(Number);
  // √(0.1² / 3) = 0.058 is the noise of the answers, which nobody can foresee; that of the inputs adds to it.
  expect(last).toBeLessThan(0.1);
  expect(last).toBeLessThan(first / 2);
  expect(lines).toHaveLength(3);
});
