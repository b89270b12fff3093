// The rooms of docs/architecture.md as they stand in the source: imports point one way, and only gpu calls WebGPU.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { cycleIn, importsOf, violations } from "./support/architecture.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function sourceFiles(folders = ["src", "shaders", "build", "demo", "bench", "tools"]): Map<string, string> {
  const paths = folders.flatMap((folder) =>
    readdirSync(ROOT + folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => `${folder}/${path.replaceAll("\\", "/")}`),
  );
  return new Map(paths.map((path) => [path, readFileSync(ROOT + path, "utf8")]));
}

describe("the source", () => {
  it("keeps the rules", () => {
    expect(violations(sourceFiles())).toEqual([]);
  });

  it("has files in every room, so that the rules are about something", () => {
    const rooms = new Set([...sourceFiles().keys()].map((path) => path.split("/").slice(0, -1).join("/")));
    for (const room of [
      "build",
      "demo",
      "demo/lib",
      "demo/rooms/text",
      "bench",
      "bench/contenders",
      "tools/kernels",
      "src",
      "src/model",
      "src/graph",
      "src/reference",
      "src/schedule",
      "src/gpu",
      "src/train",
      "src/train/data",
      "src/train/worker",
      "src/formats",
      "src/cli",
      "src/tfjs",
      "src/callbacks",
      "src/files",
      "src/files/own",
      "src/node",
      "shaders",
    ])
      expect(rooms).toContain(room);
  });
});

/** A small tree that keeps the rules, with some files replaced or added. */
const tree = (changes: Record<string, string>) =>
  new Map(
    Object.entries({
      "src/errors.ts": "export class E extends Error {}",
      "src/random.ts": "export const STREAM = 1;",
      "src/model/layers.ts": 'import { E } from "../errors.ts"; export type Name = "a"; export const x = E;',
      "src/graph/build.ts": 'import { x } from "../model/layers.ts"; export const g = x;',
      "src/reference/evaluate.ts": 'export { g } from "../graph/build.ts";',
      "shaders/product.wgsl.ts":
        'import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js"; ' +
        'import type { Name } from "../src/model/layers.ts"; export const p = (n: Name) => wgsl`${n}`;',
      "src/schedule/plan.ts":
        'import { p } from "../../shaders/product.wgsl.ts"; ' + 'import { g } from "../graph/build.ts"; export const s = [p, g];',
      "src/gpu/device.ts":
        'import { s } from "../schedule/plan.ts"; ' + "export const d = (device: GPUDevice) => device.createBuffer(s as never);",
      "src/train/fit.ts": 'import { d } from "../gpu/device.ts"; export const f = d;',
      "src/index.ts": 'export { f } from "./train/fit.ts";',
      "build/wgsl.ts": 'import "vite"; export const plugin = 1;',
      "demo/main.ts": 'import "./style.css"; import "./rooms/text/room.ts";',
      "demo/rooms/text/room.ts": 'import "../../lib/dom.ts"; import url from "./worker.ts?worker&url"; export default url;',
      "demo/rooms/text/worker.ts": 'import "../../../src/index.ts";',
      "demo/lib/dom.ts": 'import { wrap } from "comlink"; export { wrap };',
      "bench/main.ts": 'import "../src/gpu/device.ts"; export const b = (device: GPUDevice) => device.createBuffer(0 as never);',
      "tools/kernels/main.ts":
        'import { s } from "../../src/schedule/plan.ts"; import { Command } from "commander"; export default [s, Command];',
      "src/cli/main.ts": 'import { readFile } from "node:fs/promises"; import { f } from "../index.ts"; ' + "export default [readFile, f];",
      ...changes,
    }),
  );

it("the tests have no cycle of imports either", () => {
  expect(cycleIn(sourceFiles(["src", "shaders", "build", "demo", "bench", "tools", "test"]))).toBeNull();
  expect(
    cycleIn(
      new Map([
        ["test/a.ts", 'import "./b.ts";'],
        ["test/b.ts", 'import type { A } from "./a.ts";'],
      ]),
    ),
  ).toBe("test/a.ts → test/b.ts → test/a.ts");
});

