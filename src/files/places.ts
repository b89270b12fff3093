// Where model files are read from and written to: files of Node, addresses, Blobs and bytes, IndexedDB and OPFS of a page. What a file
// names beside itself (shards of weights) is looked for below its own folder, and nowhere else.

import { FormatError, indexedDBStore, InputError, opfsStore, UnsupportedError, type CheckpointStore } from "../index.ts";
import { readRegularFile, replaceFile } from "../storage/files.ts";
import { nodeModules } from "../storage/node.ts";
import { concat } from "./bytes.ts";

/**
 * A place that has a name: in Node the path of a file, "file:///…"; "indexeddb://name" and "opfs://name" of a page; for reading
 * "https://…", "http://…", "data:…", "blob:…" and, in a page, an address relative to it; or a file that the user picked.
 */
export type ModelPlace = string | URL | FileSystemFileHandle;
/** What a model is read from. */
export type ModelSource = ModelPlace | Blob | ArrayBuffer | Uint8Array;

/** What all readers take. */
export interface ReadOptions {
  /** Larger files are refused, weights included, before they are read; default 2 GiB − 1. */
  maxBytes?: number;
}

const MAX_BYTES = 2 ** 31 - 1,
  STORE = "deltaprop-models",
  MAX_SHOWN = 200;

type Resolved =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "address"; readonly url: URL }
  | { readonly kind: "store"; readonly store: () => CheckpointStore; readonly name: string }
  | { readonly kind: "handle"; readonly handle: FileSystemFileHandle };

const STORES: Readonly<Record<string, () => CheckpointStore>> = {
  "indexeddb:": () => indexedDBStore(STORE),
  "opfs:": () => opfsStore(STORE),
};
const FETCHED = ["http:", "https:", "data:", "blob:"];

const isHandle = (value: unknown): value is FileSystemFileHandle =>
  typeof value === "object" && value !== null && typeof (value as { getFile?: unknown }).getFile === "function";

/** A source in words. */
export function nameOf(source: unknown): string {
  const text =
    typeof source === "string" ? source : source instanceof URL ? source.href : isHandle(source) ? source.name : "the model file";
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

/** @throws InputError if there can be no such place here */
function resolve(where: string, place: ModelPlace): Resolved {
  if (isHandle(place)) return { kind: "handle", handle: place };
  if (typeof place !== "string" && !(place instanceof URL)) {
    throw new InputError(`${where}: a place must be a path, an address, or a file handle; got ${typeof place}.`);
  }
  // One letter is a drive.
  const text = String(place),
    scheme = /^[a-z][a-z\d+.-]+:/i.exec(text)?.[0].toLowerCase(),
    node = nodeModules();
  if (text === "" || text.includes("\0"))
    throw new InputError(`${where}: the place must be a path or an address; got ` + `${JSON.stringify(text)}.`);
  if (scheme !== undefined && Object.hasOwn(STORES, scheme)) {
    const name = text.slice(scheme.length).replace(/^\/\//, "");
    if (name === "" || (scheme === "opfs:" && /[/\\]/.test(name))) {
      throw new InputError(`${where}: ${scheme}// needs a name without "/", such as ${scheme}//my-model; got ${JSON.stringify(text)}.`);
    }
    return { kind: "store", store: STORES[scheme], name };
  }
  if (scheme === "file:" && node) {
    return { kind: "file", path: node.host.getBuiltinModule("node:url").fileURLToPath(text) };
  }
  if (scheme !== undefined && FETCHED.includes(scheme)) return { kind: "address", url: new URL(text) };
  if (scheme !== undefined && (scheme === "file:" || text.startsWith(`${scheme}//`))) {
    throw new InputError(
      `${where}: ${scheme}// is no place here. Known: paths (Node), ` + `${[...Object.keys(STORES), ...FETCHED].join(", ")}.`,
    );
  }
  if (node) return { kind: "file", path: text };
  return { kind: "address", url: new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href) };
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const tooLarge = (where: string, name: string, maxBytes: number): InputError =>
  new InputError(
    `${where}: ${name} has more than maxBytes, ${maxBytes.toLocaleString("en-US")}. Give a larger maxBytes if the file is ` +
      `to be trusted.`,
  );

/** The body of an answer, as long as it is no longer than allowed. */
async function bodyOf(response: Response, maxBytes: number, refuse: () => Error): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(response.headers.get("content-length")) > maxBytes) throw refuse();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (const reader = response.body?.getReader(); reader;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel().catch(() => {});
      throw refuse();
    }
    pieces.push(value);
  }
  return concat(pieces);
}

async function fetchBytes(where: string, url: URL, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const name = nameOf(url);
  const response = await fetch(url).catch((cause: unknown) => {
    throw new InputError(`${where}: ${name} cannot be fetched (${reasonOf(cause)}).`, { cause });
  });
  if (!response.ok) throw new InputError(`${where}: ${name} cannot be fetched: ${response.status} ${response.statusText}.`);
  return bodyOf(response, maxBytes, () => tooLarge(where, name, maxBytes));
}

async function readPlace(where: string, place: ModelPlace, maxBytes: number): Promise<Uint8Array> {
  const resolved = resolve(where, place);
  switch (resolved.kind) {
    case "file":
      return readRegularFile(nodeModules()!, resolved.path, { maxBytes }).catch((cause: unknown) => {
        throw new InputError(`${where}: ${nameOf(place)} cannot be read: ${reasonOf(cause)}.`, { cause });
      });
    case "address":
      return fetchBytes(where, resolved.url, maxBytes);
    case "handle":
      return readBlob(where, await resolved.handle.getFile(), maxBytes);
    case "store": {
      const bytes = await resolved.store().read(resolved.name);
      if (bytes === null) throw new InputError(`${where}: there is no ${nameOf(place)}. Save it first, or name another.`);
      return bytes;
    }
  }
}

