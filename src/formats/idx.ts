// IDX, the format of the MNIST files: bytes → shape and unsigned bytes. Decompression happens before, outside.
//   0  0  type  d      magic: two zero bytes, the element type (8 = unsigned byte), the number of dimensions d
//   n₁ … n_d           one big-endian 32-bit count a dimension
//   data               n₁·…·n_d elements, the last dimension running fastest, and nothing after them
// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

import { FormatError } from "../errors.ts";
import { checkBytes } from "./bytes.ts";

const UNSIGNED_BYTE = 0x08;
const MAGIC_BYTES = 4;
const COUNT_BYTES = 4;
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0x09: "signed bytes",
  0x0b: "16-bit integers",
  0x0c: "32-bit integers",
  0x0d: "32-bit floats",
  0x0e: "64-bit floats",
};

/** What an IDX file of unsigned bytes holds. */
export interface Idx {
  /** As the file states it, the last dimension running fastest. */
  readonly shape: number[];
  /** A view into the bytes that were given, not a copy. */
  readonly data: Uint8Array;
}

/** Digits as the models here take them: one row of pixel bytes and one label a digit. */
export interface LabelledImages {
  /** (rows, features), row-major, 0 = background. */
  readonly images: Uint8Array;
  /** (rows), class indices. */
  readonly labels: Uint8Array;
  readonly rows: number;
  readonly features: number;
}

function checkMagic(bytes: Uint8Array, where: string): void {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    throw new FormatError(
      `${where}: these bytes are still compressed with gzip. Decompress them first ` +
        `(node:zlib gunzipSync, or DecompressionStream("gzip") in a page).`,
    );
  }
  if (bytes.length < MAGIC_BYTES) {
    throw new FormatError(`${where}: an IDX file has at least 4 bytes; got ${bytes.length}. Fetch the file again.`);
  }
  const [zero, zero2, type, dimensions] = bytes;
  if (zero !== 0 || zero2 !== 0) {
    const magic = Array.from(bytes.subarray(0, MAGIC_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    throw new FormatError(`${where}: an IDX file starts with two zero bytes; got ${magic}. This is another format.`);
  }
  if (type !== UNSIGNED_BYTE) {
    throw new FormatError(
      `${where}: elements must be unsigned bytes (type 0x08); got type 0x` +
        `${type.toString(16).padStart(2, "0")} (${TYPE_NAMES[type] ?? "unknown"}). Convert the file to bytes.`,
    );
  }
  if (dimensions === 0) {
    throw new FormatError(`${where}: an IDX file has at least one dimension; got 0.`);
  }
}

/**
 * Reads an IDX file of unsigned bytes.
 * @param bytes the file, decompressed
 * @param where what to call the file in errors
 * @throws FormatError on another format or type, a truncated file, or bytes after the data
 */
export function parseIdx(bytes: Uint8Array, where = "parseIdx()"): Idx {
  checkBytes(bytes, where);
  checkMagic(bytes, where);
  const dimensions = bytes[3];
  const dataStart = MAGIC_BYTES + COUNT_BYTES * dimensions;
  if (bytes.length < dataStart) {
    throw new FormatError(
      `${where}: a header of ${dimensions} dimensions takes ${dataStart} bytes; the file has ` +
        `${bytes.length}. It is truncated: fetch it again.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(MAGIC_BYTES + COUNT_BYTES * i));
  const elements = shape.reduce((product, n) => product * n, 1);
  const present = bytes.length - dataStart;
  if (elements !== present) {
    throw new FormatError(
      `${where}: shape ${shape.join("×")} takes ${elements} data bytes; the file has ${present}. ` +
        (present < elements ? "It is truncated: fetch it again." : "Something follows the data: fetch the file again."),
    );
  }
  return { shape, data: bytes.subarray(dataStart) };
}

/**
 * Pairs a file of images (count, height, width) with its file of labels (count).
 * @throws FormatError if a file is in the other's place, empty, or their counts differ
 */
export function mnistFromIdx(images: Idx, labels: Idx, where: string): LabelledImages {
  if (images.shape.length !== 3) {
    throw new FormatError(
      `${where}: the image file must have 3 dimensions (count, height, width); got ` +
        `${images.shape.length} (${images.shape.join("×")})${images.shape.length === 1 ? ": a label file" : ""}.`,
    );
  }
  if (labels.shape.length !== 1) {
    throw new FormatError(
      `${where}: the label file must have 1 dimension (count); got ${labels.shape.length} ` +
        `(${labels.shape.join("×")})${labels.shape.length === 3 ? ": an image file" : ""}.`,
    );
  }
  const [rows, height, width] = images.shape;
  if (rows === 0 || height * width === 0) {
    throw new FormatError(`${where}: there must be at least one image of one pixel; got ${images.shape.join("×")}.`);
  }
  if (labels.shape[0] !== rows) {
    throw new FormatError(
      `${where}: ${rows} images need ${rows} labels; got ${labels.shape[0]}. ` + `These two files do not belong together.`,
    );
  }
  return { images: images.data, labels: labels.data, rows, features: height * width };
}
