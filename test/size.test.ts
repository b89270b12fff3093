// What a page has to load: an application made of the built library, minified and gzipped as a web server would.

import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build, createBuilder, type Plugin, type Rolldown } from "vite";
import { beforeAll, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * Bytes that a page loads to train an MLP on data that fit its device, as the page of README.md does: test/train/uncommon.test.ts
 * holds that this one loads nothing later, and test/train/recovery.test.ts that what is needed when something goes wrong is fetched
 * when training has begun, not before.
 */
const LIMIT = 45_000;
/** The same of dist/min, as it lies there. */
const LIMIT_WITHOUT_BUNDLER = 57_700;

/** What deltaprop/tfjs adds to it. */
const LIMIT_OF_TFJS = 24_700;
/** What deltaprop/files adds to it. */
const LIMIT_OF_FILES = 16_900;
/** What deltaprop/onnx adds to it. */
const LIMIT_OF_ONNX = 12_200;
/** What deltaprop/keras-files adds to it, without h5wasm. */
const LIMIT_OF_KERAS_FILES = 18_700;

/** What deltaprop/callbacks adds to it. */
const LIMIT_OF_CALLBACKS = 5_000;

/** What an MLP loads besides on the WebAssembly engine, with one thread. */
const LIMIT_OF_WASM = 18_100;

type Chunk = Rolldown.OutputChunk;

const chunksOf = (built: unknown): Chunk[] =>
  ([built].flat() as Rolldown.RolldownOutput[])[0].output.filter((file) => file.type === "chunk");

/** dist/ as `npm run build` makes it, by file name. */
async function buildLibrary(
  environment: "client" | "minified" | "minifiedTfjs" | "minifiedFiles" | "minifiedOnnx" | "minifiedKerasFiles" | "minifiedCallbacks",
): Promise<Chunk[]> {
  const builder = await createBuilder({
    root: ROOT,
    configFile: `${ROOT}/vite.config.ts`,
    logLevel: "silent",
    environments: { [environment]: { build: { write: false } } },
  });
  return chunksOf(await builder.build(builder.environments[environment]));
}

/** Serves the application's one file and the library from memory; package.json says that its modules have no side effects. */
function inMemory(application: string, library: ReadonlyMap<string, string>): Plugin {
  const files = new Map([...library].map(([name, code]) => [`\0${name}`, { code, moduleSideEffects: false }]));
  const served = new Map<string, string | { code: string; moduleSideEffects: boolean }>([...files, ["application", application]]);
  return {
    name: "in-memory",
    enforce: "pre",
    resolveId: (id) => [id, id.replace("./", "\0"), id.replace("deltaprop", "\0index.js")].find((name) => served.has(name)) ?? null,
    load: (id) => served.get(id) ?? null,
  };
}

/** As for a server: for browsers Vite would wrap import() in a loader of its own (750 bytes), which is no part of the library. */
async function buildApplication(source: string, library: ReadonlyMap<string, string>): Promise<Chunk[]> {
  return chunksOf(
    await build({
      root: ROOT,
      configFile: false,
      logLevel: "silent",
      publicDir: false,
      plugins: [inMemory(source, library)],
      build: { ssr: true, write: false, minify: true, target: "es2022", rolldownOptions: { input: "application" } },
    }),
  );
}

const gzipped = (chunks: readonly Chunk[]): number => chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);

/** The page's own script and what it imports at once; not what import() brings later. */
function loadedAtOnce(chunks: readonly Chunk[]): Chunk[] {
  const loaded = chunks.filter(({ isEntry }) => isEntry);
  for (const { imports } of loaded) {
    loaded.push(...chunks.filter((chunk) => imports.includes(chunk.fileName) && !loaded.includes(chunk)));
  }
  return loaded;
}

let library: ReadonlyMap<string, string>;
let page: Chunk[];

beforeAll(async () => {
  library = new Map((await buildLibrary("client")).map(({ fileName, code }) => [fileName, code]));
  page = await buildApplication(
    'import { adam, dense, dropout, sequential } from "deltaprop"; globalThis.taken = [adam, dense, dropout, sequential];',
    library,
  );
});

