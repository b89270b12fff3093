// A saved character model: what is written is read back, and files of something else are refused.

import { describe, expect, it } from "vitest";
import { parseTextModel, textModelBytes } from "../../src/cli/saved-text-model.ts";
import { buildTextModel } from "../../src/cli/text-model.ts";
import { FormatError } from "../../src/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/formats/safetensors.ts";

// Characters that JSON must escape, one of two units, one that a terminal would obey.
const spec = {
  cell: "rnn" as const,
  vocabulary: ["\u0000", "\n", "\u001b", '"', "\\", "é", "😀"],
  hidden: 3,
  layers: 2,
  learningRate: 0.02,
};
const weights = await buildTextModel({ ...spec, seed: 1 }, 4).getWeights();
const saved = { spec, length: 9, batchSize: 5, temperature: 0.7, primer: spec.vocabulary.slice(0, 2).join(""), weights };
const { tensors, metadata } = decodeSafetensors(textModelBytes(saved));

describe("parseTextModel", () => {
  it("gives back weights, vocabulary and hyper-parameters", async () => {
    expect(await parseTextModel(textModelBytes(saved), "file")).toEqual(saved);
  });

  it.each(["lstm", "gru"] as const)("gives back a model of %s layers", async (cell) => {
    const gated = { ...spec, cell },
      whole = { ...saved, spec: gated, weights: await buildTextModel({ ...gated, seed: 1 }, 4).getWeights() };
    expect(await parseTextModel(textModelBytes(whole), "file")).toEqual(whole);
    // Control: read as another kind it is refused.
    const { tensors: own, metadata: said } = decodeSafetensors(textModelBytes(whole));
    await expect(parseTextModel(encodeSafetensors(own, { ...said, cell: "rnn" }), "file")).rejects.toThrow("simple_rnn/kernel must have");
  });

  it("takes a file that does not say its cell for simple recurrent layers, as all were once", async () => {
    const { cell, ...old } = metadata;
    expect(cell).toBe("rnn");
    expect(await parseTextModel(encodeSafetensors(tensors, old), "file")).toEqual(saved);
  });

  it("takes tensors in any order", async () => {
    expect((await parseTextModel(encodeSafetensors(tensors.toReversed?.() ?? [...tensors].reverse(), metadata), "file")).weights).toEqual(
      weights,
    );
  });

  it.each([
    ["another kind", { kind: "dense" }, 'metadata "kind" must be "char-rnn"; got "dense"'],
    ["no vocabulary", { vocabulary: "" }, 'metadata "vocabulary"'],
    ["a character twice", { vocabulary: "aab" }, 'metadata "vocabulary"'],
    ["a vocabulary of another size", { vocabulary: "ab" }, "simple_rnn/kernel must have shape (2, 3)"],
    ["another width", { hidden: "4" }, "simple_rnn/kernel must have shape (7, 4)"],
    ["a width that is none", { hidden: "3.5" }, 'metadata "hidden" must be a whole number'],
    ["a cell of another kind", { cell: "elman" }, 'metadata "cell" must be one of rnn, lstm, gru; got "elman"'],
    ["no layers", { layers: "0" }, 'metadata "layers"'],
    ["a layer too many", { layers: "3" }, "simple_rnn_2/kernel must have shape (3, 3) by the file's metadata; got no such tensor"],
    ["a layer too few", { layers: "1" }, "must hold 5 tensors; got 8"],
    ["a beginning in other letters", { primer: "\u2603" }, 'metadata "primer"'],
    ["a temperature of 0", { temperature: "0" }, 'metadata "temperature"'],
    ["a length in words", { length: "nine" }, 'metadata "length"'],
  ])("refuses %s", async (_, changes, message) => {
    const bytes = encodeSafetensors(tensors, { ...metadata, ...changes });
    await expect(parseTextModel(bytes, "file")).rejects.toThrow(FormatError);
    await expect(parseTextModel(bytes, "file")).rejects.toThrow(message);
  });

  it("refuses what deltaprop train saves", async () => {
    const digits = [
      { name: "dense/kernel", shape: [2, 1], data: Float32Array.of(1, 2) },
      { name: "dense/bias", shape: [1], data: Float32Array.of(0) },
    ];
    await expect(parseTextModel(encodeSafetensors(digits, { producer: "deltaprop" }), "file")).rejects.toThrow(
      'metadata "kind" must be "char-rnn"; got none. Name a file that deltaprop char-rnn has saved.',
    );
  });
});
