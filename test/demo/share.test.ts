// Share links as they come from strangers.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LinkError, list, oneOf, readLink, real, whole, writeLink, type Fields } from "../../demo/lib/share.ts";

interface Config {
  readonly layers: readonly number[];
  readonly kind: "a" | "b";
  readonly rate: number;
}
const FIELDS: Fields<Config> = { layers: list(whole(1, 64), 3), kind: oneOf(["a", "b"]), rate: real(1e-5, 10) };

describe("a link", () => {
  it("gives back what was written, for every configuration within bounds", () => {
    fc.assert(fc.property(
      fc.record({
        layers: fc.array(fc.integer({ min: 1, max: 64 }), { maxLength: 3 }), kind: fc.constantFrom("a" as const, "b" as const),
        rate: fc.double({ min: 1e-5, max: 10, noNaN: true }),
      }),
      (config) => { expect(readLink(FIELDS, writeLink(FIELDS, config))).toEqual(config); }));
  });

  it("may leave fields out", () => {
    expect(readLink(FIELDS, "")).toEqual({});
    expect(readLink(FIELDS, "rate=0.5")).toEqual({ rate: 0.5 });
    expect(readLink(FIELDS, "layers=")).toEqual({ layers: [] });
  });

  it.each([
    ["an unknown field", "size=3"], ["a name of Object's", "constructor=1"], ["__proto__", "__proto__=1"], ["a field twice", "rate=1&rate=1"],
    ["a number too large", "rate=11"], ["too small", "rate=0"], ["none", "rate="], ["NaN", "rate=NaN"], ["Infinity", "rate=Infinity"],
    ["another base", "rate=0x1"], ["spaces", "rate= 1"], ["a fraction of a whole", "layers=1.5"], ["a sign", "layers=-1"],
    ["too many", "layers=1,1,1,1"], ["an empty item", "layers=1,,2"], ["an unknown choice", "kind=c"], ["another case", "kind=A"],
    ["too many characters", `rate=${"0".repeat(2000)}1`], ["broken escapes", "rate=%E0%A4%A"],
  ])("is refused whole for %s", (_, link) => {
    expect(() => readLink(FIELDS, `kind=a&${link}`)).toThrow(LinkError);
  });

  it("is refused or read within bounds, whatever it is", () => {
    fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => {
      try {
        const { rate, layers = [] } = readLink(FIELDS, `rate=${text}`);
        expect(rate === undefined || (rate >= 1e-5 && rate <= 10)).toBe(true);
        expect(layers.every((width) => width >= 1 && width <= 64)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(LinkError);
      }
    }));
  });
});
