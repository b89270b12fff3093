// What an editor shows of the published types: documentation for every function that is exported, also by way of a namespace.

import { mkdtemp, rm } from "node:fs/promises";
import { resolve } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ROOT } from "../support/served-page.ts";

let folder: string;
beforeAll(async () => {
  // Below the project, so that types of packages are found.
  folder = await mkdtemp(resolve(ROOT, "node_modules/.deltaprop-types-"));
  const { config } = ts.readConfigFile(`${ROOT}/tsconfig.build.json`, (name) => ts.sys.readFile(name)) as { config: object };
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(config, ts.sys, resolve(ROOT), { outDir: folder, noCheck: true });
  expect(errors).toEqual([]);
  ts.createProgram(fileNames, options).emit();
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The documentation that an editor shows at each place of a text that follows "/*?*\/". */
function hovered(text: string): string[] {
  const file = `${folder}/use.ts`,
    options = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, types: [] };
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [file],
    getScriptVersion: () => "1",
    getCurrentDirectory: () => folder,
    getScriptSnapshot(name) {
      const content = name === file ? text : ts.sys.readFile(name);
      return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content);
    },
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (name) => name === file || ts.sys.fileExists(name),
    readFile: (name) => ts.sys.readFile(name),
    directoryExists: (name) => ts.sys.directoryExists(name),
  });
  const mark = "/*?*/",
    places = [...text.matchAll(/\/\*\?\*\//g)].map(({ index }) => index + mark.length);
  return places.map((place) => ts.displayPartsToString(service.getQuickInfoAtPosition(file, place)?.documentation));
}

const from = (expressions: readonly string[]): string[] =>
  hovered(`import * as dp from "./src/index";\nconst bare = { dense: dp.dense };\n${expressions.map((one) => `${one};`).join("\n")}\n`);

const NAMESPACES = {
  layers: ["activation", "batchNormalization", "dense", "dropout", "gru", "layerNormalization", "lstm", "simpleRNN"],
  train: ["adadelta", "adagrad", "adam", "adamax", "momentum", "rmsprop", "sgd"],
  regularizers: ["l1", "l1l2", "l2"],
  initializers: [
    "constant",
    "glorotNormal",
    "glorotUniform",
    "heNormal",
    "heUniform",
    "identity",
    "lecunNormal",
    "lecunUniform",
    "ones",
    "orthogonal",
    "randomNormal",
    "randomUniform",
    "truncatedNormal",
    "varianceScaling",
    "zeros",
  ],
} as const;

it.each(Object.entries(NAMESPACES))("%s.* show their documentation", async (namespace, names) => {
  const { [namespace as keyof typeof NAMESPACES]: members } = await import("../../src/index.ts");
  expect(Object.keys(members).sort()).toEqual(names);
  const shown = from(names.map((name) => `dp.${namespace}./*?*/${name}`));
  for (const [i, text] of shown.entries()) expect(text.length, `${namespace}.${names[i]}`).toBeGreaterThan(8);
  if (namespace === "layers") expect(shown[2]).toMatch(/^A fully connected layer: z = a·W \+ b/);
  if (namespace === "train") expect(shown[2]).toMatch(/^Adam \(Kingma and Ba 2015\)/);
});

it("every other exported function and class shows its documentation", async () => {
  const names = Object.keys(await import("../../src/index.ts")).filter((name) => !(name in NAMESPACES));
  const shown = from(names.map((name) => `dp./*?*/${name}`));
  expect(names.filter((_, i) => shown[i].length < 8)).toEqual([]);
});

it("control: a property of a plain object shows none, as the namespaces did when they were objects", () => {
  expect(from(["bare./*?*/dense"])).toEqual([""]);
});
