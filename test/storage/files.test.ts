// Files that somebody planted: links, pipes, devices, folders and huge files where a checkpoint or a remembered choice belongs.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { InputError } from "../../src/errors.ts";
import { choiceFile, openChoiceStore } from "../../src/gpu/choice-store.ts";
import { fileStore } from "../../src/index.ts";
import { createFile, nameOfDraft } from "../../src/storage/files.ts";
import { nodeModules } from "../../src/storage/node.ts";

const SLOT = "checkpoint-a.safetensors",
  POINTER = "checkpoint-latest";
const bytes = (text: string) => Uint8Array.from(new TextEncoder().encode(text));

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
});
afterEach(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function plantLink(path: string): Promise<void> {
  await writeFile(at("other"), "secret");
  await symlink(at("other"), path);
}

/** A file of so many bytes that takes none of the disk. */
async function plantHoles(path: string, size: number): Promise<void> {
  await writeFile(path, "");
  await truncate(path, size);
}

describe.skipIf(process.platform === "win32")("fileStore() reads regular files of a sensible size alone", () => {
  it.each<[string, string, (path: string) => unknown, RegExp]>([
    ["a folder", SLOT, (path) => mkdir(path), /regular file and is a folder/],
    ["a pipe", SLOT, (path) => execFileSync("mkfifo", [path]), /is a pipe/],
    ["a link to a device", SLOT, (path) => symlink("/dev/zero", path), /is a symbolic link/],
    ["a link to a file", SLOT, (path) => plantLink(path), /symbolic link/],
    ["a pointer of 1 GB", POINTER, (path) => plantHoles(path, 1e9), /at most 4,096 bytes; it has 1,000,000,000/],
    ["a slot of 3 GB", SLOT, (path) => plantHoles(path, 3e9), /at most 2,147,483,647 bytes/],
  ])("and not %s", async (_, name, plant, message) => {
    await plant(at(name));
    const error: unknown = await fileStore(folder)
      .read(name)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(message);
  });

  it("control: what it wrote itself, in place of what was there, and null where there is nothing", async () => {
    const store = fileStore(folder);
    expect(await store.read(SLOT)).toBeNull();
    for (const text of ["first", "second, longer"]) {
      await store.write(SLOT, bytes(text));
      expect(new TextDecoder().decode((await store.read(SLOT))!)).toBe(text);
    }
    expect(await readdir(folder)).toEqual([SLOT]);
  });
});

describe.skipIf(process.platform === "win32")("nothing that was planted is written through", () => {
  it("a link under the name itself is replaced", async () => {
    await writeFile(at("victim"), "precious");
    await symlink(at("victim"), at(SLOT));
    await fileStore(folder).write(SLOT, bytes("new"));
    expect([await readFile(at("victim"), "utf8"), await readFile(at(SLOT), "utf8")]).toEqual(["precious", "new"]);
  });

  it("a link under the draft's name is refused even if the name was guessed", async () => {
    const random = "01234567-89ab-4cde-8f01-23456789abcd",
      draft = `${SLOT}.${random}.part`;
    vi.stubGlobal("crypto", { randomUUID: () => random });
    await writeFile(at("victim"), "precious");
    for (const target of [at("victim"), at("not yet")]) {
      await symlink(target, at(draft));
      await expect(fileStore(folder).write(SLOT, bytes("new"))).rejects.toThrow("EEXIST");
      await rm(at(draft));
    }
    expect([await readFile(at("victim"), "utf8"), existsSync(at("not yet")), existsSync(at(SLOT))]).toEqual(["precious", false, false]);
    // Control: that is the draft's name.
    await fileStore(folder).write(SLOT, bytes("new"));
    expect(nameOfDraft(draft)).toBe(SLOT);
    await expect(createFile(nodeModules()!, at(SLOT), bytes("x"), 0o600)).rejects.toThrow("EEXIST");
  });

  it("drafts have another name each time", async () => {
    const names = new Set<string>(),
      real = globalThis.crypto;
    vi.stubGlobal("crypto", {
      randomUUID: () => {
        const name = real.randomUUID();
        names.add(name);
        return name;
      },
    });
    for (let i = 0; i < 3; i++) await fileStore(folder).write(SLOT, bytes("x"));
    expect(names.size).toBe(3);
  });

  it("and what autotune remembers is neither read from a pipe nor written through a link", async () => {
    vi.stubEnv("XDG_CACHE_HOME", folder);
    vi.stubEnv("LOCALAPPDATA", folder);
    if (process.platform === "darwin") return;
    await mkdir(at("deltaprop"));
    execFileSync("mkfifo", [choiceFile()!]);
    expect(await openChoiceStore().read("key")).toBeUndefined();
    await openChoiceStore().write("key", "value");
    expect(await openChoiceStore().read("key")).toBe("value");
    await writeFile(at("victim"), "{}");
    await rm(choiceFile()!);
    await symlink(at("victim"), choiceFile()!);
    await openChoiceStore().write("key", "other");
    expect([await readFile(at("victim"), "utf8"), await openChoiceStore().read("key")]).toEqual(["{}", "other"]);
  });
});

it("knows drafts by their names, those of earlier versions too, and nothing else", () => {
  expect(nameOfDraft("checkpoint-latest.1234.part")).toBe("checkpoint-latest");
  for (const name of [SLOT, "thesis.part", "a.b.part", "notes.0123.parts"]) expect(nameOfDraft(name)).toBeNull();
});
