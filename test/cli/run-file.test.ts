// The file that says what a run is: what is written comes back, and nothing else is taken.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addTrainOptions, flagsFor, resolveOptions, type Flags } from "../../src/cli/options.ts";
import { flagsOf, formatRun, keptFlags, parseRun, type Run } from "../../src/cli/run-file.ts";
import { addTextOptions, resolveTextOptions, textFlagsFor, type TextFlags } from "../../src/cli/text-options.ts";
import { FormatError } from "../../src/errors.ts";

const RUN: Run = {
  command: "train",
  flags: new Map<string, string | true>([
    ["lr", "0.01"],
    ["autotune", true],
  ]),
  inputs: "0a".repeat(32),
  loaded: false,
  save: "a/b",
};
const through = (run: Run) => parseRun(formatRun(run), "run");

it("comes back as it was written", () => {
  const others: Run[] = [
    { ...RUN, save: null },
    { ...RUN, loaded: true, command: "char-rnn" },
  ];
  for (const run of [RUN, ...others]) expect(through(run)).toEqual(run);
  const elsewhere: Run = { command: "train", flags: new Map(), inputs: RUN.inputs, loaded: false };
  expect(through(elsewhere)).toEqual(elsewhere);
});

describe("the flags that are kept", () => {
  it("of train come to the same options, with every default spelt out", () => {
    const all: Flags = {
      layers: [784, 20, 10],
      lr: 1e-7,
      seed: 2 ** 53 - 1,
      l2: 1e-20,
      loss: "huber",
      activation: "tanh",
      autotune: true,
      validationSplit: 0,
      data: "/digits",
      runtime: "node",
      backend: "webgpu",
      optimizer: "sgd",
      dropout: 0,
      batch: 7,
      epochs: 3,
    };
    for (const typed of [{}, all]) {
      const options = resolveOptions({ ...typed, checkpoint: "x", checkpointEvery: 9 }, null);
      const flags = keptFlags(flagsFor(options), addTrainOptions);
      const back = flagsOf(through({ ...RUN, flags }), addTrainOptions, "run") as Flags;
      expect(resolveOptions({ ...back, checkpoint: "x" }, null)).toEqual(options);
      expect([...flags.keys()]).toEqual(
        expect.arrayContaining([
          "layers",
          "activation",
          "loss",
          "optimizer",
          "batch",
          "epochs",
          "seed",
          "dropout",
          "l2",
          "validation-split",
          "backend",
          "runtime",
          "checkpoint-every",
        ]),
      );
    }
  });

  it("of char-rnn too, whatever the prompt is", () => {
    const prompts = fc.string({ minLength: 1, unit: "binary" }),
      rates = fc.double({ min: 1e-300, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(prompts, rates, (prompt, lr) => {
        const options = resolveTextOptions({ prompt, lr, checkpoint: "x" }, null);
        const run = through({ ...RUN, command: "char-rnn", flags: keptFlags(textFlagsFor(options), addTextOptions) });
        expect(resolveTextOptions({ ...(flagsOf(run, addTextOptions, "run") as TextFlags), checkpoint: "x" }, null)).toEqual(options);
      }),
    );
  });
});

describe("what somebody else wrote", () => {
  const valid = JSON.parse(formatRun(RUN)) as Record<string, unknown>;
  it("is read if it is a run", () => expect(parseRun(JSON.stringify(valid), "run")).toEqual(RUN));

  it.each<[string, Record<string, unknown>]>([
    ["another format", { format: "deltaprop" }],
    ["another version", { version: "3" }],
    ["no format", { format: undefined }],
    ["another command", { command: "reproduce" }],
    ["a number for a flag", { flags: { lr: 0.01 } }],
    ["false for a flag", { flags: { autotune: false } }],
    ["a list of flags", { flags: ["--lr"] }],
    ["no flags", { flags: undefined }],
    ["no digest", { inputs: undefined }],
    ["a short digest", { inputs: "0a" }],
    ["loaded as a path", { loaded: "/etc/passwd" }],
    ["an empty path", { save: "" }],
    ["a number for a path", { save: 1 }],
    ["a path that steers the terminal", { save: "\x1b[2J" }],
    ["a flag that does", { flags: { data: "\x1b[2J" } }],
    ["a name of its own", { text: "/etc/passwd" }],
  ])("is refused: %s", (_, change) => {
    expect(() => parseRun(JSON.stringify({ ...valid, ...change }), "run")).toThrow(FormatError);
  });

  it.each<[string, string | true]>([
    ["lr", "-1"],
    ["lr", "0.01 --save=/etc/passwd"],
    ["lr", true],
    ["autotune", "yes"],
    ["speed", "9"],
    ["save", "/etc/passwd"],
    ["no-save", true],
    ["load", "x"],
    ["text", "x"],
    ["checkpoint", "x"],
    ["resume", "x"],
    ["help", true],
    ["json", true],
    ["__proto__", "x"],
    ["", "x"],
    ["lr=1", "x"],
    ["l2", ""],
    ["data", ""],
  ])("its flag %s = %j is refused", (name, value) => {
    expect(() => flagsOf({ ...RUN, flags: new Map([[name, value]]) }, addTrainOptions, "run")).toThrow(FormatError);
  });

  it("is refused with a FormatError, whatever it is", () => {
    const text = formatRun(RUN);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), (place, put) => {
        try {
          parseRun(text.slice(0, place) + put + text.slice(place + 1), "run");
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
    for (let length = 0; length < text.trimEnd().length; length++) {
      expect(() => parseRun(text.slice(0, length), "run")).toThrow(FormatError);
    }
  });
});
