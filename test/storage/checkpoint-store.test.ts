// Places for checkpoints: what one writes the next one reads, what was there before stays until all of the new is there, and a host without
// such a place says what to use. Files that somebody planted are in files.test.ts; IndexedDB and OPFS as browsers have them are in
// test/train/reload.test.ts, so that here is what those cannot make happen: a write that fails.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { UnsupportedError } from "../../src/errors.ts";
import { fileStore, indexedDBStore, opfsStore } from "../../src/storage/checkpoint-store.ts";

const SLOT = "checkpoint-a.safetensors",
  POINTER = "checkpoint-latest";
const bytes = (...values: readonly number[]) => Uint8Array.from(values);

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a host without such a place is told what to use instead", () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      "indexedDBStore()",
      () => indexedDBStore(),
      /^indexedDBStore\(\): this host has none\. Use fileStore\(folder\) in Node, or an object with read\(\) and write\(\)/,
    ],
    [
      "opfsStore()",
      () => opfsStore(),
      /^opfsStore\(\): this host has none\. Use indexedDBStore\(\) in a page or fileStore\(folder\) in Node/,
    ],
    [
      "fileStore()",
      () => {
        vi.stubGlobal("process", undefined);
        return fileStore("folder");
      },
      /^fileStore\(\): this host has none\. Use indexedDBStore\(\) or opfsStore\(\) in a page/,
    ],
  ])("%s", (_, open, message) => {
    vi.stubGlobal("indexedDB", undefined);
    vi.stubGlobal("navigator", undefined);
    expect(open).toThrow(UnsupportedError);
    expect(open).toThrow(message);
  });

  it("a page whose storage has no file system too", () => {
    for (const navigator of [{}, { storage: {} }, { storage: { getDirectory: null } }]) {
      vi.stubGlobal("navigator", navigator);
      expect(() => opfsStore()).toThrow(UnsupportedError);
    }
  });

  it("control: with one it opens", () => {
    vi.stubGlobal("indexedDB", {});
    vi.stubGlobal("navigator", { storage: { getDirectory: () => Promise.reject(new Error("later")) } });
    expect(() => [indexedDBStore(), opfsStore(), fileStore("folder")]).not.toThrow();
  });
});

describe("fileStore()", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("makes its folder, and those above it, when the first file is written, and not before", async () => {
    const inner = join(folder, "a", "b"),
      store = fileStore(inner);
    expect(await store.read(SLOT)).toBeNull();
    expect(await readdir(folder)).toEqual([]);
    await store.write(SLOT, bytes(1, 2, 3));
    expect(await readdir(inner)).toEqual([SLOT]);
    expect(await fileStore(inner).read(SLOT)).toEqual(bytes(1, 2, 3));
  });

  it("keeps names apart, replaces what has the name, and holds files without bytes", async () => {
    const store = fileStore(folder);
    await store.write(SLOT, bytes(1, 2, 3));
    await store.write(POINTER, bytes(7));
    await store.write(SLOT, bytes());
    expect(await store.read(SLOT)).toEqual(bytes());
    expect(await store.read(POINTER)).toEqual(bytes(7));
    expect((await readdir(folder)).sort()).toEqual([SLOT, POINTER].sort());
  });

  it("reads 4 KiB under the name of the newest, and more only under a name with an ending", async () => {
    const store = fileStore(folder);
    await store.write(POINTER, new Uint8Array(4096));
    expect((await store.read(POINTER))?.length).toBe(4096);
    await store.write(POINTER, new Uint8Array(4097));
    await expect(store.read(POINTER)).rejects.toThrow(/must have at most 4,096 bytes; it has 4,097/);
    await store.write(SLOT, new Uint8Array(4097));
    expect((await store.read(SLOT))?.length).toBe(4097);
  });

  it("says what the file system says, and does not take it for a missing file", async () => {
    const store = fileStore(folder);
    await store.write(SLOT, bytes(1));
    // A file where a folder should be.
    await expect(fileStore(join(folder, SLOT)).read(SLOT)).rejects.toThrow(/ENOTDIR/);
    await expect(fileStore(join(folder, SLOT)).write(SLOT, bytes(1))).rejects.toThrow(/EEXIST|ENOTDIR/);
    expect(await store.read(SLOT)).toEqual(bytes(1));
  });
});

