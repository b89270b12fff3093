// HDF5 files in memory, by h5wasm, which is loaded when it is needed. Only names are followed, step by step; a link into another file is
// refused, and numbers are read only where their shape is the one that is wanted.

import { FormatError, UnsupportedError } from "../../index.ts";
import type * as H5Wasm from "h5wasm";
import type { Dataset, File, Group } from "h5wasm";

type Hdf5 = typeof H5Wasm;

/** As HDF5 numbers them: a kind of link, and the class of floating-point types. */
const EXTERNAL = 4,
  FLOAT = 1;

async function load(where: string): Promise<Hdf5> {
  const module = await import("h5wasm").catch((cause: unknown) => {
    throw new UnsupportedError(
      `${where}: HDF5 files need the package h5wasm, which cannot be loaded (${String(cause).slice(0, 200)}). ` +
        `Install it: npm install h5wasm.`,
      { cause },
    );
  });
  // Errors come as exceptions, not on the console.
  (await module.ready).activate_throwing_error_handler();
  return module;
}

/** Does the work on a file of h5wasm's memory, and removes it. */
async function withFile<T>(
  where: string,
  bytes: Uint8Array | null,
  work: (file: File, module: Hdf5) => T,
): Promise<T | Uint8Array<ArrayBuffer>> {
  const module = await load(where),
    { FS } = await module.ready,
    path = `/deltaprop-${crypto.randomUUID()}.h5`;
  if (bytes) FS.writeFile(path, bytes);
  let file: File | undefined;
  try {
    file = new module.File(path, bytes ? "r" : "w");
    const result = work(file, module);
    if (bytes) return result;
    file.flush();
    file.close();
    file = undefined;
    return new Uint8Array(FS.readFile(path));
  } finally {
    try {
      file?.close();
    } catch {
      // What is damaged may not close either.
    }
    FS.unlink(path);
  }
}

/** An open file to read. */
export class Hdf5Reader {
  readonly #file: File;
  readonly #module: Hdf5;

  constructor(
    readonly where: string,
    file: File,
    module: Hdf5,
  ) {
    this.#file = file;
    this.#module = module;
  }

  #find(path: string): Group | Dataset | null {
    let at: unknown = this.#file,
      way = "";
    for (const part of path.split("/").filter((name) => name !== "")) {
      way += `/${part}`;
      if (!(at instanceof this.#module.Group) || !at.keys().includes(part)) return null;
      // h5wasm asks for the whole way, whichever group is asked.
      if (this.#file.get_type(way) === EXTERNAL)
        throw new FormatError(`${this.where}: ${path} is a link into another file. Such a file ` + `is refused.`);
      at = at.get(part);
    }
    return at instanceof this.#module.Group || at instanceof this.#module.Dataset ? at : null;
  }

  has(path: string): boolean {
    return this.#find(path) !== null;
  }

  /** A text, or a list of them; undefined where there is none. */
  attribute(path: string, name: string): string | string[] | undefined {
    const found = this.#find(path),
      names = found ? Object.keys(found.attrs) : [],
      value = names.includes(name) ? found!.attrs[name].value : undefined;
    return typeof value === "string" ? value : Array.isArray(value) ? value.map(String) : undefined;
  }

  /**
   * @returns null where there is no such tensor
   * @throws FormatError if it has another shape, or holds no floats
   */
  tensor(path: string, shape: readonly number[]): { shape: readonly number[]; data: Float32Array<ArrayBuffer> } | null {
    const found = this.#find(path);
    if (!(found instanceof this.#module.Dataset)) return null;
    const { shape: size, dtype, metadata } = found;
    if (size?.join() !== shape.join())
      throw new FormatError(
        `${this.where}: ${path} must have shape (${shape.join(", ")}); got ` + `(${size?.join(", ") ?? ""}). The file is not of one model.`,
      );
    if (metadata.type !== FLOAT || (metadata.size !== 4 && metadata.size !== 8)) {
      throw new UnsupportedError(`${this.where}: ${path} is of type ${JSON.stringify(dtype).slice(0, 80)}. Known: float32 and float64.`);
    }
    const value = found.value;
    return { shape, data: ArrayBuffer.isView(value) ? Float32Array.from(value as Float32Array) : new Float32Array() };
  }
}

/** @throws FormatError if the bytes are no HDF5 file, or a damaged one */
export async function readHdf5<T>(where: string, bytes: Uint8Array, work: (reader: Hdf5Reader) => T): Promise<T> {
  try {
    return (await withFile(where, bytes, (file, module) => {
      if (file.file_id < 0n) throw new FormatError(`${where}: this is not an HDF5 file, or it is damaged.`);
      return work(new Hdf5Reader(where, file, module));
    })) as T;
  } catch (error) {
    if (error instanceof FormatError || error instanceof UnsupportedError) throw error;
    throw new FormatError(`${where}: this is not an HDF5 file, or it is damaged (${String(error).split("\n")[0].slice(0, 200)}).`, {
      cause: error,
    });
  }
}

/** A file to be: groups by path, with what is in them. */
export interface Hdf5Content {
  readonly groups: readonly string[];
  readonly attributes: readonly { readonly path: string; readonly name: string; readonly value: string | readonly string[] }[];
  readonly tensors: readonly { readonly path: string; readonly shape: readonly number[]; readonly data: Float32Array }[];
}

export function writeHdf5(where: string, { groups, attributes, tensors }: Hdf5Content): Promise<Uint8Array<ArrayBuffer>> {
  return withFile(where, null, (file) => {
    const made = new Map<string, Group>([["", file]]);
    const group = (path: string): Group => {
      const found = made.get(path);
      if (found) return found;
      const at = path.lastIndexOf("/"),
        created = group(at < 0 ? "" : path.slice(0, at)).create_group(path.slice(at + 1));
      made.set(path, created);
      return created;
    };
    for (const path of groups) group(path);
    for (const { path, shape, data } of tensors) {
      const at = path.lastIndexOf("/");
      group(path.slice(0, Math.max(0, at))).create_dataset({
        name: path.slice(at + 1),
        data: data as Float32Array<ArrayBuffer>,
        shape: [...shape],
        dtype: "<f4",
      });
    }
    for (const { path, name, value } of attributes) {
      const texts = typeof value === "string" ? value : [...value],
        longest = Math.max(1, ...[texts].flat().map((text) => new TextEncoder().encode(text).length));
      if (typeof texts === "string") group(path).create_attribute(name, texts);
      else group(path).create_attribute(name, texts, [texts.length], `S${longest}`);
    }
    return new Uint8Array();
  });
}
