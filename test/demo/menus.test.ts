// The menus of the page offer all that the library has, by its own lists, with a label in each language; what a menu leaves out has a reason.

import { expect, it } from "vitest";
import {
  ACTIVATION_LABELS,
  choicesOf,
  HIDDEN_ACTIVATIONS,
  labelIn,
  LOSSES_LEFT_OUT,
  OPTIMIZER_CHOICES,
  OPTIMIZER_LABELS,
  REGULARIZER_LABELS,
} from "../../demo/lib/menus.ts";
import { optimizerOf } from "../../demo/lib/recipe.ts";
import * as digits from "../../demo/rooms/digits/config.ts";
import * as playground from "../../demo/rooms/playground/config.ts";
import { ACTIVATIONS, LOSSES, OPTIMIZERS } from "../../src/index.ts";

const sorted = (names: readonly string[]): string[] => [...names].sort();
/** The names of a library's list that a menu neither offers nor leaves out for a reason, and those that it has twice or too many. */
const astray = (list: readonly string[], offered: readonly string[], leftOut: readonly string[]): string[] => [
  ...list.filter((name) => !offered.includes(name) && !leftOut.includes(name)),
  ...offered.filter((name, i) => !list.includes(name) || offered.indexOf(name) !== i),
];

const ROOMS = { digits, playground };

it.each(Object.entries(ROOMS))("%s takes every activation of hidden layers and every optimizer of the library", (_, { FIELDS }) => {
  for (const name of ACTIVATIONS) expect(FIELDS.activation.read(name)).toBe(name === "softmax" ? undefined : name);
  for (const name of OPTIMIZERS) expect(FIELDS.optimizer.read(name)).toBe(name);
});

it("offers every activation but softmax, and every optimizer beside SGD's two momenta", () => {
  expect(astray(ACTIVATIONS, HIDDEN_ACTIVATIONS, ["softmax"])).toEqual([]);
  expect(astray([...OPTIMIZERS, "momentum", "nesterov"], OPTIMIZER_CHOICES, [])).toEqual([]);
  // Control: a name that a menu lacks is found, and so is one that the library lacks.
  expect(astray(ACTIVATIONS, HIDDEN_ACTIVATIONS.slice(1), ["softmax"])).toEqual([ACTIVATIONS[0]]);
  expect(astray(OPTIMIZERS, [...OPTIMIZERS, "rprop", OPTIMIZERS[0]], [])).toEqual(["rprop", OPTIMIZERS[0]]);
});

it("offers the losses of classes, and says of each other one why it is left out", () => {
  const offered = [...new Set(Object.values(ROOMS).flatMap(({ LOSS_NAMES }) => Object.values<string>(LOSS_NAMES)))],
    leftOut = Object.keys(LOSSES_LEFT_OUT);
  expect(astray(LOSSES, offered, leftOut)).toEqual([]);
  expect(offered.filter((name) => leftOut.includes(name))).toEqual([]);
  expect(Object.values(LOSSES_LEFT_OUT).filter((reason) => reason.length < 10)).toEqual([]);
  expect(astray(LOSSES, offered, leftOut.slice(1))).toEqual(leftOut.slice(0, 1));
});

it("makes each of its choices an optimizer of the library", () => {
  const names = OPTIMIZER_CHOICES.map((choice) => optimizerOf(choice)).map((made) => (typeof made === "string" ? made : made.name));
  expect(sorted([...new Set(names)])).toEqual(sorted(OPTIMIZERS));
  expect(optimizerOf("nesterov")).toMatchObject({ name: "sgd", momentum: 0.9, nesterov: true });
});

it.each(["en", "zh"] as const)("has a label of its own for each choice in %s", (code) => {
  for (const labels of [ACTIVATION_LABELS, OPTIMIZER_LABELS, REGULARIZER_LABELS]) {
    const written = Object.values(labels).map((label) => labelIn(label, { code }));
    expect(new Set(written).size).toBe(written.length);
    expect(written).not.toContain("");
  }
  const shown = choicesOf(HIDDEN_ACTIVATIONS, ACTIVATION_LABELS, { code });
  expect(shown.map(({ value }) => value)).toEqual(HIDDEN_ACTIVATIONS);
  expect(shown[0].label({})).toBe(code === "zh" ? "恒等" : "linear");
});
