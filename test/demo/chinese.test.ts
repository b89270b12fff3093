// The Chinese of the page is punctuated as Chinese: no ASCII punctuation beside a Chinese character or beside what a text is given.

import { readdirSync, readFileSync } from "node:fs";
import ts from "typescript";
import { expect, it } from "vitest";

const HAN = /[\u3400-\u9fff]/,
  GIVEN = "\uE000";
const MIXED = new RegExp(`[\u3400-\u9fff\u3001-\u303f\uff01-\uff5e”${GIVEN}][,:;()?!]|[,:;()?!][\u3400-\u9fff“${GIVEN}]`, "u");

/** The Chinese texts in a source; what stands in ${…} is one character. */
function chinese(source: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) found.push(node.text);
    if (ts.isTemplateExpression(node))
      found.push([node.head, ...node.templateSpans.map(({ literal }) => literal)].map(({ text }) => text).join(GIVEN));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("x.ts", source, ts.ScriptTarget.Latest));
  return found.filter((text) => HAN.test(text));
}

const wrong = (source: string): string[] => chinese(source).filter((text) => MIXED.test(text));

it("has full-width punctuation in every text", () => {
  const sources = readdirSync("demo", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(`demo/${name}`, "utf8"));
  expect(sources.flatMap(chinese).length).toBeGreaterThan(200);
  expect(sources.flatMap(wrong)).toEqual([]);
});

it.each(['"图像,标签"', '"设备: 甲"', "`设备:${name}`", '"它(三)"', '"好!"'])("control: %s is found", (text) => {
  expect(wrong(`export const x = ${text};`)).toHaveLength(1);
});
it.each(['"图像，标签"', "`设备：${name}`", '"128, 64，中"', '"x, y"'])("control: %s is right", (text) => {
  expect(wrong(`export const x = ${text};`)).toEqual([]);
});
