// Where callbacks write: a store that was given, or files of Node and Deno by their path.

import { fileStore, InputError, type CheckpointStore } from "../index.ts";
import { show } from "../model/checks.ts";

/** Reads and writes one named piece of bytes after the other. */
export type CheckpointFiles = CheckpointStore;

/** A store that takes paths: "runs/best.safetensors" lies in the folder runs. */
const byPath = (): CheckpointFiles => {
  const at = (path: string): [folder: string, name: string] => {
    const cut = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
    return [cut < 0 ? "." : path.slice(0, cut + 1), path.slice(cut + 1)];
  };
  // A host without files says so now.
  fileStore(".");
  return {
    read: (path) => fileStore(at(path)[0]).read(at(path)[1]),
    write: (path, bytes) => fileStore(at(path)[0]).write(at(path)[1], bytes),
  };
};

/** @throws InputError if it is no store, UnsupportedError where none is given and there are no files */
export function filesOf(where: string, store: CheckpointStore | undefined): CheckpointFiles {
  if (store === undefined) return byPath();
  if (typeof store?.read === "function" && typeof store.write === "function") return store;
  throw new InputError(
    `${where}: store must have read() and write(); got ${show(store)}. Pass what indexedDBStore(), opfsStore() or fileStore() gave.`,
  );
}

/** @throws InputError if it is no name */
export function checkPath(where: string, name: string, path: unknown): string {
  if (typeof path === "string" && path !== "" && !/[/\\]$/.test(path)) return path;
  throw new InputError(`${where}: ${name} must be the name of a file; got ${show(path)}.`);
}