it(`a page that trains an MLP loads at most ${LIMIT} bytes`, () => {
  expect(gzipped(loadedAtOnce(page))).toBeLessThanOrEqual(LIMIT);
});

it(`without a bundler, where all of the library comes, it loads at most ${LIMIT_WITHOUT_BUNDLER} bytes`, async () => {
  expect(gzipped(loadedAtOnce(await buildLibrary("minified")))).toBeLessThanOrEqual(LIMIT_WITHOUT_BUNDLER);
});

it.each([
  { entry: "tfjs", environment: "minifiedTfjs", limit: LIMIT_OF_TFJS },
  { entry: "files", environment: "minifiedFiles", limit: LIMIT_OF_FILES },
  { entry: "onnx", environment: "minifiedOnnx", limit: LIMIT_OF_ONNX },
  { entry: "callbacks", environment: "minifiedCallbacks", limit: LIMIT_OF_CALLBACKS },
  { entry: "keras-files", environment: "minifiedKerasFiles", limit: LIMIT_OF_KERAS_FILES },
] as const)(
  "deltaprop/$entry is one file of at most $limit bytes that imports the library instead of holding a copy",
  async ({ entry, environment, limit }) => {
    const files = await buildLibrary(environment);
    expect(
      files.map(({ fileName, imports }) => [
        fileName,
        ...new Set(imports.map((id) => id.replace(/^.*\/(index|errors)\.(ts|js)$/, "library"))),
      ]),
    ).toEqual([[`${entry}.js`, "library"]]);
    expect(files[0].code).toMatch(/from\s*"\.\/index\.js"/);
    expect(gzipped(files)).toBeLessThanOrEqual(limit);
  },
);

it("what few pages need comes only when it is asked for", () => {
  // What two of these share is a chunk of nobody's.
  const later = page.filter((chunk) => !loadedAtOnce(page).includes(chunk) && chunk.facadeModuleId !== null);
  expect(later.map(({ facadeModuleId }) => facadeModuleId).sort()).toEqual(
    [
      "autotune",
      "blocks",
      "by-steps",
      "checkpointing",
      "choose-engine",
      "debug",
      "float64",
      "limits",
      "normalized",
      "persistent",
      "recovery",
      "recurrent",
      "sequences",
      "team",
      "uncommon-writers",
      "uncommon",
      "unsupported",
      "validate-all",
      "wasm",
    ].map((name) => `\0${name}.js`),
  );
});

it(`the WebAssembly engine is at most ${LIMIT_OF_WASM} bytes more for an MLP; threads, sequences and what few networks have come apart`, async () => {
  const files = await buildLibrary("minified"),
    find = (name: string) => files.find(({ fileName }) => fileName === `${name}.js`)!;
  const loaded = [find("wasm")],
    atOnce = loadedAtOnce(files);
  for (const { imports } of loaded) {
    loaded.push(...files.filter((file) => imports.includes(file.fileName) && !loaded.includes(file) && !atOnce.includes(file)));
  }
  expect(gzipped(loaded)).toBeLessThanOrEqual(LIMIT_OF_WASM);
  const later = find("wasm").dynamicImports.map((name) => name.replace(".js", ""));
  expect(later.sort()).toEqual(["sequences", "team", "uncommon-writers"]);
  // Control: they hold something.
  for (const name of later) expect(gzipped([find(name)])).toBeGreaterThan(1000);
});

it("measures what is there: everything that the library exports, with all that it may load, is more by a quarter at least", async () => {
  const everything = await buildApplication('import * as all from "deltaprop"; globalThis.taken = { ...all };', library);
  expect(gzipped(everything)).toBeGreaterThan(1.25 * gzipped(loadedAtOnce(page)));
  expect(
    loadedAtOnce(page)
      .map(({ code }) => code)
      .join(""),
  ).toContain("createComputePipelineAsync");
});
