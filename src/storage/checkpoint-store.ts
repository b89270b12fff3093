// Where checkpoints are kept: a few named pieces of bytes. Three places, and whatever a user has that reads and writes.

import { UnsupportedError } from "../errors.ts";
import { useTable } from "./database.ts";
import { readRegularFile, replaceFile } from "./files.ts";
import { nodeModules } from "./node.ts";

/** A place for bytes by name. Names are "checkpoint-a.safetensors", "checkpoint-b.safetensors" and "checkpoint-latest". */
export interface CheckpointStore {
  /** Null where there is nothing of that name. */
  read(name: string): Promise<Uint8Array | null>;
  /** Resolves when the bytes are there to stay; in place of what had the name before. */
  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** Of a file: a checkpoint, and what names the newest of them. */
const MAX_SLOT_BYTES = 2 ** 31 - 1,
  MAX_POINTER_BYTES = 2 ** 12;

const missing = (what: string, instead: string): UnsupportedError =>
  new UnsupportedError(`${what}: this host has none. Use ${instead}, or an object with read() and write() of your own.`);

/**
 * A database of the page (IndexedDB).
 * @param name of the database; trainings that are kept side by side need names of their own
 * @throws UnsupportedError where there is no IndexedDB
 */
export function indexedDBStore(name = "deltaprop-checkpoints"): CheckpointStore {
  if (globalThis.indexedDB === undefined) throw missing("indexedDBStore()", "fileStore(folder) in Node");
  const TABLE = "checkpoints";
  return {
    read: async (key) => ((await useTable<unknown>(name, TABLE, "readonly", (table) => table.get(key))) as Uint8Array | undefined) ?? null,
    write: async (key, bytes) => {
      await useTable(name, TABLE, "readwrite", (table) => table.put(bytes, key));
    },
  };
}

/**
 * A folder of the page's private file system (OPFS): for models whose checkpoints are large.
 * @throws UnsupportedError where there is none
 */
export function opfsStore(folder = "deltaprop-checkpoints"): CheckpointStore {
  const storage = (globalThis.navigator as Navigator | undefined)?.storage;
  if (typeof storage?.getDirectory !== "function") throw missing("opfsStore()", "indexedDBStore() in a page or fileStore(folder) in Node");
  const open = async () => (await storage.getDirectory()).getDirectoryHandle(folder, { create: true });
  return {
    async read(name) {
      try {
        const file = await (await (await open()).getFileHandle(name)).getFile();
        return new Uint8Array(await file.arrayBuffer());
      } catch (error) {
        if ((error as { name?: string }).name === "NotFoundError") return null;
        throw error;
      }
    },
    async write(name, bytes) {
      // What was there before is replaced when the stream is closed.
      const stream = await (await (await open()).getFileHandle(name, { create: true })).createWritable();
      try {
        await stream.write(bytes);
      } catch (error) {
        await stream.abort().catch(() => {});
        throw error;
      }
      await stream.close();
    },
  };
}

/**
 * A folder of files, for Node and Deno; it is made when the first is written. Reading rejects with an InputError what is no regular
 * file (a folder, a pipe, a link) or too large: 2 GiB for a checkpoint or another file whose name has an ending, 4 KiB for what names the newest.
 * @throws UnsupportedError where there is no file system
 */
export function fileStore(folder: string): CheckpointStore {
  const node = nodeModules();
  if (node === null) throw missing("fileStore()", "indexedDBStore() or opfsStore() in a page");
  const { fs, path } = node;
  return {
    async read(name) {
      const maxBytes = name.includes(".") ? MAX_SLOT_BYTES : MAX_POINTER_BYTES;
      try {
        return await readRegularFile(node, path.join(folder, name), { maxBytes, followLinks: false });
      } catch (error) {
        if ((error as { code?: string }).code === "ENOENT") return null;
        throw error;
      }
    },
    async write(name, bytes) {
      await fs.mkdir(folder, { recursive: true });
      await replaceFile(node, path.join(folder, name), bytes);
    },
  };
}
