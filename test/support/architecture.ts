// Checks a set of source files against the rules of docs/architecture.md: who may import whom, no cycles, who may call
// WebGPU, how long a file may be. Works on texts, so that a test can hand it files that break the rules.

import { posix } from "node:path";
import ts from "typescript";

/** Path from the repository's root ("src/gpu/device.ts") → text. */
export type Files = ReadonlyMap<string, string>;

const LIBRARY = [
  "index",
  "train",
  "gpu",
  "wasm",
  "schedule",
  "graph",
  "model",
  "reference",
  "formats",
  "storage",
  "errors",
  "random",
] as const;

const BELOW_TRAIN = ["gpu", "wasm", "schedule", "graph", "model", "reference", "formats", "storage", "errors", "random", "typed-arrays"];
/** The rooms of src/train from below, each with those of them that it may import; "train" are the files outside them. */
const TRAIN_ROOMS = {
  data: [],
  backend: ["data"],
  call: ["data", "backend"],
  loop: ["data", "backend"],
  limits: ["data", "backend", "call", "loop"],
  recovery: ["data", "backend", "call", "loop"],
  compiled: ["data", "backend", "call", "loop", "limits", "recovery"],
  float64: ["data", "backend", "call", "recovery", "compiled"],
  engines: ["data", "backend", "call", "recovery", "compiled", "float64"],
  checkpoint: ["backend", "call", "loop", "recovery", "compiled"],
} as const;
const inTrain = (rooms: readonly string[]): string[] => rooms.map((room) => `train/${room}`);
const TRAIN: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(Object.entries(TRAIN_ROOMS).map(([room, rooms]) => [`train/${room}`, [...inTrain(rooms), ...BELOW_TRAIN]])),
  train: [...inTrain(Object.keys(TRAIN_ROOMS)), ...BELOW_TRAIN],
  "train/worker": ["train", ...inTrain(Object.keys(TRAIN_ROOMS)), ...BELOW_TRAIN],
};

/** Each room with the rooms below it that it may import; every room may import itself. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  random: [],
  "typed-arrays": ["errors"],
  model: ["errors", "random", "typed-arrays"],
  graph: ["model", "errors", "random"],
  reference: ["graph", "model", "errors", "random"],
  // Names of things and constants; of the graph its types alone (TYPES_ONLY).
  shaders: ["graph", "model", "random"],
  schedule: ["graph", "model", "shaders", "errors", "random"],
  gpu: ["schedule", "graph", "model", "storage", "errors", "random", "typed-arrays"],
  wasm: ["schedule", "graph", "model", "errors", "random", "typed-arrays"],
  ...TRAIN,
  formats: ["errors", "typed-arrays"],
  storage: ["errors"],
  index: [...Object.keys(TRAIN), "gpu", "wasm", "schedule", "graph", "model", "reference", "formats", "storage", "errors", "random"],
  cli: ["index", "node", "formats", "storage", "errors", "random"],
  // What Node lacks of a page: imported by its users, and by the command.
  node: [],
  // Models as files, through the public door and what it shares with the library of formats and places.
  files: ["index", "formats", "storage"],
  // The names of TensorFlow.js: through the public door, and nothing imports it.
  tfjs: ["index", "random", "files"],
  // Callbacks of Keras: through the public door, and how options are checked; nothing of the library imports them.
  callbacks: ["index", "model"],
  build: [],
  // The page: through the public door, and what it shares with a command (test/demo/imports.test.ts says which files).
  "demo/lib": ["index", "formats"],
  "demo/rooms": ["demo/lib", "index", "formats", "cli"],
  demo: ["demo/lib", "demo/rooms", "build", "cli"],
  // Tools measure and show the inside of the library, so they import what they like of it; nothing imports them.
  bench: [...LIBRARY, ...Object.keys(TRAIN), "cli", "build"],
  tools: [...LIBRARY, ...Object.keys(TRAIN), "cli"],
};

/** Rooms from which another room takes types alone. */
const TYPES_ONLY: Readonly<Record<string, readonly string[]>> = { shaders: ["graph"] };

