// The strict JSON reader agrees with JSON.parse wherever that one is right, and refuses repeated keys.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/errors.ts";
import { parseJson, type JsonValue } from "../../src/formats/json.ts";

const plain = (value: JsonValue): unknown =>
  value instanceof Map
    ? Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]))
    : Array.isArray(value)
      ? value.map(plain)
      : value;

describe("parseJson", () => {
  it("reads what JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        expect(plain(parseJson(text, "here"))).toEqual(JSON.parse(text));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it("accepts exactly what JSON.parse accepts, but for repeated keys", () => {
    const token = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      '"a"',
      '"b"',
      "1",
      "-0.5e3",
      "01",
      "true",
      "nul",
      " ",
      '"\\u00e9"',
      '"\\x"',
      '"',
    );
    const repeats = (text: string) => /"a".*"a"|"b".*"b"|"\\u00e9".*"\\u00e9"/s.test(text);
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 9 }).map((tokens) => tokens.join("")),
        (text) => {
          fc.pre(!repeats(text));
          let expected: unknown,
            fails = false;
          try {
            expected = JSON.parse(text);
          } catch {
            fails = true;
          }
          if (fails) expect(() => parseJson(text, "here")).toThrow(FormatError);
          else expect(plain(parseJson(text, "here"))).toEqual(expected);
        },
      ),
      { seed: 1, numRuns: 3000 },
    );
  });

  it("keeps the order of keys and takes __proto__ for a key like any other", () => {
    const value = parseJson('{"10":1,"2":2,"__proto__":{"polluted":true}}', "here") as Map<string, JsonValue>;
    expect([...value.keys()]).toEqual(["10", "2", "__proto__"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each([
    ['{"a":1,"a":1}', 'the key "a" is given twice'],
    ['{"a":1,"\\u0061":1}', 'the key "a" is given twice'],
    ['{"x":{"a":1,"b":2,"a":3}}', 'the key "a" is given twice'],
    ["[".repeat(100_000), "levels of nesting"],
    ['"' + "a".repeat(5_000_000), "a string that does not end"],
    ['"a\u0001"', "a bad character or escape"],
    ["{} {}", "something follows"],
    ["", "a value was expected"],
    ['{"a" 1}', '":" was expected'],
    ["[1 2]", '"," or "]" was expected'],
  ])("rejects %.20s", (text, message) => {
    expect(() => parseJson(text, "header")).toThrow(FormatError);
    expect(() => parseJson(text, "header")).toThrow(message);
  });

  it("reads a string of many megabytes", () => {
    expect(parseJson(`"${"ab\\n".repeat(2_000_000)}"`, "here")).toHaveLength(6_000_000);
  });
});
