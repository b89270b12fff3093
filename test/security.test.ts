// What SECURITY.md says of code: nothing of ours makes code out of text, also as built, and no text that a user gives becomes
// part of a shader.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import ts from "typescript";
import { build, createBuilder, type Rolldown } from "vite";
import { describe, expect, it } from "vitest";
import { DeltapropError } from "../src/errors.ts";
import { buildGraph } from "../src/graph/build.ts";
import { dense } from "../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../src/model/network.ts";
import { Plan } from "../src/schedule/plan.ts";
import { replaceOrThrow } from "./support/replace-or-throw.ts";
import { FORMULAS } from "./support/formulas.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Calls that run a text as code: eval, Function, timers with a text. */
function codeFromText(path: string, text: string): string[] {
  const found: string[] = [];
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const nameOf = (node: ts.Expression): string =>
    ts.isIdentifier(node)
      ? node.text
      : ts.isPropertyAccessExpression(node)
        ? node.name.text
        : ts.isParenthesizedExpression(node)
          ? nameOf(node.expression)
          : ts.isBinaryExpression(node)
            ? nameOf(node.right)
            : "";
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const name = nameOf(node.expression),
        first = node.arguments?.[0];
      const timer =
        /^set(Timeout|Interval)$/.test(name) && first !== undefined && (ts.isStringLiteralLike(first) || ts.isTemplateExpression(first));
      if (name === "eval" || name === "Function" || timer) found.push(`${path}: ${node.getText().slice(0, 60)}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function sources(folder: string): [string, string][] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.[jt]s$/.test(path))
    .map((path) => [join(folder, path), readFileSync(join(ROOT, folder, path), "utf8")]);
}

const chunksOf = (built: unknown): [string, string][] =>
  ([built].flat() as Rolldown.RolldownOutput[]).flatMap(({ output }) =>
    output.filter((file) => file.type === "chunk").map(({ fileName, code }): [string, string] => [fileName, code]),
  );

async function builtFiles(): Promise<[string, string][]> {
  const write = { build: { write: false } };
  const builder = await createBuilder({
    root: ROOT,
    configFile: `${ROOT}/vite.config.ts`,
    logLevel: "silent",
    environments: { client: write, page: write, cli: write, files: write, onnx: write, kerasFiles: write },
  });
  const files: [string, string][] = [];
  for (const name of ["client", "page", "cli", "files", "onnx", "kerasFiles"])
    files.push(...chunksOf(await builder.build(builder.environments[name])));
  return [...files, ...chunksOf(await build({ configFile: `${ROOT}/demo/vite.config.ts`, logLevel: "silent", build: { write: false } }))];
}

describe("no code is made of text", () => {
  it.each(["src", "shaders", "demo", "examples"])("in %s", (folder) => {
    const files = sources(folder);
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap(([path, text]) => codeFromText(path, text))).toEqual([]);
  });

  it("in what is built: library, command, its page and the demo", async () => {
    const files = await builtFiles();
    expect(files.map(([name]) => name)).toEqual(expect.arrayContaining(["index.js", "cli.js", "page.js"]));
    expect(files.length).toBeGreaterThan(8);
    expect(files.flatMap(([name, code]) => codeFromText(name, code))).toEqual([]);
  });

  it.each([
    "eval(x)",
    "(0, eval)(x)",
    "globalThis.eval(x)",
    'new Function("a", x)',
    "Function(x)()",
    'setTimeout("x()", 1)',
    "setInterval(`x${1}`)",
  ])("control: %s is found", (text) => expect(codeFromText("a.js", text)).toHaveLength(1));

  it.each(["page.evaluate(x)", "setTimeout(() => x, 1)", "const evaluate = 1; evaluate(x)", "// eval(x)", '"eval(x)"'])(
    "%s is none",
    (text) => expect(codeFromText("a.js", text)).toEqual([]),
  );
});

/** In none of our texts. */
const MARK = "zq7zq";
const hostile = fc
  .tuple(fc.string(), fc.constantFrom("", '"', "\n", "; }", "*/", "1u; ", "\0", "${x}", "@compute fn evil() {}"), fc.string())
  .map(([before, middle, after]) => `${before}${middle}${MARK}${after}`);

/** All that a user declares may be a text, whatever its type says; also past the functions that check it, as here. */
const FIELDS = [
  "units",
  "activation",
  "useBias",
  "inputShape",
  "kernelInitializer",
  "kernelRegularizer",
  "name",
  "rate",
  "loss",
  "delta",
  "optimizer",
  "optimizer name",
  "learningRate",
  "momentum",
  "nesterov",
  "epsilon",
  "clipNorm",
  "clipValue",
  "metrics",
  "scale",
  "type",
] as const;

/** The sources of the training step of a network with `text` in one place. @throws what the library says of it */
function sourcesWith(field: (typeof FIELDS)[number], text: string): string[] {
  const at = <T>(name: (typeof FIELDS)[number], usual: T): T => (field === name ? (text as T) : usual);
  const first = {
    type: "dense",
    units: at("units", 3),
    activation: at("activation", "relu"),
    useBias: at("useBias", true),
    inputShape: at("inputShape", [2]),
    kernelInitializer: at("kernelInitializer", { name: "glorotUniform" }),
    biasInitializer: { name: "zeros" },
    kernelRegularizer: at("kernelRegularizer", null),
    biasRegularizer: null,
    name: at("name", "layer"),
  };
  const layers = [
    first,
    { type: "dropout", rate: at("rate", 0.5), inputShape: null },
    { ...first, inputShape: null, activation: "linear", name: "last" },
  ];
  const network = resolveNetwork(layers as never, 1);
  const optimizer =
    field === "optimizer"
      ? text
      : {
          name: at("optimizer name", "sgd"),
          learningRate: at("learningRate", 0.1),
          momentum: at("momentum", 0.9),
          nesterov: at("nesterov", true),
          beta1: 0.9,
          beta2: 0.999,
          rho: 0.9,
          epsilon: at("epsilon", 1e-7),
          centered: false,
          weightDecay: 0,
          initialAccumulatorValue: 0.1,
          clipNorm: at("clipNorm", undefined),
          clipValue: at("clipValue", undefined),
        };
  const recipe = resolveRecipe(network, {
    optimizer,
    loss: field === "loss" ? text : { name: "huber", fromLogits: false, delta: at("delta", 1) },
    metrics: field === "metrics" ? [text] : [],
  });
  const features = { type: at("type", "float32"), scale: at("scale", 1) };
  return new Plan(buildGraph(network, recipe, "train", features as never), { formulas: FORMULAS, batch: 4 }).launches.map(
    ({ source }) => source,
  );
}

describe("no text that is given becomes part of a shader", () => {
  it.each(FIELDS)("%s", (field) => {
    fc.assert(
      fc.property(hostile, (text) => {
        let made: string[] = [];
        try {
          made = sourcesWith(field, text);
        } catch (error) {
          // Refused in our words or, deep inside where no call of the library leads, by the language.
          expect(error).toBeInstanceOf(Error);
        }
        for (const source of made) expect(source).not.toContain(MARK);
      }),
      { numRuns: 50 },
    );
  });

  it("names of layers are allowed, so that what is tried is more than errors", () => {
    expect(sourcesWith("name", MARK).length).toBeGreaterThan(0);
    expect(() => sourcesWith("activation", MARK)).toThrow(/formula/);
    expect(() => dense({ units: 1, activation: MARK as never })).toThrow(DeltapropError);
  });

  it("control: a text in a source would be found", () => {
    const [source] = sourcesWith("name", "plain");
    expect(replaceOrThrow(source, "fn main", `fn ${MARK}`)).toContain(MARK);
  });
});
