// The digits: the page's own, or IDX files of the visitor. Bytes throughout.

import { FormatError, parseIdx, type Idx } from "../../../src/index.ts";

export interface Digits {
  /** (rows, features) */
  readonly images: Uint8Array<ArrayBuffer>;
  readonly labels: Uint8Array<ArrayBuffer>;
  readonly rows: number;
}

export interface DigitSets {
  readonly train: Digits;
  readonly validation: Digits;
  /** Never trained on and never used to choose anything. */
  readonly test: Digits;
  readonly side: number;
  readonly features: number;
  readonly classes: number;
}

const OWN_SIDE = 28;
const OWN_CLASSES = 10;
const VALIDATION_SHARE = 0.1;
const MIN_ROWS = 20;
const MAX_SIDE = 64;
const MAX_CLASSES = 62;
/** MNIST's largest file has 47 MB; this is where a bomb stops. */
const MAX_FILE_BYTES = 2 ** 28;

const sliceOf = ({ images, labels, rows }: Digits, from: number, to: number): Digits => {
  const features = images.length / rows;
  return { images: images.subarray(from * features, to * features), labels: labels.subarray(from, to), rows: to - from };
};

/** The last tenth is kept for validation. */
function setsOf(all: Digits, test: Digits, side: number, classes: number): DigitSets {
  const trained = Math.floor(all.rows * (1 - VALIDATION_SHARE));
  return { train: sliceOf(all, 0, trained), validation: sliceOf(all, trained, all.rows), test, side, features: side * side, classes };
}

async function fetched(name: string, base: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(new URL(`digits/${name}`, base));
  if (!response.ok) throw new Error(`digits/${name}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param base the address of the page */
export async function fetchDigits(base: string): Promise<DigitSets> {
  const [train, test] = await Promise.all(
    ["train", "test"].map(async (set) => {
      const [images, labels] = await Promise.all([fetched(`${set}-images`, base), fetched(`${set}-labels`, base)]);
      if (images.length !== labels.length * OWN_SIDE ** 2) throw new Error(`digits/${set}-images: ${images.length} bytes`);
      return { images, labels, rows: labels.length };
    }),
  );
  return setsOf(train, test, OWN_SIDE, OWN_CLASSES);
}

async function bytesOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size > MAX_FILE_BYTES) throw new FormatError(`${file.name}: ${file.size} bytes; at most ${MAX_FILE_BYTES} are read here.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  try {
    const reader = file.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      length += part.value.length;
      if (length > MAX_FILE_BYTES) {
        await reader.cancel();
        break;
      }
    }
  } catch (error) {
    throw new FormatError(`${file.name}: the gzip data are damaged (${(error as Error).message}). Fetch the file again.`);
  }
  if (length > MAX_FILE_BYTES) throw new FormatError(`${file.name}: more than ${MAX_FILE_BYTES} bytes unzipped.`);
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

interface NamedIdx extends Idx {
  readonly name: string;
}

function paired(images: NamedIdx, labels: NamedIdx): Digits {
  const [rows, height, width] = images.shape;
  if (labels.shape[0] !== rows) {
    throw new FormatError(
      `${images.name} has ${rows} images but ${labels.name} has ${labels.shape[0]} labels. These files do not belong together.`,
    );
  }
  if (height !== width || width < 1 || width > MAX_SIDE) {
    throw new FormatError(`${images.name}: images must be square, 1 to ${MAX_SIDE} pixels wide; got ${height}×${width}.`);
  }
  if (rows < MIN_ROWS) throw new FormatError(`${images.name}: ${rows} images are too few; at least ${MIN_ROWS} are needed.`);
  // Views of files: a copy each, so that nothing else holds them.
  return { images: Uint8Array.from(images.data), labels: Uint8Array.from(labels.data), rows };
}

const isTest = ({ name }: { name: string }): boolean => /t10k|test|val/i.test(name);

/**
 * One pair of an image and a label file, or two: then those named t10k, test or val are the test set. Of one pair a fifth is
 * kept for testing.
 * @throws FormatError on anything else, with nothing changed
 */
export async function readIdxFiles(files: readonly File[]): Promise<DigitSets> {
  const all = await Promise.all(
    files.map(async (file): Promise<NamedIdx> => ({ ...parseIdx(await bytesOf(file), file.name), name: file.name })),
  );
  const images = all.filter(({ shape }) => shape.length === 3),
    labels = all.filter(({ shape }) => shape.length === 1);
  if (images.length !== labels.length || images.length + labels.length !== all.length || images.length < 1 || images.length > 2) {
    throw new FormatError(
      "IDX files come in pairs: one with images (3 dimensions) and one with labels (1 dimension), or two such " +
        `pairs. Got ${all.map(({ name, shape }) => `${name} (${shape.join("×")})`).join(", ")}.`,
    );
  }
  const two = images.length === 2;
  if (two && ![images, labels].every((pair) => pair.filter(isTest).length === 1)) {
    throw new FormatError(`Of two pairs one must be named t10k, test or val. Got ${all.map(({ name }) => name).join(", ")}.`);
  }
  const pairs = (wanted: boolean) =>
    paired(
      images.find((file) => isTest(file) === wanted)!,
      labels.find((file) => isTest(file) === wanted)!,
    );
  const whole = two ? pairs(false) : paired(images[0], labels[0]);
  const kept = Math.floor(whole.rows * 0.8);
  const [train, test] = two ? [whole, pairs(true)] : [sliceOf(whole, 0, kept), sliceOf(whole, kept, whole.rows)];
  const side = Math.sqrt(train.images.length / train.rows);
  if (test.images.length / test.rows !== side * side) throw new FormatError("The images of both pairs must have the same size.");
  const classes =
    1 +
    Math.max(
      train.labels.reduce((a, b) => Math.max(a, b), 0),
      test.labels.reduce((a, b) => Math.max(a, b), 0),
    );
  if (classes < 2 || classes > MAX_CLASSES)
    throw new FormatError(`Labels must be of 2 to ${MAX_CLASSES} classes, from 0 on; got ${classes}.`);
  return setsOf(train, test, side, classes);
}
