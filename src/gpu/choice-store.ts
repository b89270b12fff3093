// Where measured choices are remembered: a database of the page, or a file of the user in Node. Keys and values are strings.
// Nothing here may fail a training run: what cannot be read is not known, what cannot be written is not remembered. Nobody
// should trust what is read: anybody who can write to the place may have written it.

import { useTable } from "../storage/database.ts";
import { readRegularFile, replaceFile } from "../storage/files.ts";
import { nodeModules } from "../storage/node.ts";

export interface ChoiceStore {
  /** Undefined where nothing is known. Never rejects. */
  read(key: string): Promise<unknown>;
  /** Never rejects. */
  write(key: string, value: string): Promise<void>;
}

/** Entries of the file; the oldest make room. */
const MAX_ENTRIES = 1000;
/** Of the file: far more than that many entries take. */
const MAX_BYTES = 2 ** 24;
const NAME = "deltaprop",
  TABLE = "autotune",
  FILE = "autotune.json";

/** The one of this host. */
export function openChoiceStore(): ChoiceStore {
  const file = choiceFile();
  return file !== null ? new FileStore(file) : globalThis.indexedDB !== undefined ? new DatabaseStore() : new NoStore();
}

class NoStore implements ChoiceStore {
  async read(): Promise<undefined> {}
  async write(): Promise<void> {}
}

/** In the user's folder for what can be made again; null where there is no file system. */
export function choiceFile(): string | null {
  const node = nodeModules();
  if (node === null) return null;
  const {
    path,
    os,
    host: { env, platform },
  } = node;
  const folder = platform === "win32" ? env.LOCALAPPDATA : env.XDG_CACHE_HOME;
  // The specification of XDG ignores relative paths.
  if (folder !== undefined && path.isAbsolute(folder)) return path.join(folder, NAME, FILE);
  const home = os.homedir();
  return path.join(home, ...(platform === "darwin" ? ["Library", "Caches"] : [".cache"]), NAME, FILE);
}

class FileStore implements ChoiceStore {
  constructor(readonly file: string) {}

  async read(key: string): Promise<unknown> {
    return (await this.#entries()).get(key);
  }

  async write(key: string, value: string): Promise<void> {
    const node = nodeModules();
    if (node === null) return;
    const { fs, path } = node;
    try {
      const entries = await this.#entries();
      entries.delete(key);
      const kept = [...entries, [key, value] as const].slice(-MAX_ENTRIES);
      await fs.mkdir(path.dirname(this.file), { recursive: true });
      const text = `${JSON.stringify(Object.fromEntries(kept), null, 1)}\n`;
      await replaceFile(node, this.file, new TextEncoder().encode(text));
    } catch {
      // No room, no right to write: it is measured again next time.
    }
  }

  async #entries(): Promise<Map<string, string>> {
    try {
      const content: unknown = JSON.parse(
        new TextDecoder().decode(await readRegularFile(nodeModules()!, this.file, { maxBytes: MAX_BYTES })),
      );
      if (typeof content !== "object" || content === null) return new Map();
      return new Map(Object.entries(content).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
    } catch {
      return new Map();
    }
  }
}

class DatabaseStore implements ChoiceStore {
  async read(key: string): Promise<unknown> {
    try {
      return await useTable<unknown>(NAME, TABLE, "readonly", (table) => table.get(key));
    } catch {
      return undefined;
    }
  }

  async write(key: string, value: string): Promise<void> {
    try {
      await useTable(NAME, TABLE, "readwrite", (table) => table.put(value, key));
    } catch {
      // A private window, no room, a user who forbids it.
    }
  }
}
