// IDX: what LeCun's description says, byte by byte, and every way a file can fall short of it.

import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError, InputError } from "../../src/errors.ts";
import { mnistFromIdx, parseIdx } from "../../src/formats/idx.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
/** Two images of 1×3 pixels. */
const IMAGES = bytes(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255);
const LABELS = bytes(0, 0, 8, 1, 0, 0, 0, 2, 7, 2);

describe("parseIdx", () => {
  it("reads shape and data, the last dimension running fastest", () => {
    expect(parseIdx(IMAGES, "images")).toEqual({ shape: [2, 1, 3], data: bytes(10, 20, 30, 40, 50, 255) });
    expect(parseIdx(LABELS, "labels")).toEqual({ shape: [2], data: bytes(7, 2) });
  });

  it("reads from the middle of a larger buffer, as file readers hand it over", () => {
    const larger = new Uint8Array([9, 9, 9, ...LABELS, 9]);
    expect(parseIdx(larger.subarray(3, 3 + LABELS.length), "labels").shape).toEqual([2]);
  });

  it("reads counts as unsigned big-endian numbers", () => {
    expect(() => parseIdx(bytes(0, 0, 8, 1, 255, 0, 0, 1), "big")).toThrow("shape 4278190081 takes 4278190081 data bytes");
  });

  it.each([
    ["empty", bytes(), "at least 4 bytes; got 0"],
    ["gzip", new Uint8Array(gzipSync(LABELS)), "still compressed with gzip"],
    ["another format", bytes(0x89, 0x50, 0x4e, 0x47, 0), "two zero bytes; got 89 50 4e 47"],
    ["32-bit floats", bytes(0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0), "type 0x0d (32-bit floats)"],
    ["unknown type", bytes(0, 0, 0x42, 1, 0, 0, 0, 0), "type 0x42 (unknown)"],
    ["no dimensions", bytes(0, 0, 8, 0, 1), "at least one dimension"],
    ["header cut off", IMAGES.subarray(0, 15), "takes 16 bytes; the file has 15"],
    ["data cut off", IMAGES.subarray(0, 21), "takes 6 data bytes; the file has 5. It is truncated"],
    ["bytes after the data", new Uint8Array([...LABELS, 0]), "takes 2 data bytes; the file has 3. Something follows"],
    ["a product beyond 2^53", bytes(0, 0, 8, 4, ...Array<number>(16).fill(255)), "the file has 0"],
  ])("rejects a file that is %s, saying why and which file", (_, file, message) => {
    expect(() => parseIdx(file, "train-labels")).toThrow(FormatError);
    expect(() => parseIdx(file, "train-labels")).toThrow(message);
    expect(() => parseIdx(file, "train-labels")).toThrow("train-labels");
  });

  it("throws FormatError or returns, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (tail) => {
        try {
          const { shape, data } = parseIdx(new Uint8Array([0, 0, 8, ...tail]), "random");
          expect(shape.reduce((a, b) => a * b, 1)).toBe(data.length);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

describe("mnistFromIdx", () => {
  const images = parseIdx(IMAGES, "images"),
    labels = parseIdx(LABELS, "labels");

  it("pairs images with labels, one row of pixels an image", () => {
    const paired = mnistFromIdx(images, labels, "two digits");
    expect(paired).toMatchObject({ rows: 2, features: 3 });
    expect([...paired.images]).toEqual([10, 20, 30, 40, 50, 255]);
    expect([...paired.labels]).toEqual([7, 2]);
  });

  it.each([
    ["swapped files", labels, images, "got 1 (2): a label file"],
    ["images twice", images, images, "got 3 (2×1×3): an image file"],
    ["counts that differ", images, { shape: [1], data: bytes(7) }, "2 images need 2 labels; got 1"],
    ["no images", { shape: [0, 28, 28], data: bytes() }, { shape: [0], data: bytes() }, "got 0×28×28"],
  ])("rejects %s", (_, first, second, message) => {
    expect(() => mnistFromIdx(first, second, "data")).toThrow(FormatError);
    expect(() => mnistFromIdx(first, second, "data")).toThrow(message);
  });
});

it("parseIdx() names itself where it is told no file, and refuses what are no bytes", () => {
  expect(() => parseIdx(bytes(1, 2, 3))).toThrow(/^parseIdx\(\): /);
  expect(() => parseIdx("file" as never)).toThrow(InputError);
  expect(() => parseIdx(new ArrayBuffer(4) as never, "labels")).toThrow(/^labels: a file must be given as a Uint8Array.*got ArrayBuffer/);
});
