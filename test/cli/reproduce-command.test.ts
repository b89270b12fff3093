// The flags of `deltaprop reproduce`, and its table beside the one in the README.

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { expect, it } from "vitest";
import { addReproduceOptions, CASES, table, type Reproduced } from "../../src/cli/reproduce-command.ts";

function parse(...args: string[]) {
  const command = addReproduceOptions(new Command("reproduce"))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(["--data", "digits", ...args], { from: "user" }).opts();
}

it("takes 30 epochs and seed 1 unless told otherwise", () => {
  expect(parse()).toMatchObject({ data: "digits", epochs: 30, seed: 1, backend: "auto", runtime: "chrome" });
  expect(parse("--epochs", "1", "--seed", "0")).toMatchObject({ epochs: 1, seed: 0 });
});

it.each([
  ["--epochs", "0"],
  ["--epochs", "1e1"],
  ["--epochs", ""],
  ["--seed", "-1"],
  ["--seed", "x"],
  ["--backend", "gpu"],
  ["--data", ""],
])("refuses %s %s and names the flag", (flag, value) => {
  expect(() => parse(flag, value)).toThrow(new RegExp(`option '${flag} <.*is invalid`));
});

it("prints the table that the README shows", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const outcomes = CASES.map((each): readonly [typeof each, Reproduced] => {
    const row = readme.split("\n").find((line) => line.startsWith(`| ${each.title} |`)) ?? "";
    const [, best, bestEpoch, last] = /([\d.]+) % \(epoch (\d+)\) \| ([\d.]+) % \|$/.exec(row) ?? [];
    return [each, { best: Number(best) / 100, bestEpoch: Number(bestEpoch), last: Number(last) / 100 }];
  });
  expect(readme).toContain(table(outcomes, 30));
});
