// The examples run as they stand, on the library of this tree, and say what they promise.

import { readdirSync, readFileSync } from "node:fs";
import { expect, it, test, vi } from "vitest";

/** What an example prints. */
async function run(name: string): Promise<string[]> {
  const lines: string[] = [],
    log = vi.spyOn(console, "log").mockImplementation((line: string) => {
      lines.push(line);
    });
  vi.doMock("deltaprop", () => import("../src/index.ts"));
  vi.doMock("deltaprop/callbacks", () => import("../src/callbacks/index.ts"));
  const example = `../examples/${name}`;
  await import(example).finally(() => log.mockRestore());
  return lines;
}

const numbersIn = (line: string, pattern: RegExp): number[] => pattern.exec(line)!.slice(1).map(Number);

test("noisy-sine.js: the error comes near the noise", async () => {
  const lines = await run("noisy-sine.js"),
    [first, last] = numbersIn(lines[0], /: ([\d.]+) after 1 epoch, ([\d.]+) after 30/);
  // √(0.1² / 3) = 0.058 is the noise of the answers, which nobody can foresee; that of the inputs adds to it.
  expect(last).toBeLessThan(0.1);
  expect(last).toBeLessThan(first / 2);
  expect(lines).toHaveLength(3);
});

test("iris.js: names flowers that it has not seen", async () => {
  const lines = await run("iris.js"),
    [right] = numbersIn(lines[1], /^(\d+) of 30/);
  expect(right).toBeGreaterThanOrEqual(27);
  expect(lines.slice(2)).toHaveLength(3);
});

test("house-prices.js: the error comes near the noise, far below the mean's", async () => {
  const [model, others] = await run("house-prices.js"),
    [error] = numbersIn(model, /: ([\d.]+) thousand/);
  const [noise, mean] = numbersIn(others, /alone: ([\d.]+).*mean: ([\d.]+)/);
  expect(error).toBeGreaterThan(noise * 0.8);
  expect(error).toBeLessThan(2.5 * noise);
  expect(error).toBeLessThan(mean / 5);
});

test("time-series.js: better than the year before, near the noise", async () => {
  const [model, others, months] = await run("time-series.js"),
    [error] = numbersIn(model, /: ([\d.]+) off/);
  const [before, noise] = numbersIn(others, /again: ([\d.]+) off; the noise alone: ([\d.]+)/);
  expect(error).toBeLessThan(before / 3);
  expect(error).toBeLessThan(2.5 * noise);
  expect(months.split(") ")).toHaveLength(12);
});

test("char-rnn.js: writes the text that it has read", async () => {
  const lines = await run("char-rnn.js"),
    [first, last] = numbersIn(lines[0], /: (\d+) % after 1 epoch, (\d+) %/);
  expect(first).toBeLessThan(40);
  expect(last).toBeGreaterThan(95);
  expect(lines.at(-1)).toBe("the small boat sails over the wide sea. a grey gull follows it and waits for bread. ");
});

test("cart-pole.js: learns to keep the pole upright", async () => {
  const lines = await run("cart-pole.js"),
    steps = lines.map((line) => numbersIn(line, /: (?:the pole stands for )?(\d+)/)[0]);
  expect(steps).toHaveLength(7);
  expect(steps[0]).toBeLessThan(60);
  expect(steps[5]).toBeGreaterThan(150);
  expect(steps[6]).toBeGreaterThan(180);
});

test("transfer-head.js: classes of few examples, better with more", async () => {
  const lines = await run("transfer-head.js"),
    [few] = numbersIn(lines[0], /class: (\d+) %/),
    [more] = numbersIn(lines[1], /: (\d+) %/);
  expect(few).toBeGreaterThan(60);
  expect(more).toBeGreaterThan(few);
});

it("all of them are tried here, listed in README.md and short", () => {
  const names = readdirSync("examples").filter((name) => name.endsWith(".js")),
    tests = readFileSync("test/examples.test.ts", "utf8"),
    readme = readFileSync("README.md", "utf8");
  expect(names.length).toBeGreaterThan(5);
  for (const name of names) {
    expect(tests).toContain(`run("${name}")`);
    expect(readme).toContain(`examples/${name}`);
    expect(readFileSync(`examples/${name}`, "utf8").split("\n").length, name).toBeLessThanOrEqual(60);
  }
});
