// Where numbers of a matrix lie in memory. Number (row, col) is at
//   base + row·rowStride + ⌊col/8⌋·panelStride + (col mod 8)·4      bytes
// so that four neighbouring columns, beginning at a multiple of four, are one vector. Two kinds:
//   rows     of the mini-batch one after the other, each padded to whole vectors; panels lie side by side within a row
//   panels   of 8 columns one after the other, each with all its rows: what a product reads as its right factor
// Numbers beyond the last column may hold anything: whoever mixes columns masks them.

import { rowsOf, timestepsOf, type Tensor } from "../graph/types.ts";

export const PANEL = 8;
export const PANEL_BYTES = 32;

export interface Layout {
  readonly base: number;
  readonly rowStride: number;
  readonly panelStride: number;
}

/** How large a tensor is in memory, and its strides. */
export interface Extent {
  readonly bytes: number;
  readonly rowStride: number;
  readonly panelStride: number;
}

const upTo = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** Numbers from one row to the next: never a large power of two, at which all rows would share few lines of the cache. */
function rowElements(cols: number): number {
  const padded = upTo(cols, 4);
  return padded % 128 === 0 ? padded + 16 : padded;
}

export function panelExtent(rows: number, cols: number): Extent {
  // A single row belongs to all rows of whatever it is added to.
  return { bytes: Math.ceil(cols / PANEL) * rows * PANEL_BYTES, rowStride: rows === 1 ? 0 : PANEL_BYTES, panelStride: rows * PANEL_BYTES };
}

/** @param batch rows of a full mini-batch */
export function extentOf(tensor: Tensor, batch: number): Extent {
  if (tensor.rows !== "batch") return panelExtent(tensor.rows, tensor.cols);
  const rowStride = rowElements(tensor.cols) * 4;
  return { bytes: rowsOf(tensor, batch) * rowStride, rowStride, panelStride: PANEL_BYTES };
}

/** The last timestep of each example of a sequence, read where it lies. */
export const lastTimesteps = (sequence: Layout, tensor: Tensor): Layout => ({
  base: sequence.base + (timestepsOf(tensor) - 1) * sequence.rowStride,
  rowStride: timestepsOf(tensor) * sequence.rowStride,
  panelStride: sequence.panelStride,
});

/** Byte offset of a number within its tensor. */
export const offsetOf = ({ rowStride, panelStride }: Pick<Layout, "rowStride" | "panelStride">, row: number, col: number): number =>
  row * rowStride + Math.floor(col / PANEL) * panelStride + (col % PANEL) * 4;

/** Copies a row-major matrix of floats into memory. */
export function pack(
  floats: Float32Array,
  { base, rowStride, panelStride }: Layout,
  rows: number,
  cols: number,
  values: ArrayLike<number>,
): void {
  for (let row = 0, i = 0; row < rows; row++) {
    for (let first = 0; first < cols; first += PANEL) {
      const at = (base + row * rowStride + (first / PANEL) * panelStride) / 4,
        count = Math.min(PANEL, cols - first);
      for (let j = 0; j < count; j++) floats[at + j] = values[i++];
    }
  }
}

/** The other way. */
export function unpack(
  floats: Float32Array,
  { base, rowStride, panelStride }: Layout,
  rows: number,
  cols: number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    for (let first = 0; first < cols; first += PANEL) {
      const at = (base + row * rowStride + (first / PANEL) * panelStride) / 4;
      values.set(floats.subarray(at, at + Math.min(PANEL, cols - first)), row * cols + first);
    }
  }
  return values;
}

/** A matrix transposed into a layout of its own. */
export function packTransposed(floats: Float32Array, layout: Layout, rows: number, cols: number, values: ArrayLike<number>): void {
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) floats[(layout.base + offsetOf(layout, col, row)) / 4] = values[row * cols + col];
  }
}
