// The flags of the commands and the lists of the README name all that the library has, in no hand-kept copy that can fall behind.

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { expect, it } from "vitest";
import { LOSSES as LOSSES_OF_FLAGS, OPTIMIZERS as OPTIMIZERS_OF_FLAGS } from "../../src/cli/model-spec.ts";
import { addTrainOptions } from "../../src/cli/options.ts";
import { ACTIVATIONS, LOSSES, OPTIMIZERS } from "../../src/index.ts";
import { METRICS } from "../../src/model/metrics.ts";

const sorted = (names: readonly string[]): string[] => [...names].sort();

it("--loss and --optimizer take every one of the library, and --activation names every one of hidden layers", () => {
  const options = addTrainOptions(new Command("train")).options,
    of = (name: string) => options.find(({ long }) => long === `--${name}`)!;
  expect(sorted(of("loss").argChoices!)).toEqual(sorted(LOSSES));
  expect(sorted(of("optimizer").argChoices!)).toEqual(sorted(OPTIMIZERS));
  expect([sorted(Object.keys(LOSSES_OF_FLAGS)), sorted(Object.keys(OPTIMIZERS_OF_FLAGS))]).toEqual([sorted(LOSSES), sorted(OPTIMIZERS)]);
  const named = /of the hidden layers: (.*) \(default/.exec(of("activation").description)![1].split(", ");
  expect(sorted([...named, "softmax"])).toEqual(sorted(ACTIVATIONS));
});

/** The names in a row of the README's table that are among `known`, and those of them that are missing. */
function rowOf(readme: string, title: string, known: readonly string[]): string[] {
  const row = readme.split("\n").find((line) => line.startsWith(`| ${title} |`))!;
  return known.filter((name) => new RegExp(`\\b${name}\\b`).test(row));
}

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const LISTS = {
  activations: ACTIVATIONS,
  losses: LOSSES,
  optimizers: OPTIMIZERS,
  // The losses among them are said in words.
  metrics: METRICS.filter((name) => !(LOSSES as readonly string[]).includes(name)),
};

it.each(Object.entries(LISTS))("the README lists all %s", (title, names) => {
  expect(names.length).toBeGreaterThan(2);
  if (title !== "metrics") expect(Object.isFrozen(names)).toBe(true);
  expect(rowOf(README, title, names)).toEqual([...names]);
  // Control: a name taken away is missed.
  const without = README.replaceAll(new RegExp(`\\b${names[1]}\\b`, "g"), "");
  expect(rowOf(without, title, names)).toHaveLength(names.length - 1);
});

it("the README lists nothing that is not there", () => {
  const row = README.split("\n").find((line) => line.startsWith("| activations |"))!;
  const written = row
    .split("|")[2]
    .split(";")[0]
    .split(",")
    .map((name) => name.trim());
  expect(sorted([...written, "softmax"])).toEqual(sorted(ACTIVATIONS));
});
