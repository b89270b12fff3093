// Share links as they come from strangers.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DEFAULTS,
  FIELDS as PLAYGROUND,
  MOST_POINTS,
  roundPoint,
  type OwnPoint,
  type PlaygroundConfig,
} from "../../demo/rooms/playground/config.ts";
import { LinkError, list, oneOf, readLink, real, whole, writeLink, type Fields } from "../../demo/lib/share.ts";

interface Config {
  readonly layers: readonly number[];
  readonly kind: "a" | "b";
  readonly rate: number;
}
const FIELDS: Fields<Config> = { layers: list(whole(1, 64), 3), kind: oneOf(["a", "b"]), rate: real(1e-5, 10) };

describe("a link", () => {
  it("gives back what was written, for every configuration within bounds", () => {
    fc.assert(
      fc.property(
        fc.record({
          layers: fc.array(fc.integer({ min: 1, max: 64 }), { maxLength: 3 }),
          kind: fc.constantFrom("a" as const, "b" as const),
          rate: fc.double({ min: 1e-5, max: 10, noNaN: true }),
        }),
        (config) => {
          expect(readLink(FIELDS, writeLink(FIELDS, config))).toEqual(config);
        },
      ),
    );
  });

  it("may leave fields out", () => {
    expect(readLink(FIELDS, "")).toEqual({});
    expect(readLink(FIELDS, "rate=0.5")).toEqual({ rate: 0.5 });
    expect(readLink(FIELDS, "layers=")).toEqual({ layers: [] });
  });

  it.each([
    ["an unknown field", "size=3"],
    ["a name of Object's", "constructor=1"],
    ["__proto__", "__proto__=1"],
    ["a field twice", "rate=1&rate=1"],
    ["a number too large", "rate=11"],
    ["too small", "rate=0"],
    ["none", "rate="],
    ["NaN", "rate=NaN"],
    ["Infinity", "rate=Infinity"],
    ["another base", "rate=0x1"],
    ["spaces", "rate= 1"],
    ["a fraction of a whole", "layers=1.5"],
    ["a sign", "layers=-1"],
    ["too many", "layers=1,1,1,1"],
    ["an empty item", "layers=1,,2"],
    ["an unknown choice", "kind=c"],
    ["another case", "kind=A"],
    ["too many characters", `rate=${"0".repeat(2600)}1`],
    ["broken escapes", "rate=%E0%A4%A"],
  ])("is refused whole for %s", (_, link) => {
    expect(() => readLink(FIELDS, `kind=a&${link}`)).toThrow(LinkError);
  });

  it("is refused or read within bounds, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        try {
          const { rate, layers = [] } = readLink(FIELDS, `rate=${text}`);
          expect(rate === undefined || (rate >= 1e-5 && rate <= 10)).toBe(true);
          expect(layers.every((width) => width >= 1 && width <= 64)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(LinkError);
        }
      }),
    );
  });
});

describe("the visitor's own points in a link", () => {
  const anywhere = fc.record({
    x: fc.double({ min: -2, max: 2, noNaN: true }),
    y: fc.double({ min: -2, max: 2, noNaN: true }),
    label: fc.constantFrom<0 | 1>(0, 1),
  });
  const linkOf = (points: readonly OwnPoint[]) => writeLink<PlaygroundConfig>(PLAYGROUND, { ...DEFAULTS, problem: "own", points });

  it("come back as they were rounded, as many as there may be", () => {
    fc.assert(
      fc.property(fc.array(anywhere, { maxLength: MOST_POINTS }), (points) => {
        const rounded = points.map(roundPoint),
          read = readLink(PLAYGROUND, linkOf(rounded));
        expect(read.points).toEqual(rounded.map(({ x, y, label }) => ({ x: x + 0, y: y + 0, label })));
        for (const [i, { x, y }] of rounded.entries()) {
          for (const [was, is] of [
            [points[i].x, x],
            [points[i].y, y],
          ])
            expect(Math.abs(Math.max(-0.98, Math.min(0.98, was)) - is)).toBeLessThanOrEqual(0.005 + 1e-12);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("fit, when there are as many as may be, and are refused when there is one more", () => {
    const most = Array.from({ length: MOST_POINTS }, (): OwnPoint => ({ x: -0.98, y: -0.98, label: 1 }));
    expect(readLink(PLAYGROUND, linkOf(most)).points).toHaveLength(MOST_POINTS);
    expect(() => readLink(PLAYGROUND, linkOf([...most, most[0]]))).toThrow(LinkError);
  });

  it.each(["99.0.1", "0.0.2", "0.0", "0.0.1.1", "1e1.0.0", "NaN.0.0", "0.5.x", ".1.1", "100.0.0", "0.0.1,"])(
    "are refused as %s",
    (text) => {
      expect(() => readLink(PLAYGROUND, `points=${text}`)).toThrow(LinkError);
    },
  );
});
