// The memory of an engine: one WebAssembly memory that grows, and which pieces of it are taken.

import { OutOfMemoryError } from "../errors.ts";
import { MAX_PAGES } from "./assembler.ts";

const PAGE = 65536,
  LINE = 64;
/** Bytes that are never given out: address 0 and what a negative offset could reach. */
const RESERVED = PAGE;
/** What 32-bit addresses reach, but for the last page: sums of an address and its offset stay below 2³². */
export const MAX_BYTES = (MAX_PAGES - 1) * PAGE;

interface MemoryPiece {
  readonly at: number;
  readonly bytes: number;
}

export class EngineMemory {
  readonly memory: WebAssembly.Memory;
  /** Ascending; neighbours are joined. */
  #free: MemoryPiece[] = [];
  #end = RESERVED;
  readonly #taken = new Map<number, number>();
  #floats: Float32Array<ArrayBuffer> | null = null;

  /** @param shared between threads: it then reserves all addresses, not all memory */
  constructor(readonly shared: boolean) {
    this.memory = shared ? new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared }) : new WebAssembly.Memory({ initial: 1 });
  }

  get buffer(): ArrayBuffer {
    return this.memory.buffer;
  }

  /** All of memory as it is now: growing makes another view necessary. */
  get floats(): Float32Array<ArrayBuffer> {
    if (this.#floats?.buffer !== this.buffer) this.#floats = new Float32Array(this.buffer);
    return this.#floats;
  }

  /**
   * A piece of zeros, aligned to a line of the cache.
   * @throws OutOfMemoryError if 4 GiB or the host's memory are not enough
   */
  take(bytes: number, what: string): number {
    const wanted = Math.max(LINE, Math.ceil(bytes / LINE) * LINE),
      index = this.#free.findIndex((piece) => piece.bytes >= wanted);
    let at = this.#end;
    if (index >= 0) {
      const piece = this.#free[index];
      at = piece.at;
      this.#free.splice(index, 1, ...(piece.bytes > wanted ? [{ at: at + wanted, bytes: piece.bytes - wanted }] : []));
      new Uint8Array(this.buffer, at, wanted).fill(0);
    } else {
      this.#grow(wanted, what);
      this.#end += wanted;
    }
    this.#taken.set(at, wanted);
    return at;
  }

  free(at: number): void {
    const bytes = this.#taken.get(at);
    if (bytes === undefined) return;
    this.#taken.delete(at);
    const pieces = [...this.#free, { at, bytes }].sort((a, b) => a.at - b.at),
      joined: MemoryPiece[] = [];
    for (const piece of pieces) {
      const last = joined[joined.length - 1];
      if (last && last.at + last.bytes === piece.at) joined[joined.length - 1] = { at: last.at, bytes: last.bytes + piece.bytes };
      else joined.push(piece);
    }
    this.#free = joined;
  }

  #grow(bytes: number, what: string): void {
    const end = this.#end + bytes,
      refused = (reason: string): OutOfMemoryError =>
        new OutOfMemoryError(
          `${what}: ${bytes} bytes are asked for beside ${this.#end} in use, but ${reason}. Use fewer units, a smaller batchSize or fewer rows.`,
          bytes,
          MAX_BYTES,
        );
    if (end > MAX_BYTES) throw refused(`WebAssembly's addresses end at ${MAX_BYTES}`);
    const pages = Math.ceil(end / PAGE) - this.buffer.byteLength / PAGE;
    if (pages <= 0) return;
    try {
      this.memory.grow(pages);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw refused("the host gives no more memory");
    }
  }
}
