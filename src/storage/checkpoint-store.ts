// Where checkpoints are kept: a few named pieces of bytes. Three places, and whatever a user has that reads and writes.

import { UnsupportedError } from "../errors.ts";
import { useTable } from "./database.ts";
import { nodeModules } from "./node.ts";

/** A place for bytes by name. Names are "checkpoint-a.safetensors", "checkpoint-b.safetensors" and "checkpoint-latest". */
export interface CheckpointStore {
  /** Null where there is nothing of that name. */
  read(name: string): Promise<Uint8Array | null>;
  /** Resolves when the bytes are there to stay; in place of what had the name before. */
  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

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
    read: async (key) => (await useTable<unknown>(name, TABLE, "readonly", (table) => table.get(key)) as Uint8Array | undefined) ?? null,
    write: async (key, bytes) => { await useTable(name, TABLE, "readwrite", (table) => table.put(bytes, key)); },
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
 * A folder of files, for Node and Deno; it is made when the first is written.
 * @throws UnsupportedError where there is no file system
 */
export function fileStore(folder: string): CheckpointStore {
  const node = nodeModules();
  if (node === null) throw missing("fileStore()", "indexedDBStore() or opfsStore() in a page");
  const { fs, path, host } = node;
  return {
    async read(name) {
      try {
        return new Uint8Array(await fs.readFile(path.join(folder, name)));
      } catch (error) {
        if ((error as { code?: string }).code === "ENOENT") return null;
        throw error;
      }
    },
    async write(name, bytes) {
      await fs.mkdir(folder, { recursive: true });
      const draft = path.join(folder, `${name}.${host.pid}.part`), file = await fs.open(draft, "w", 0o600);
      try {
        await file.writeFile(bytes);
        // On the disk before the name says so.
        await file.sync();
        await file.close();
        await fs.rename(draft, path.join(folder, name));
      } catch (error) {
        await file.close().catch(() => {});
        await fs.rm(draft, { force: true }).catch(() => {});
        throw error;
      }
    },
  };
}
