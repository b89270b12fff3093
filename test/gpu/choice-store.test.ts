// What is remembered, on whichever host this runs: a file in Node, a database in a page. Whatever lies there, nothing fails.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { choiceFile, openChoiceStore } from "../../src/gpu/choice-store.ts";

const inNode = typeof process !== "undefined" && typeof process.getBuiltinModule === "function";

describe("on this host", () => {
  let folder = "",
    before: string | undefined;
  beforeAll(() => {
    if (!inNode) return;
    folder = process.getBuiltinModule("node:fs").mkdtempSync(`${process.getBuiltinModule("node:os").tmpdir()}/deltaprop-`);
    before = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = folder;
  });
  afterAll(() => {
    if (!inNode) return;
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    process.getBuiltinModule("node:fs").rmSync(folder, { recursive: true });
  });

  it("what one writes another reads; the last word counts; strange keys are keys", async () => {
    const key = `key ${Math.random()}`;
    expect(await openChoiceStore().read(key)).toBeUndefined();
    await openChoiceStore().write(key, "a");
    await openChoiceStore().write("__proto__", "b");
    expect(await openChoiceStore().read(key)).toBe("a");
    await openChoiceStore().write(key, "c");
    expect(await openChoiceStore().read(key)).toBe("c");
    expect(await openChoiceStore().read("__proto__")).toBe("b");
    expect(await openChoiceStore().read("toString")).toBeUndefined();
  });

  describe("the file", () => {
    beforeEach(({ skip }) => skip(!inNode, "in a page choices lie in a database, not in a file"));
    const fs = () => process.getBuiltinModule("node:fs");

    it("lies in the cache folder of the user; relative ones do not count", () => {
      expect(choiceFile()).toBe(`${folder}/deltaprop/autotune.json`);
      process.env.XDG_CACHE_HOME = "relative";
      expect(choiceFile()).toMatch(/^\/.*\/deltaprop\/autotune\.json$/);
      process.env.XDG_CACHE_HOME = folder;
    });

    it.each(["", "{", "null", "3", '"text"', "[1, 2]", '{"key": {"kind": "direct"}}', '{"key": 3}', "\u0000".repeat(100), '{"a": "b"'])(
      "that holds %j is as good as none, and is written anew",
      async (content) => {
        fs().writeFileSync(choiceFile()!, content);
        expect(await openChoiceStore().read("key")).toBeUndefined();
        await openChoiceStore().write("key", "value");
        expect(await openChoiceStore().read("key")).toBe("value");
        expect(fs().readdirSync(`${folder}/deltaprop`)).toEqual(["autotune.json"]);
      },
    );

    it("keeps its newest thousand entries", async () => {
      fs().writeFileSync(choiceFile()!, JSON.stringify(Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`k${i}`, "v"]))));
      await openChoiceStore().write("new", "value");
      expect(Object.keys(JSON.parse(fs().readFileSync(choiceFile()!, "utf8")) as object)).toHaveLength(1000);
      expect(await openChoiceStore().read("new")).toBe("value");
      expect(await openChoiceStore().read("k0")).toBeUndefined();
    });

    it("that cannot be written is no error", async () => {
      process.env.XDG_CACHE_HOME = "/dev/null";
      await openChoiceStore().write("key", "value");
      expect(await openChoiceStore().read("key")).toBeUndefined();
      process.env.XDG_CACHE_HOME = folder;
    });
  });
});
