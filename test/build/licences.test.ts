// Licences of bundled packages lie beside the bundles: cli.licences.txt beside dist/cli.js, licences.txt beside the page.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { build, createBuilder, type Rolldown } from "vite";
import { expect, it, onTestFinished } from "vitest";
import { licenceText, packageFolder } from "../../build/licences.ts";
import { ROOT } from "../support/served-page.ts";

type Files = readonly (Rolldown.OutputChunk | Rolldown.OutputAsset)[];

const outputOf = (built: unknown): Files => ([built].flat() as Rolldown.RolldownOutput[])[0].output;
const textOf = (files: Files, name: string): string | undefined => {
  const file = files.find(({ fileName }) => fileName === name);
  return file?.type === "asset" ? String(file.source) : undefined;
};

async function built(environment: string): Promise<Files> {
  const builder = await createBuilder({
    root: ROOT,
    configFile: `${ROOT}/vite.config.ts`,
    logLevel: "silent",
    environments: { [environment]: { build: { write: false } } },
  });
  return outputOf(await builder.build(builder.environments[environment]));
}

it("the command's file has the licence text of every package that cli.js contains", async () => {
  const files = await built("cli"),
    text = textOf(files, "cli.licences.txt")!;
  const code = files.flatMap((file) => (file.type === "chunk" ? [file.code] : [])).join("\n");
  // The bundler names the file that each part came from.
  const names = new Set([...code.matchAll(/^\/\/ node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gm)].map(([, name]) => name));
  expect([...names]).toEqual(expect.arrayContaining(["commander", "cli-progress"]));
  for (const name of names) {
    const folder = `${ROOT}/node_modules/${name}/`,
      file = (await readdir(folder)).find((one) => /^licen[sc]e/i.test(one))!;
    expect(text).toContain((await readFile(folder + file, "utf8")).trim());
  }
});

it("the page's file has those of its scripts, its workers and its digits", async () => {
  const files = outputOf(await build({ configFile: `${ROOT}/demo/vite.config.ts`, logLevel: "error", build: { write: false } }));
  const text = textOf(files, "licences.txt")!;
  const sources = (await readdir(`${ROOT}/demo`, { recursive: true })).filter(
    (name) => name.endsWith(".ts") && !/config|plugin|policy/.test(name),
  );
  const imported = new Set(
    (await Promise.all(sources.map((name) => readFile(`${ROOT}/demo/${name}`, "utf8")))).flatMap((source) =>
      [...source.matchAll(/(?:from|import) "([a-z@][^"]*)"/g)].map(([, name]) => name.split("/")[0]),
    ),
  );
  expect([...imported].sort()).toEqual(["comlink", "uplot"]);
  for (const name of [...imported, "mnist"]) expect(text).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, "m"));
}, 60_000);

it("the library and its worker contain no package", async () => {
  for (const environment of ["client", "worker", "minified", "minifiedWorker", "page"]) {
    const files = await built(environment);
    expect(files.flatMap((file) => (file.type === "chunk" ? file.moduleIds : [])).filter((id) => packageFolder(id) !== null)).toEqual([]);
    expect(files.filter(({ type }) => type === "asset")).toEqual([]);
  }
});

it("control: a package without a text, or with a licence that nobody looked at, ends the build", async () => {
  const folder = await mkdtemp(`${tmpdir()}/deltaprop-licences-`);
  onTestFinished(() => rm(folder, { recursive: true }));
  const pack = async (name: string, license: string, text: string | null) => {
    await mkdir(`${folder}/${name}`);
    await writeFile(`${folder}/${name}/package.json`, JSON.stringify({ name, version: "1.0.0", license }));
    if (text !== null) await writeFile(`${folder}/${name}/LICENSE.md`, text);
    return `${folder}/${name}`;
  };
  expect(licenceText("x.js", [await pack("good", "MIT", "Do as you like.")])).toMatch(/good 1\.0\.0 \(MIT\)\n\nDo as you like\./);
  await expect(pack("bare", "MIT", null).then((one) => licenceText("x.js", [one]))).rejects.toThrow("has no licence text");
  await expect(pack("odd", "GPL-3.0-only", "…").then((one) => licenceText("x.js", [one]))).rejects.toThrow(
    'under the licence "GPL-3.0-only"',
  );
});

it.each([
  ["/a/node_modules/uplot/dist/uPlot.esm.js?v=1", "/a/node_modules/uplot"],
  ["\0/a/node_modules/@scope/name/index.js", "/a/node_modules/@scope/name"],
  ["/a/node_modules/one/node_modules/two/x.js", "/a/node_modules/one/node_modules/two"],
  ["/a/src/index.ts", null],
  ["\0rolldown/runtime.js", null],
])("the package of %s is %s", (id, folder) => {
  expect(packageFolder(id)).toBe(folder);
});
