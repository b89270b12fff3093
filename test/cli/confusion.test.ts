// The confusion matrix: counted right, and readable.

import { expect, it } from "vitest";
import { confusionCounts, confusionTable } from "../../src/cli/confusion.ts";
import { NO_CLASS } from "../../src/cli/job.ts";

const LABELS = Uint8Array.of(0, 0, 1, 1, 1, 2),
  PREDICTIONS = [0, 1, 1, 1, 0, 1];

it("counts rows by what the digit is and columns by what the model says", () => {
  expect(confusionCounts(LABELS, PREDICTIONS, 3)).toEqual([
    [1, 1, 0, 0],
    [1, 2, 0, 0],
    [0, 1, 0, 0],
  ]);
});

it("prints a row a class with the share that is right", () => {
  const lines = confusionTable(LABELS, PREDICTIONS, 4).split("\n").slice(3);
  expect(lines).toEqual([
    "     0 │   1   1   ·   · │  50.0 %",
    "     1 │   1   2   ·   · │  66.7 %",
    "     2 │   ·   1   ·   · │   0.0 %",
    "     3 │   ·   ·   ·   · │       –",
  ]);
});

it("widens its columns for large counts and keeps lines of one length", () => {
  const many = new Uint8Array(12345),
    table = confusionTable(many, Array<number>(12345).fill(0), 2);
  expect(table).toContain("12345     · │ 100.0 %");
  expect(
    new Set(
      table
        .split("\n")
        .slice(1)
        .map((line) => line.length),
    ).size,
  ).toBe(1);
});

it("counts what has no class, outputs of NaN, in a column of its own and as wrong", () => {
  const lines = confusionTable(LABELS, [0, NO_CLASS, 1, 1, NO_CLASS, NO_CLASS], 3).split("\n").slice(1);
  expect(lines).toEqual([
    "       │   0   1   2 NaN │   right",
    "───────┼─────────────────┼────────",
    "     0 │   1   ·   ·   1 │  50.0 %",
    "     1 │   ·   2   ·   1 │  66.7 %",
    "     2 │   ·   ·   ·   1 │   0.0 %",
  ]);
});

it("leaves out tables that no terminal could show", () => {
  expect(confusionTable(LABELS, PREDICTIONS, 1000)).toContain("left out, 1000 classes");
});
