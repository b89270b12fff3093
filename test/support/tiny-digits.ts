// Four easy classes on 3×3 pixels, and IDX files of them: data that trains in a moment.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { LabelledImages } from "../../src/formats/idx.ts";
import { RandomSequence, STREAM } from "../../src/random.ts";

const PATTERNS = ["111000000", "000000111", "100100100", "001001001"];

/** Class patterns in turn, bright pixels 180…255, dark ones 0…75. */
export function tinyDigits(rows: number): LabelledImages {
  const random = new RandomSequence(1, STREAM.data, rows);
  const labels = Uint8Array.from({ length: rows }, (_, row) => row % PATTERNS.length);
  const images = Uint8Array.from(
    { length: rows * 9 },
    (_, i) => (PATTERNS[labels[Math.floor(i / 9)]][i % 9] === "1" ? 180 : 0) + random.below(76),
  );
  return { images, labels, rows, features: 9 };
}

export function idxBytes(shape: readonly number[], data: Uint8Array): Uint8Array {
  const file = new Uint8Array(4 + 4 * shape.length + data.length),
    view = new DataView(file.buffer);
  file.set([0, 0, 8, shape.length]);
  shape.forEach((n, i) => view.setUint32(4 + 4 * i, n));
  file.set(data, 4 + 4 * shape.length);
  return file;
}

/** 200 digits to train on, 40 to test with. @returns the training images' file */
export async function writeTinyDigits(folder: string, { separator = "-", gzipped = false } = {}): Promise<{ images: Uint8Array }> {
  const write = (stem: string, dimensions: number, file: Uint8Array) =>
    writeFile(join(folder, `${stem}${separator}idx${dimensions}-ubyte${gzipped ? ".gz" : ""}`), gzipped ? gzipSync(file) : file);
  const parts = [
    ["train", tinyDigits(200)],
    ["t10k", tinyDigits(40)],
  ] as const;
  for (const [name, { images, labels, rows }] of parts) {
    await write(`${name}-images`, 3, idxBytes([rows, 3, 3], images));
    await write(`${name}-labels`, 1, idxBytes([rows], labels));
  }
  return { images: idxBytes([200, 3, 3], parts[0][1].images) };
}
