// Node's own modules, found without importing them: all of them or none, so that nobody has half of a file system.

import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { nodeModules } from "../../src/storage/node.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

// Taken before anything stands in for the process.
const take = process.getBuiltinModule.bind(process);
const real = (name: string): unknown => take(name);

describe("nodeModules()", () => {
  it("has Node's own modules and its process", () => {
    expect(nodeModules()).toEqual({ fs, os, path, host: process });
  });

  it("calls getBuiltinModule on its process", () => {
    const host = {
      modules: new Map(["node:fs/promises", "node:os", "node:path"].map((name) => [name, real(name)])),
      getBuiltinModule(name: string) {
        return this.modules.get(name);
      },
    };
    vi.stubGlobal("process", host);
    expect(nodeModules()?.host).toBe(host);
  });

  it.each<[string, unknown]>([
    ["no process", undefined],
    ["a process that a bundler has made", { env: {}, browser: true }],
    ["an older Node, without getBuiltinModule", { versions: { node: "18.0.0" } }],
    ["no file system", { getBuiltinModule: (name: string) => (name === "node:fs/promises" ? undefined : real(name)) }],
    ["no os", { getBuiltinModule: (name: string) => (name === "node:os" ? undefined : real(name)) }],
    ["no path", { getBuiltinModule: (name: string) => (name === "node:path" ? undefined : real(name)) }],
  ])("is null where there is %s", (_, host) => {
    vi.stubGlobal("process", host);
    expect(nodeModules()).toBeNull();
  });

  it("control: with all three there is something", () => {
    vi.stubGlobal("process", { getBuiltinModule: real });
    expect(nodeModules()).not.toBeNull();
  });
});