describe("names of types", () => {
  /** Names that are declared in more than one file, each with these. An import that is exported again declares nothing. */
  const twice = (files: ReadonlyMap<string, string>): string[] => {
    const where = new Map<string, string[]>();
    for (const [path, text] of files) {
      for (const [, name] of text.matchAll(/^(?:export )?(?:interface|type) (\w+)\b(?! \})/gm))
        where.set(name, [...(where.get(name) ?? []), path]);
    }
    return [...where].filter(([, paths]) => new Set(paths).size > 1).map(([name, paths]) => `${name}: ${paths.join(", ")}`);
  };

  it("each stand for one thing in all of src and shaders", () => {
    expect(twice(sourceFiles(["src", "shaders"]))).toEqual([]);
  });

  it("control: two of a name are seen", () => {
    expect(
      twice(
        new Map([
          ["a.ts", "interface Plan {\n}\n"],
          ["b.ts", "export type Plan = 1;\nexport type Other = 2;\n"],
        ]),
      ),
    ).toEqual(["Plan: a.ts, b.ts"]);
  });
});

describe("module-level state", () => {
  /** Each with the reason why it may stand. */
  const ALLOWED: Readonly<Record<string, string>> = {
    "src/model/schedules.ts: RATES": "a schedule is a plain value, and its formula belongs to it; nothing depends on who asks first",
    "src/train/data/dataset.ts: CONTENTS": "what a handle holds is nobody else's; it goes with the handle",
    "src/train/get-layer.ts: QUEUES": "what waits for a model goes with the model, which need not hold it where no layer is asked for",
    "src/schedule/tiles.ts: directCache": "results of a pure function",
    "src/train/recovery/fetch-recovery.ts: ahead": "that a file was fetched is true of the whole page",
    "src/gpu/device.ts: made": "set and unset within one synchronous call",
  };
  const STATE = /^(?:export )?(?:let (\w+)|const (\w+)(?:: (?!Readonly)[^=]*)? = new (?:Map|Set|WeakMap|WeakSet)\b)/gm;
  const stateIn = (files: ReadonlyMap<string, string>): string[] =>
    [...files]
      .flatMap(([path, text]) => [...text.matchAll(STATE)].map(([, variable, constant]) => `${path}: ${variable ?? constant}`))
      .sort();
  const library = () =>
    new Map([...sourceFiles(["src", "shaders"]), ["src/wasm/thread.js", readFileSync(`${ROOT}src/wasm/thread.js`, "utf8")]]);

  it("is where it has a reason, and nowhere else", () => {
    expect(stateIn(library())).toEqual(Object.keys(ALLOWED).sort());
  });

  it("control: is seen, and what cannot change is not taken for it", () => {
    expect(
      stateIn(
        new Map([
          ["a.ts", "let x = 1;\nexport const seen = new Map<string, number>();\n  let inner = 2;"],
          ["b.ts", "const KNOWN: ReadonlySet<string> = new Set([1]);\nconst TABLE = { a: 1 };"],
        ]),
      ),
    ).toEqual(["a.ts: seen", "a.ts: x"]);
  });
});