/** A folder of the private file system: files get their bytes when the stream is closed. */
class Folder {
  readonly files = new Map<string, Uint8Array>();
  readonly opened: string[] = [];
  /** What a write, a close or an abort of a stream throws. */
  readonly failures = new Map<string, Error>();
  readonly calls: string[] = [];

  stub(): void {
    const getDirectory = async () => ({
      getDirectoryHandle: async (name: string, options: unknown) => {
        this.opened.push(`${name} ${JSON.stringify(options)}`);
        return { getFileHandle: async (file: string, { create = false } = {}) => this.#file(file, create) };
      },
    });
    vi.stubGlobal("navigator", { storage: { getDirectory } });
  }

  #file(name: string, create: boolean) {
    if (!create && !this.files.has(name)) throw Object.assign(new Error("there is none"), { name: "NotFoundError" });
    if (!this.files.has(name)) this.files.set(name, bytes());
    const call = async (what: string, effect: () => void = () => {}) => {
      this.calls.push(what);
      const failure = this.failures.get(what);
      if (failure) throw failure;
      effect();
    };
    return {
      getFile: async () => {
        await call("getFile");
        return new Blob([this.files.get(name)!.slice()]);
      },
      createWritable: async () => {
        let draft = bytes();
        return {
          write: (written: Uint8Array) => call("write", () => (draft = Uint8Array.from(written))),
          close: () => call("close", () => this.files.set(name, draft)),
          abort: () => call("abort"),
        };
      },
    };
  }
}

describe("opfsStore()", () => {
  let folder: Folder;
  beforeEach(() => {
    folder = new Folder();
    folder.stub();
  });

  it("what one writes another reads, from a folder that is made; null where there is nothing", async () => {
    expect(await opfsStore("mine").read(SLOT)).toBeNull();
    await opfsStore("mine").write(SLOT, bytes(1, 2));
    await opfsStore("mine").write(SLOT, bytes(3));
    expect(await opfsStore("mine").read(SLOT)).toEqual(bytes(3));
    expect(new Set(folder.opened)).toEqual(new Set(['mine {"create":true}']));
    await opfsStore().read(SLOT);
    expect(folder.opened.at(-1)).toBe('deltaprop-checkpoints {"create":true}');
  });

  it.each([
    ["is told and the stream is given up", false],
    ["is told as it was, even if the stream cannot be given up", true],
  ])("a write that fails %s; what was there stays", async (_, abortFails) => {
    const store = opfsStore();
    await store.write(SLOT, bytes(1, 2));
    folder.failures.set("write", new Error("no room"));
    if (abortFails) folder.failures.set("abort", new Error("too late"));
    await expect(store.write(SLOT, bytes(3))).rejects.toThrow("no room");
    expect(folder.calls.slice(-2)).toEqual(["write", "abort"]);
    folder.failures.clear();
    expect(await store.read(SLOT)).toEqual(bytes(1, 2));
  });

  it("a stream that cannot be closed is an error too", async () => {
    folder.failures.set("close", new Error("no room left"));
    await expect(opfsStore().write(SLOT, bytes(3))).rejects.toThrow("no room left");
  });

  it("control: another error than a missing file is no missing file", async () => {
    await opfsStore().write(SLOT, bytes(1));
    folder.failures.set("getFile", Object.assign(new Error("it is in use"), { name: "NoModificationAllowedError" }));
    await expect(opfsStore().read(SLOT)).rejects.toThrow("it is in use");
  });
});
