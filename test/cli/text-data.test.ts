// A text as numbers: its characters in order, and what is said of one that a model does not know.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placesOf, vocabularyOf } from "../../src/cli/characters.ts";
import { checkTextFits, loadText } from "../../src/cli/text-data.ts";
import { FormatError, InputError } from "../../src/errors.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
});
afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, bytes: string | Uint8Array) => {
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
};

describe("characters", () => {
  // 😀 is two units of UTF-16, the first of them smaller than that of ﬁ, whose code point is smaller than 😀's.
  it("are code points, in their order", () => {
    expect(vocabularyOf("b😀aﬁb\n")).toEqual(["\n", "a", "b", "ﬁ", "😀"]);
    expect([...placesOf("b😀a", ["\n", "a", "b", "ﬁ", "😀"], "x")]).toEqual([2, 4, 1]);
  });

  it("have places of more than a byte where there are more than 256", () => {
    const text = String.fromCodePoint(...Array.from({ length: 300 }, (_, i) => 0x4e00 + i));
    expect(placesOf(text, vocabularyOf(text), "x").at(-1)).toBe(299);
    expect(placesOf(text.slice(0, 256), vocabularyOf(text.slice(0, 256)), "x")).toBeInstanceOf(Uint8Array);
  });

  it.each([
    ["é", '"é" (U+00E9)'],
    ["😀", "(U+1F600)"],
    ["\x07", '"\\u0007" (U+0007)'],
    ["\x9b", '"\\u009b" (U+009B)'],
  ])("unknown to a model: %j is named", (unknown, name) => {
    expect(() => placesOf(`ab\na${unknown}`, ["\n", "a", "b"], "--text f")).toThrow(InputError);
    expect(() => placesOf(`ab\na${unknown}`, ["\n", "a", "b"], "--text f")).toThrow("--text f: line 2 has the character ");
    expect(() => placesOf(`ab\na${unknown}`, ["\n", "a", "b"], "--text f")).toThrow(name);
  });
});

describe("files", () => {
  it("are UTF-8, a byte order mark left out", async () => {
    expect((await loadText(await file("bom", "\ufeffäb"))).text).toBe("äb");
  });

  it.each([
    ["empty", "", InputError, "is empty"],
    ["latin1", Uint8Array.of(0x61, 0xe4, 0x62), FormatError, "UTF-8"],
  ])("%s: refused", async (name, bytes, kind, message) => {
    const path = await file(name, bytes);
    await expect(loadText(path)).rejects.toThrow(kind);
    await expect(loadText(path)).rejects.toThrow(message);
  });

  it("that are not there, or folders, are refused", async () => {
    await expect(loadText(join(folder, "none"))).rejects.toThrow(/cannot be read: ENOENT/);
    await expect(loadText(folder)).rejects.toThrow(/cannot be read: .* must be a regular file and is a folder/);
  });

  it("are the project's own sources by default", async () => {
    const { text, source } = await loadText(null);
    expect(text).toContain("export async function loadText".slice(0, 6));
    expect(source).toMatch(/own sources: \d+ files of src\//);
  });
});

// One character more than the windows: the answer to the last one.
it("takes a window for each row and one character more", () => {
  expect(() => checkTextFits(13, ["a", "b"], 4, 3, "x")).not.toThrow();
  expect(() => checkTextFits(12, ["a", "b"], 4, 3, "--text f")).toThrow(
    "--text f: --batch 3 windows of --length 4 take at least 13 characters; the text has 12.",
  );
});