describe("the checker", () => {
  it("passes a tree that keeps the rules", () => {
    expect(violations(tree({}))).toEqual([]);
  });

  it.each<[string, Record<string, string>, string]>([
    ["an edge that points up", { "src/model/x.ts": 'import "../graph/build.ts";' }, "model may not import graph"],
    [
      "an edge that points up in a type",
      { "src/model/x.ts": 'import type { g } from "../graph/build.ts"; export type T = typeof g;' },
      "model may not import graph",
    ],
    ["an edge that points up in a re-export", { "src/graph/types.ts": 'export * from "../train/fit.ts";' }, "graph may not import train"],
    [
      "an edge that points up in an import type",
      { "src/graph/types.ts": 'export type T = import("../gpu/device.ts").d;' },
      "graph may not import gpu",
    ],
    [
      "an edge that points up through a door",
      {
        "src/lazy.ts": 'export const loadFit = () => import("./train/fit.ts");',
        "src/gpu/late.ts": 'import { loadFit } from "../lazy.ts"; export default loadFit;',
      },
      "gpu may not import train",
    ],
    [
      "a dynamic import outside lazy.ts",
      { "src/train/late.ts": 'export const l = () => import("./fit.ts");' },
      "doors stand in src/lazy.ts",
    ],
    [
      "a door that is not there",
      { "src/lazy.ts": "", "src/gpu/late.ts": 'import { loadFit } from "../lazy.ts"; export default loadFit;' },
      "gpu may not import lazy",
    ],
    ["more than doors in lazy.ts", { "src/lazy.ts": "export const doors = new Map();" }, "holds more than doors"],
    [
      "a cycle through a door",
      {
        "src/lazy.ts": 'export const loadB = () => import("./train/b.ts");',
        "src/train/a.ts": 'import { loadB } from "../lazy.ts"; export default loadB;',
        "src/train/b.ts": 'import "./a.ts";',
      },
      "import cycle: src/train/a.ts → src/train/b.ts → src/train/a.ts",
    ],
    [
      "a room of train reaching for one above it",
      { "src/train/data/x.ts": 'import "../loop/y.ts";', "src/train/loop/y.ts": "export const y = 1;" },
      "train/data may not import train/loop",
    ],
    [
      "a room of train reaching for the loop at its top",
      { "src/train/call/x.ts": 'import "../fit.ts";' },
      "train/call may not import train",
    ],
    [
      "the reference reaching for a schedule",
      { "src/reference/x.ts": 'import "../schedule/plan.ts";' },
      "reference may not import schedule",
    ],
    ["formats reaching for a room", { "src/formats/idx.ts": 'import "../model/layers.ts";' }, "formats may not import model"],
    ["a shader imported outside schedule", { "src/gpu/x.ts": 'import "../../shaders/product.wgsl.ts";' }, "gpu may not import shaders"],
    [
      "a shader taking more than types",
      { "shaders/x.wgsl.ts": 'import { g } from "../src/graph/build.ts"; export { g };' },
      "more than types",
    ],
    ["a command going round the public door", { "src/cli/x.ts": 'import "../train/fit.ts";' }, "cli may not import train"],
    [
      "the names of TensorFlow.js going round the public door",
      { "src/tfjs/x.ts": 'import "../train/fit.ts";' },
      "tfjs may not import train",
    ],
    [
      "the names of TensorFlow.js imported by the library",
      { "src/tfjs/x.ts": "export {};", "src/train/x.ts": 'import "../tfjs/x.ts";' },
      "train may not import tfjs",
    ],
    [
      "model files imported by the library",
      { "src/files/x.ts": "export {};", "src/train/x.ts": 'import "../files/x.ts";' },
      "train may not import files",
    ],
    ["a test imported by the source", { "src/train/x.ts": 'import "../../test/x.ts";' }, "which is in no room"],
    ["Node in the library", { "src/train/x.ts": 'import "node:fs";' }, "the package node:fs"],
    [
      "a package whose name starts like one that is allowed",
      { "src/cli/x.ts": 'import "commander-extra";' },
      "the package commander-extra",
    ],
    [
      "a cycle between two files of one room",
      { "src/train/a.ts": 'import "./b.ts";', "src/train/b.ts": 'import type { x } from "./a.ts";' },
      "import cycle: src/train/a.ts → src/train/b.ts → src/train/a.ts",
    ],
    [
      "WebGPU called outside gpu",
      { "src/train/x.ts": "export const x = (d: GPUDevice) => d.createComputePipelineAsync(0 as never);" },
      "calls createComputePipelineAsync(): only gpu calls WebGPU",
    ],
    ["a page's global in the gpu room", { "src/gpu/x.ts": "export const u = GPUBufferUsage.STORAGE;" }, "Node has no such global"],
    ["a room that nobody drew", { "src/attic/x.ts": "export {};" }, "is in no room"],
    ["the page going round the public door", { "demo/lib/x.ts": 'import "../../src/train/fit.ts";' }, "demo/lib may not import train"],
    ["what rooms share knowing a room", { "demo/lib/x.ts": 'import "../rooms/text/room.ts";' }, "demo/lib may not import demo/rooms"],
    ["a package that the page does not have", { "demo/lib/x.ts": 'import "lodash";' }, "the package lodash"],
    ["the benchmark imported by the source", { "src/train/x.ts": 'import "../../bench/main.ts";' }, "train may not import bench"],
    [
      "a cycle between two files of the benchmark",
      { "bench/a.ts": 'import "./b.ts";', "bench/b.ts": 'import type { x } from "./a.ts";' },
      "import cycle: bench/a.ts → bench/b.ts → bench/a.ts",
    ],
    ["a file of 501 lines", { "src/train/x.ts": "//\n".repeat(501) }, "has 501 lines; at most 500"],
  ])("catches %s", (_, changes, message) => {
    const found = violations(tree(changes));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it("reads every form of import", () => {
    const text =
      'import a from "a"; import { type b } from "b"; import type c from "c"; import "d"; export { e } from "e"; ' +
      'export type { f } from "f"; const g = await import("g"); type H = import("h").H; export * from "i";';
    expect(importsOf("x.ts", text).map(({ specifier, typeOnly }) => specifier + (typeOnly ? "!" : ""))).toEqual([
      "a",
      "b",
      "c!",
      "d",
      "e",
      "f!",
      "g",
      "h!",
      "i",
    ]);
  });
});