/** Packages; "node:" stands for all of Node's own modules. The library itself has one, and runs without Node. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  shaders: ["wgsl-preprocessor"],
  node: ["webgpu"],
  cli: ["node:", "commander", "cli-progress", "puppeteer", "@puppeteer/browsers", "webgpu"],
  files: ["pbf", "fflate", "h5wasm"],
  build: ["node:", "vite"],
  "demo/lib": ["comlink", "uplot"],
  "demo/rooms": ["comlink"],
  demo: ["node:", "vite"],
  bench: ["node:", "vite", "commander", "puppeteer", "@jax-js/jax", "@tensorflow"],
  tools: ["node:", "vite", "commander"],
};

/** Rooms outside the library: they may call WebGPU. */
const OUTSIDE = ["build", "demo", "demo/lib", "demo/rooms", "bench", "tools"];

/** Globals of a page that a device of the npm package `webgpu` does not bring along. */
const GPU_FLAGS = /\bGPU(?:BufferUsage|MapMode|ShaderStage)\.[A-Z]/;

const WEBGPU_CALLS = [
  "requestAdapter",
  "requestDevice",
  "createBuffer",
  "createTexture",
  "createShaderModule",
  "createBindGroup",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createComputePipeline",
  "createComputePipelineAsync",
  "createCommandEncoder",
  "createQuerySet",
  "writeBuffer",
  "mapAsync",
];
const WEBGPU_CALL = new RegExp(`\\b(${WEBGPU_CALLS.join("|")})\\(`);
const MAX_LINES = 500;

/** "src/gpu/device.ts" → "gpu", "src/errors.ts" → "errors", "src/train/data/arrays.ts" → "train/data", "demo/rooms/text/room.ts" → "demo/rooms". */
function roomOf(path: string): string {
  const parts = path.split("/");
  if (parts[0] === "demo" && parts.length > 2) return `demo/${parts[1]}`;
  if (parts[1] === "train" && parts.length > 3) return `train/${parts[2]}`;
  return parts[0] === "src" ? parts[1].replace(/\.ts$/, "") : parts[0];
}

/** Styles, pictures and texts, and what a bundler makes of a file for a query. */
const ASSET = /\.(css|svg|txt)$/;

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** What a plain import of names takes. */
  readonly names?: readonly string[];
  readonly dynamic?: true;
}

/** The files of dynamic imports. An import of a door is one of what lies behind it: such a file itself is in nobody's way. */
const LAZY = ["src/lazy.ts", "src/wasm/lazy.ts"];
const DOOR = /^export const (\w+) = \(\) => import\("(\.[^"]+)"\);$/;
const doorsIn = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split("\n").flatMap((line) => {
      const door = DOOR.exec(line);
      return door ? [[door[1], door[2]]] : [];
    }),
  );

/** Every import and re-export of a file, dynamic ones and import types included. */
export function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      const typeOnly = ts.isExportDeclaration(node) ? node.isTypeOnly : node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : undefined;
      const names =
        bindings && ts.isNamedImports(bindings)
          ? bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
          : undefined;
      found.push({ specifier: (node.moduleSpecifier as ts.StringLiteral).text, typeOnly, ...(names && { names }) });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && ts.isStringLiteral(node.arguments[0])) {
      found.push({ specifier: node.arguments[0].text, typeOnly: false, dynamic: true });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      found.push({ specifier: node.argument.literal.text, typeOnly: true });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest));
  return found;
}

const resolve = (from: string, specifier: string): string => posix.join(posix.dirname(from), specifier.replace(/\?.*$/, ""));

/** The imports of a file, doors opened: what it takes of lazy.ts is what lies behind. */
function edgesOf(path: string, text: string, files: Files): Import[] {
  if (LAZY.includes(path)) return [];
  return importsOf(path, text).flatMap((imported) => {
    const lazy = imported.specifier.startsWith(".") ? LAZY.find((file) => file === resolve(path, imported.specifier)) : undefined;
    if (lazy === undefined) return [imported];
    const doors = doorsIn(files.get(lazy) ?? "");
    return (imported.names ?? []).map((name): Import => {
      const behind = doors.get(name);
      const specifier = behind === undefined ? imported.specifier : posix.relative(posix.dirname(path), resolve(lazy, behind));
      return { specifier: specifier.startsWith(".") ? specifier : `./${specifier}`, typeOnly: false };
    });
  });
}

