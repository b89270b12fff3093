// The page reaches the library through its public door only, and what rooms share knows no room.

import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { importsOf } from "../support/architecture.ts";

/** Runs in Vite, not on the page. */
const BUILD = ["digits-plugin.ts", "vite.config.ts"];
const files = readdirSync("demo", { recursive: true, encoding: "utf8" }).map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts") && !BUILD.includes(path));
const imports = files.flatMap((path) => importsOf(path, readFileSync(`demo/${path}`, "utf8")).map(({ specifier }) => ({ path, specifier })));

it("imports nothing of the source but src/index.ts", () => {
  const ofSource = imports.filter(({ specifier }) => /\/(src|shaders)\//.test(specifier));
  expect(ofSource.length).toBeGreaterThan(5);
  expect(ofSource.filter(({ specifier }) => !/^(\.\.\/)+src\/index\.ts$/.test(specifier))).toEqual([]);
});

it("keeps rooms apart from one another and out of what they share", () => {
  const outside = imports.filter(({ path, specifier }) => (path.startsWith("lib/") && specifier.includes("rooms/")) ||
    (path.startsWith("rooms/") && specifier.startsWith("../") && !/^\.\.\/\.\.\/(lib|\.\.\/src)\//.test(specifier)));
  expect(outside).toEqual([]);
});

it("has files of at most 350 lines", () => {
  const long = files.map((path) => ({ path, lines: readFileSync(`demo/${path}`, "utf8").split("\n").length })).filter(({ lines }) => lines > 351);
  expect(long).toEqual([]);
});