async function readBlob(where: string, blob: Blob, maxBytes: number): Promise<Uint8Array> {
  if (blob.size > maxBytes) throw tooLarge(where, (blob as { name?: string }).name ?? "the Blob", maxBytes);
  return new Uint8Array(await blob.arrayBuffer());
}

/** @throws InputError unless it is a whole number of bytes ≥ 1 */
export function checkMaxBytes(where: string, maxBytes: number = MAX_BYTES): number {
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 1) return maxBytes;
  throw new InputError(`${where}: maxBytes must be a whole number ≥ 1; got ${String(maxBytes)}.`);
}

/** Of other realms too. */
const isBuffer = (source: unknown): source is ArrayBuffer => Object.prototype.toString.call(source) === "[object ArrayBuffer]";
const isBytes = (source: unknown): source is Uint8Array =>
  ArrayBuffer.isView(source) && Object.prototype.toString.call(source) === "[object Uint8Array]";

/** The bytes of a model file. @throws InputError if it cannot be read, or has more than `maxBytes` */
export async function readSource(where: string, source: ModelSource, maxBytes: number): Promise<Uint8Array> {
  if (isBuffer(source) || isBytes(source)) {
    if (source.byteLength > maxBytes) throw tooLarge(where, "the model file", maxBytes);
    return isBuffer(source) ? new Uint8Array(source) : source;
  }
  return source instanceof Blob ? readBlob(where, source, maxBytes) : readPlace(where, source, maxBytes);
}

/** Puts the bytes in the place of whatever is there. @throws InputError if they cannot be written, UnsupportedError for an address */
export async function writePlace(where: string, place: ModelPlace, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const resolved = resolve(where, place);
  if (resolved.kind === "address") {
    throw new UnsupportedError(`${where}: nothing can be written to ${nameOf(place)}. Save to null, and send the bytes that it gives.`);
  }
  try {
    if (resolved.kind === "file") await replaceFile(nodeModules()!, resolved.path, bytes, 0o666);
    else if (resolved.kind === "store") await resolved.store().write(resolved.name, bytes);
    else {
      const stream = await resolved.handle.createWritable();
      await stream.write(bytes);
      await stream.close();
    }
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    throw new InputError(`${where}: ${nameOf(place)} cannot be written: ${reasonOf(cause)}.`, { cause });
  }
}

/** The parts of a path that a file names. @throws FormatError if it leads elsewhere than below the file's own folder */
export function partsBelow(where: string, path: string): string[] {
  // TensorFlow.js writes "./model.weights.bin".
  const parts = typeof path === "string" ? path.replace(/^\.\//, "").split("/") : [];
  const bad =
    parts.length === 0 || path.length > 1000 || /[\\:\u0000-\u001f]/.test(path) || parts.some((part) => ["", ".", ".."].includes(part));
  if (!bad) return parts;
  throw new FormatError(
    `${where}: the path ${JSON.stringify(path)?.slice(0, MAX_SHOWN)} must lead to a file below the folder of the ` +
      `model file, as ` +
      '"weights/shard1.bin" does. Such a file is refused.',
  );
}

/**
 * Reads a file that the file at `place` names. @throws FormatError if it lies elsewhere than below its folder; InputError as readSource()
 */
export async function readBeside(where: string, place: ModelPlace, path: string, maxBytes: number): Promise<Uint8Array> {
  const parts = partsBelow(where, path),
    resolved = resolve(where, place);
  if (resolved.kind === "address" && FETCHED.slice(0, 2).includes(resolved.url.protocol)) {
    const url = new URL(parts.map(encodeURIComponent).join("/"), resolved.url);
    url.search = resolved.url.search;
    return fetchBytes(where, url, maxBytes);
  }
  if (resolved.kind !== "file") {
    throw new InputError(
      `${where}: ${nameOf(place)} names ${JSON.stringify(path)} beside it, which cannot be found. Give all files: { ` +
        `"model.json": …, … }.`,
    );
  }
  const { fs, path: paths } = nodeModules()!,
    folder = paths.dirname(resolved.path),
    file = paths.join(folder, ...parts);
  const real = await fs.realpath(file).catch((cause: unknown) => {
    throw new InputError(`${where}: ${file} cannot be read: ${reasonOf(cause)}.`, { cause });
  });
  if (!real.startsWith((await fs.realpath(folder)).replace(/[/\\]?$/, paths.sep))) {
    throw new FormatError(`${where}: ${JSON.stringify(path)} is a link that leads out of the folder of the model file. It is refused.`);
  }
  return readPlace(where, real, maxBytes);
}

/** Writes a file beside the one at `place`. @throws InputError if that is no file of Node */
export async function writeBeside(where: string, place: ModelPlace, name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const resolved = resolve(where, place);
  if (resolved.kind !== "file") {
    throw new UnsupportedError(`${where}: several files cannot be written to ${nameOf(place)}. Save to null, which gives them.`);
  }
  const paths = nodeModules()!.path;
  await writePlace(where, paths.join(paths.dirname(resolved.path), name), bytes);
}