/** The page's half of a worker is loaded by the page alone: lazy.ts is part of the worker, too. */
const DOORS_ELSEWHERE = ["src/train/worker/train-in-worker.ts"];

/** Dynamic imports of the library's own files stand in files that hold nothing else. */
function checkDoors(path: string, text: string): string[] {
  const room = roomOf(path);
  if (LAZY.includes(path)) {
    const odd = text.split("\n").find((line) => line !== "" && !/^(\/\/|\/\*\*|export const \w+ = \(\) => import\()/.test(line));
    return odd === undefined ? [] : [`${path} holds more than doors: ${odd}`];
  }
  if ((!LIBRARY.some((name) => name === room) && TRAIN[room] === undefined) || DOORS_ELSEWHERE.includes(path)) return [];
  return importsOf(path, text)
    .filter(({ dynamic, specifier }) => dynamic && specifier.startsWith("."))
    .map(({ specifier }) => `${path} loads ${specifier} later: doors stand in ${LAZY.join(" or ")}, with their reason`);
}

function checkImport(path: string, { specifier, typeOnly }: Import, files: Files): string | null {
  const room = roomOf(path);
  if (!specifier.startsWith(".")) {
    const allowed = (PACKAGES[room] ?? []).some(
      (name) => specifier === name || specifier.startsWith(name.endsWith(":") ? name : `${name}/`),
    );
    return allowed ? null : `${path} imports the package ${specifier}, which ${room} may not`;
  }
  const target = resolve(path, specifier);
  if ((room === "cli" && target === "package.json") || (room.startsWith("demo") && ASSET.test(target))) return null;
  if (!files.has(target)) return `${path} imports ${target}, which is in no room`;
  const other = roomOf(target);
  if (other === room) return null;
  if (!BELOW[room]?.includes(other)) return `${path} imports ${target}: ${room} may not import ${other}`;
  if (TYPES_ONLY[room]?.includes(other) && !typeOnly) return `${path} imports more than types from ${target}`;
  return null;
}

/** The first cycle of imports there is, in one line; null if there is none. For files that are in no room, such as tests. */
export function cycleIn(files: Files): string | null {
  return findCycle(new Map([...files].map(([path, text]) => [path, edgesOf(path, text, files)])))?.join(" → ") ?? null;
}

/** The first cycle there is, as the files along it. Types count: a file that needs another's types needs that file. */
function findCycle(imports: ReadonlyMap<string, readonly Import[]>): string[] | null {
  const done = new Set<string>(),
    path: string[] = [];
  const walk = (file: string): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file) || !imports.has(file)) return null;
    path.push(file);
    for (const { specifier } of imports.get(file) ?? []) {
      const cycle = specifier.startsWith(".") ? walk(resolve(file, specifier)) : null;
      if (cycle !== null) return cycle;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of imports.keys()) {
    const cycle = walk(file);
    if (cycle !== null) return cycle;
  }
  return null;
}

/** One line a violation; empty if there is none. */
export function violations(files: Files): string[] {
  const found: string[] = [],
    imports = new Map<string, readonly Import[]>();
  for (const [path, text] of files) {
    const room = roomOf(path);
    if (BELOW[room] === undefined && !LAZY.includes(path) && !path.endsWith(".d.ts"))
      found.push(`${path} is in no room of docs/architecture.md`);
    imports.set(path, edgesOf(path, text, files));
    found.push(...checkDoors(path, text));
    for (const imported of imports.get(path) ?? []) {
      const wrong = checkImport(path, imported, files);
      if (wrong !== null) found.push(wrong);
    }
    const call = WEBGPU_CALL.exec(text);
    if (call !== null && room !== "gpu" && !OUTSIDE.includes(room)) found.push(`${path} calls ${call[1]}(): only gpu calls WebGPU`);
    const flags = GPU_FLAGS.exec(text);
    if (flags !== null && !OUTSIDE.includes(room)) found.push(`${path} uses ${flags[0]}: Node has no such global, take gpu/constants.ts`);
    const lines = text.trimEnd().split("\n").length;
    if (lines > MAX_LINES) found.push(`${path} has ${lines} lines; at most ${MAX_LINES}`);
  }
  const cycle = findCycle(imports);
  if (cycle !== null) found.push(`import cycle: ${cycle.join(" → ")}`);
  return found;
}
