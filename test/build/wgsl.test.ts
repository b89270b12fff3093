// What the build makes of the templates of shaders/ must say the same as what the preprocessor makes of them.

import { fileURLToPath } from "node:url";
import { build, type Rolldown } from "vite";
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { expect, it } from "vitest";
import { resolveWgsl, wgslAtBuild } from "../../build/wgsl.ts";
import { planSources } from "./plan-sources.ts";

/** The tokens; comments and space between them mean nothing. */
const meaning = (source: string): string =>
  source
    .replace(/\/\/.*$/gm, "")
    .replace(/\s+/g, " ")
    .trim();

const moduleOf = (code: string): Promise<unknown> =>
  import(/* @vite-ignore */ `data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);

type Text = (tag: typeof wgsl, cond: boolean, other: boolean) => string;

/** An expression on wgsl, cond and other, as it stands and as the build leaves it. */
async function bothWays(expression: string): Promise<Text[]> {
  const code = `export default (wgsl, cond, other) => ${expression};`;
  const modules = await Promise.all([code, resolveWgsl("x.ts", code)].map(moduleOf));
  return modules.map((module) => (module as { default: Text }).default);
}

it.each([
  ["no condition", "wgsl`a ${1 + 1} // two\n   b\n\n  c`"],
  ["#if", "wgsl`a\n  #if ${cond}\n  b\n  #endif\n  c`"],
  ["#else", "wgsl`#if ${cond}\n  b${1}\n  #else\n  c\n  #endif`"],
  ["one within the other", "wgsl`#if ${cond}\n b\n #if ${!other}\n c\n #else\n d\n #endif\n #else\n e\n #endif\n f`"],
  ["one in an expression", 'wgsl`a ${[1, 2].map((i) => wgsl`#if ${cond && i === 1}\n b${i}\n #endif\n`).join(" ")} c`'],
  ["a condition of two parts", "wgsl`#if ${cond ? other : false}\n b\n #endif\n`"],
])("means the same with %s", async (_, expression) => {
  const [before, after] = await bothWays(expression);
  for (const cond of [true, false])
    for (const other of [true, false]) {
      expect(meaning(after(wgsl, cond, other))).toBe(meaning(before(wgsl, cond, other)));
    }
});

it("leaves out what only a reader needs", () => {
  expect(resolveWgsl("x.ts", 'import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";\nconst a = wgsl`\n  b // c\n\n  d`;')).toBe(
    "\nconst a = `\nb\nd`;",
  );
});

it.each([
  ["an #elif", "wgsl`#if ${1}\n a\n #elif ${2}\n b\n #endif`", /#elif has no place here/],
  ["an #endif alone", "wgsl`a\n #endif`", /#endif has no place here/],
  ["an #if that stays open", "wgsl`#if ${1}\n a`", /has no #endif/],
  ["an expression in a comment", "wgsl`a // ${1}\n`", /comment may hold no expression/],
])("refuses %s", (_, expression, message) => {
  expect(() => resolveWgsl("x.ts", expression)).toThrow(message);
});

it("gives every kernel of many plans the text that it has without a build", async () => {
  const entry = fileURLToPath(new URL("plan-sources.ts", import.meta.url));
  const built = (await build({
    configFile: false,
    logLevel: "silent",
    publicDir: false,
    plugins: [wgslAtBuild()],
    build: { write: false, ssr: true, minify: false, rolldownOptions: { input: entry, preserveEntrySignatures: "strict" } },
    ssr: { noExternal: true },
  })) as Rolldown.RolldownOutput;
  const { code } = built.output[0];
  expect(code).not.toContain("preceeded by an #if");
  const module = (await moduleOf(code)) as { planSources: typeof planSources };
  const [ours, theirs] = [planSources(), module.planSources()];
  expect(ours.length).toBeGreaterThan(300);
  expect(theirs.map(meaning)).toEqual(ours.map(meaning));
  expect(theirs.join("").length).toBeLessThan(ours.join("").length);
});
