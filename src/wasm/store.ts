// Weights, optimizer states, sums and carried states in an engine's memory, by the names of the graph. Values may come before the
// shape that says how they lie: they wait as they came until a plan names their tensor.

import type { Tensor } from "../graph/types.ts";
import type { Floats } from "../typed-arrays.ts";
import { rowsOf } from "../graph/types.ts";
import { extentOf, pack, packTransposed, panelExtent, unpack, type Layout } from "./layout.ts";
import type { EngineMemory } from "./memory.ts";

interface StoredTensor {
  readonly layout: Layout;
  readonly rows: number;
  readonly cols: number;
  transpose: Layout | null;
}

export class WasmStore {
  readonly #placed = new Map<string, StoredTensor>();
  readonly #waiting = new Map<string, Floats>();

  constructor(readonly memory: EngineMemory) {}

  /**
   * Where a tensor lies; a new one holds 0, or what was written before it had a place.
   * @throws OutOfMemoryError if there is no room
   */
  place(key: string, tensor: Tensor, batch: number): Layout {
    const known = this.#placed.get(key);
    if (known) return known.layout;
    const { bytes, ...strides } = extentOf(tensor, batch),
      layout = { ...strides, base: this.memory.take(bytes + 16, key) };
    this.#placed.set(key, { layout, rows: rowsOf(tensor, batch), cols: tensor.cols, transpose: null });
    const values = this.#waiting.get(key);
    if (values) this.#fill(key, values);
    this.#waiting.delete(key);
    return layout;
  }

  /** Bytes that place() would take. */
  missing(key: string, tensor: Tensor, batch: number): number {
    return this.#placed.has(key) ? 0 : extentOf(tensor, batch).bytes;
  }

  /** Bytes that transpose() would take. */
  missingTranspose(key: string, { rows, cols }: Tensor): number {
    return this.#placed.get(key)?.transpose ? 0 : panelExtent(cols, Number(rows)).bytes;
  }

  /** Keeps the transpose of a placed matrix beside it from now on. @throws OutOfMemoryError if there is no room */
  transpose(key: string): Layout {
    const placed = this.#of(key),
      { rows, cols } = placed;
    if (placed.transpose) return placed.transpose;
    const { bytes, ...strides } = panelExtent(cols, rows),
      layout = { ...strides, base: this.memory.take(bytes + 16, `${key}, transposed`) };
    placed.transpose = layout;
    packTransposed(this.memory.floats, layout, rows, cols, this.read(key));
    return layout;
  }

  transposeOf(key: string): Layout | null {
    return this.#of(key).transpose;
  }

  write(key: string, values: Floats): void {
    if (this.#placed.has(key)) this.#fill(key, values);
    else this.#waiting.set(key, values.slice());
  }

  read(key: string): Floats {
    const placed = this.#placed.get(key);
    if (!placed) return this.#waiting.get(key)?.slice() ?? new Float32Array(0);
    return unpack(this.memory.floats, placed.layout, placed.rows, placed.cols);
  }

  /** Names of all that was placed or written. */
  get keys(): string[] {
    return [...this.#placed.keys(), ...this.#waiting.keys()];
  }

  #fill(key: string, values: Floats): void {
    const { layout, rows, cols, transpose } = this.#of(key),
      { floats } = this.memory;
    if (values.length !== rows * cols) throw new Error(`${key} holds ${rows * cols} numbers but ${values.length} are written`);
    pack(floats, layout, rows, cols, values);
    if (transpose) packTransposed(floats, transpose, rows, cols, values);
  }

  #of(key: string): StoredTensor {
    const placed = this.#placed.get(key);
    if (!placed) throw new Error(`${key} has no place in memory`);
    return placed;
  }
}
