// What the built library may not contain because bundlers for pages change it: the bare name `process`. Parcel installs a package for it
// and then compiles `const { HOME } = process.env` to code that does not parse.

import ts from "typescript";
import { expect, it } from "vitest";
import { builtLibrary } from "../support/served-page.ts";

/** Lines on which the name is used, not as a property and outside of strings and comments. */
function usesOfProcess(code: string): string[] {
  const file = ts.createSourceFile("x.js", code, ts.ScriptTarget.ES2022, true),
    lines: string[] = [];
  const visit = (node: ts.Node): void => {
    const { parent } = node;
    const isProperty =
      parent &&
      ((ts.isPropertyAccessExpression(parent) && parent.name === node) || (ts.isPropertyAssignment(parent) && parent.name === node));
    if (ts.isIdentifier(node) && node.text === "process" && !isProperty)
      lines.push(code.split("\n")[file.getLineAndCharacterOfPosition(node.pos).line].trim());
    ts.forEachChild(node, visit);
  };
  visit(file);
  return lines;
}

it("no file that a page loads uses the bare name process", async () => {
  const files = await builtLibrary("client");
  expect(files.size).toBeGreaterThan(10);
  expect([...files].flatMap(([name, code]) => usesOfProcess(code).map((line) => `${name}: ${line}`))).toEqual([]);
});

it("control: it finds the name, and not properties of that name", () => {
  expect(usesOfProcess("const { A } = process.env;\n// process\nf(globalThis.process, { process: 1 }, 'process');")).toEqual([
    "const { A } = process.env;",
  ]);
});

it("the worker is where the library looks for it, and where package.json says", async () => {
  const files = await builtLibrary("client");
  const [, specifier] = /new Worker\(new URL\("([^"]+)", import\.meta\.url\)/.exec(files.get("client.js")!)!;
  expect(files.has(specifier)).toBe(true);
  const { exports } = (await import("../../package.json", { with: { type: "json" } })).default;
  // Also a name that the package exports: Vite 7's dev server finds it only so.
  expect(specifier).toBe("deltaprop/worker.js");
  expect(exports["./worker.js"].default).toBe(`./dist/${specifier}`);
  expect(exports["./worker"]).toEqual(exports["./worker.js"]);
});
