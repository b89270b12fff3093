// The page reaches the library through its public door only, and what rooms share knows no room.

import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { importsOf } from "../support/architecture.ts";

/** Runs in Vite, not on the page. */
const BUILD = ["digits-plugin.ts", "vite.config.ts"];
const files = readdirSync("demo", { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts") && !BUILD.includes(path));
const imports = files.flatMap((path) =>
  importsOf(path, readFileSync(`demo/${path}`, "utf8")).map(({ specifier }) => ({ path, specifier })),
);

/** What the text room shares with `npm run char-rnn`. */
const OF_CHAR_RNN = ["characters.ts", "saved-text-model.ts", "text-model.ts", "text-sampler.ts"];

it("imports nothing of the source but src/index.ts and the names of older versions, and in the text room what it shares with a command", () => {
  const ofSource = imports.filter(({ specifier }) => /\/(src|shaders)\//.test(specifier));
  expect(ofSource.length).toBeGreaterThan(5);
  expect(
    ofSource.filter(
      ({ path, specifier }) =>
        !/^(\.\.\/)+src\/(index|formats\/activation-versions)\.ts$/.test(specifier) &&
        !(path.startsWith("rooms/text/") && OF_CHAR_RNN.some((file) => specifier === `../../../src/cli/${file}`)),
    ),
  ).toEqual([]);
});

it("shares nothing with a command that needs Node", () => {
  const further = OF_CHAR_RNN.flatMap((file) => importsOf(file, readFileSync(`src/cli/${file}`, "utf8")).map(({ specifier }) => specifier));
  expect(
    further.filter(
      (specifier) => !/^\.\.\/(index|errors|random|formats\/safetensors)\.ts$/.test(specifier) && !OF_CHAR_RNN.includes(specifier.slice(2)),
    ),
  ).toEqual([]);
});

it("keeps rooms apart from one another and out of what they share", () => {
  const outside = imports.filter(
    ({ path, specifier }) =>
      (path.startsWith("lib/") && specifier.includes("rooms/")) ||
      (path.startsWith("rooms/") && specifier.startsWith("../") && !/^\.\.\/\.\.\/(lib|\.\.\/src)\//.test(specifier)),
  );
  expect(outside).toEqual([]);
});

it("has files of at most 500 lines", () => {
  const long = files
    .map((path) => ({ path, lines: readFileSync(`demo/${path}`, "utf8").split("\n").length }))
    .filter(({ lines }) => lines > 501);
  expect(long).toEqual([]);
});
