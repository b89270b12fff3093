// The helper of controls itself.

import { expect, it } from "vitest";
import { replaceOrThrow } from "./replace-or-throw.ts";

it("replaces as String.replace does, and throws where that changes nothing", () => {
  expect(replaceOrThrow("a b a", "a", "c")).toBe("c b a");
  expect(replaceOrThrow("let x = 1;", /let (x) = 1;/, "var $1;")).toBe("var x;");
  expect(() => replaceOrThrow("a b", "c", "d")).toThrow(/replacing c by d changes nothing in\na b/);
  expect(() => replaceOrThrow("a b", /c/, "d")).toThrow(/\/c\//);
  expect(() => replaceOrThrow("a b", "a", "a")).toThrow(/changes nothing/);
});
