// The memory of an engine: one WebAssembly memory that grows, and which pieces of it are taken.

import { OutOfMemoryError } from "../errors.ts";
import { MAX_PAGES } from "./assembler.ts";

const PAGE = 65536,
  LINE = 64;
/** Bytes that are never given out: address 0 and what a negative offset could reach. */
const RESERVED = PAGE;
/** What 32-bit addresses reach, but for the last page: sums of an address and its offset stay below 2³². */
export const MAX_BYTES = (MAX_PAGES - 1) * PAGE;

const REMEDY = "Use fewer units, a smaller batchSize or fewer rows.";

interface MemoryPiece {
  readonly at: number;
  readonly bytes: number;
}

/** @throws OutOfMemoryError if 4 GiB can never hold so many bytes */
export function checkAddresses(bytes: number, what: string, inUse = 0): void {
  if (inUse + bytes <= MAX_BYTES) return;
  throw new OutOfMemoryError(
    `${what}: ${bytes} bytes are asked for beside ${inUse} in use, but WebAssembly's addresses end at ${MAX_BYTES}. ${REMEDY}`,
    bytes,
    MAX_BYTES,
  );
}

/** An OutOfMemoryError in place of the host's RangeError; any other error as it is. */
export const asLackOfMemory = (error: unknown, bytes: number): unknown =>
  error instanceof RangeError
    ? new OutOfMemoryError(`WebAssembly: this host gives no more memory (${error.message}). ${REMEDY}`, bytes, null, null, { cause: error })
    : error;

export class EngineMemory {
  readonly memory: WebAssembly.Memory;
  /** Ascending; neighbours are joined. */
  #free: MemoryPiece[] = [];
  #end = RESERVED;
  readonly #taken = new Map<number, number>();
  #floats: Float32Array<ArrayBuffer> | null = null;

  /** @param shared between threads: it then reserves all addresses, not all memory. @throws OutOfMemoryError if the host gives none */
  constructor(readonly shared: boolean) {
    try {
      this.memory = shared ? new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared }) : new WebAssembly.Memory({ initial: 1 });
    } catch (error) {
      throw asLackOfMemory(error, shared ? MAX_BYTES : PAGE);
    }
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

  /**
   * Whether pieces of so many bytes together may find room. Where free pieces are too small, take() still finds none.
   * @throws OutOfMemoryError if they cannot
   */
  check(bytes: number, what: string): void {
    checkAddresses(bytes, what, this.#end - this.#free.reduce((sum, piece) => sum + piece.bytes, 0));
  }

  #grow(bytes: number, what: string): void {
    checkAddresses(bytes, what, this.#end);
    const pages = Math.ceil((this.#end + bytes) / PAGE) - this.buffer.byteLength / PAGE;
    if (pages <= 0) return;
    try {
      this.memory.grow(pages);
    } catch (error) {
      throw asLackOfMemory(error, bytes);
    }
  }
}
