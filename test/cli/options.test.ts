// The flags of `deltaprop train`: what is refused, what is filled in, and what a loaded file changes.

import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addTrainOptions, DEFAULTS, resolveOptions, type Flags } from "../../src/cli/options.ts";
import { checkModel } from "../../src/cli/model-spec.ts";
import { InputError } from "../../src/errors.ts";

function parse(...args: string[]): Flags {
  const command = addTrainOptions(new Command("train"))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: "user" }).opts();
}

describe("flags", () => {
  it("come to the defaults where nothing is typed", () => {
    const options = resolveOptions(parse(), null);
    expect(options).toMatchObject({
      epochs: DEFAULTS.epochs,
      batchSize: 64,
      backend: "auto",
      runtime: "chrome",
      data: null,
      json: false,
      verifySteps: 0,
      autotune: false,
      load: null,
      save: "deltaprop.safetensors",
      runFolder: null,
    });
    expect(options.model).toMatchObject({ layers: [784, 128, 10], activation: "relu", seed: 1, learningRate: null });
  });

  it("are read as typed", () => {
    const typed = parse(
      "--layers",
      "784,30,10",
      "--activation",
      "sigmoid",
      "--loss",
      "halfSquaredError",
      "--optimizer",
      "sgd",
      "--lr",
      "3",
      "--batch",
      "10",
      "--epochs",
      "30",
      "--seed",
      "9007199254740991",
      "--dropout",
      "0.2",
      "--l2",
      "1e-4",
      "--validation-split",
      "0",
      "--backend",
      "webgpu",
      "--runtime",
      "node",
      "--data",
      "digits",
      "--verify",
      "3",
      "--load",
      "a",
      "--save",
      "b",
      "--json",
      "--autotune",
      "--checkpoint",
      "c",
      "--checkpoint-every",
      "50",
    );
    expect(resolveOptions(typed, { layers: [784, 30, 10] })).toEqual({
      model: {
        initialization: null,
        layers: [784, 30, 10],
        activation: "sigmoid",
        loss: "halfSquaredError",
        optimizer: "sgd",
        learningRate: 3,
        dropout: 0.2,
        l2: 1e-4,
        seed: 2 ** 53 - 1,
      },
      epochs: 30,
      batchSize: 10,
      validationSplit: 0,
      backend: "webgpu",
      runtime: "node",
      data: "digits",
      verifySteps: 3,
      load: "a",
      save: "b",
      json: true,
      autotune: true,
      runFolder: { folder: "c", every: 50, resume: false },
    });
  });

  it.each([
    ["--layers", "784"],
    ["--layers", "784,,10"],
    ["--layers", "784,0,10"],
    ["--layers", "784,-5,10"],
    ["--layers", "784,1e2,10"],
    ["--layers", "a,b"],
    ["--loss", "mse"],
    ["--optimizer", "Adam"],
    ["--lr", "0"],
    ["--lr", "-1"],
    ["--lr", "fast"],
    ["--lr", "Infinity"],
    ["--lr", ""],
    ["--batch", "0"],
    ["--batch", "1.5"],
    ["--epochs", "-1"],
    ["--epochs", "NaN"],
    ["--seed", "9007199254740992"],
    ["--seed", "0x10"],
    ["--dropout", "1"],
    ["--l2", "-1e-4"],
    ["--validation-split", "1"],
    ["--backend", "gpu"],
    ["--runtime", "deno"],
    ["--data", ""],
    ["--verify", "x"],
    ["--checkpoint", ""],
    ["--resume", ""],
    ["--checkpoint-every", "0"],
    ["--unknown", "1"],
  ])("refuse %s %s", (flag, value) => {
    expect(() => parse(flag, value)).toThrow(/invalid|unknown option/);
  });

  it("save nothing after --no-save, and after --epochs 0 unless told where", () => {
    expect(resolveOptions(parse("--no-save"), null).save).toBeNull();
    expect(resolveOptions(parse("--epochs", "0"), null).save).toBeNull();
    expect(resolveOptions(parse("--epochs", "0", "--save", "x"), null).save).toBe("x");
  });

  it("refuse what contradicts --checkpoint and --resume", () => {
    expect(resolveOptions(parse("--resume", "a", "--checkpoint", "./a"), null).runFolder).toEqual({
      folder: "a",
      every: null,
      resume: true,
    });
    for (const args of [
      ["--resume", "a", "--checkpoint", "b"],
      ["--checkpoint-every", "5"],
      ["--checkpoint", "a", "--epochs", "0"],
    ]) {
      expect(() => resolveOptions(parse(...args), null)).toThrow(InputError);
    }
  });

  it("refuse --verify on the CPU, where there is nothing to compare", () => {
    expect(() => resolveOptions(parse("--verify", "1", "--backend", "cpu"), null)).toThrow(InputError);
  });
});

describe("a loaded file", () => {
  const saved = { layers: [784, 20, 10], activation: "tanh", loss: "binaryCrossentropy", l2: 0.5, dropout: 0.1 } as const;

  it("gives layers, activation, loss and penalties, unless flags say otherwise", () => {
    expect(resolveOptions(parse("--load", "x"), saved).model).toMatchObject(saved);
    expect(resolveOptions(parse("--load", "x", "--l2", "0"), saved).model).toMatchObject({ ...saved, l2: 0 });
  });

  it("refuses other --layers", () => {
    expect(() => resolveOptions(parse("--layers", "784,21,10"), saved)).toThrow("does not fit the loaded weights");
  });

  it("that does not say its activation needs the flag", () => {
    expect(() => resolveOptions(parse(), { ...saved, activation: undefined })).toThrow("Give --activation");
    expect(resolveOptions(parse("--activation", "relu"), { ...saved, activation: undefined }).model.activation).toBe("relu");
  });
});

describe("checkModel", () => {
  const { model } = resolveOptions({}, null);
  it.each([
    [{ activation: "cube" }, 'got "cube"'],
    [{ activation: "softmax" }, "softmax"],
    [{ layers: [784, 1] }, "at least 2 classes"],
  ])("refuses %j by the library's own rules, without a GPU", async (change, message) => {
    await expect(checkModel({ ...model, ...change })).rejects.toThrow(message);
  });

  it.each([
    "sparseCategoricalCrossentropy",
    "categoricalCrossentropy",
    "binaryCrossentropy",
    "meanSquaredError",
    "halfSquaredError",
    "huber",
  ] as const)("accepts %s: its last activation follows", async (loss) => {
    await checkModel({ ...model, loss });
  });
});
