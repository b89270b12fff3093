// safetensors: a file written out by hand from the specification, round trips, and files that lie.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError, InputError } from "../../src/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/formats/safetensors.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

/** A file with this header, its true length (or a lie) in front, and this many data bytes. */
function fileOf(header: string, dataBytes = 0, length = ascii(header).length): Uint8Array {
  const file = new Uint8Array(8 + ascii(header).length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(ascii(header), 8);
  return file;
}

const entry = (begin: number, end: number, shape = `[${(end - begin) / 4}]`, dtype = "F32") =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

// From the specification: length 64 = 0x40, the header of 59 characters padded by 5 spaces, then 1, −2, 0.5 and 3
// as little-endian float32.
const KNOWN_HEX =
  "4000000000000000" +
  "7b2274657374223a7b226474797065223a22463332222c227368617065223a5b32" + // {"test":{"dtype":"F32","shape":[2
  "2c325d2c22646174615f6f666673657473223a5b302c31365d7d7d" + // ,2],"data_offsets":[0,16]}}
  "20202020" +
  "0000803f" +
  "000000c0" +
  "0000003f" +
  "00004040";
const KNOWN = Uint8Array.from(KNOWN_HEX.match(/../g)!, (byte) => parseInt(byte, 16));
const KNOWN_TENSORS = [{ name: "test", shape: [2, 2], data: Float32Array.of(1, -2, 0.5, 3) }];

describe("a file written by hand from the specification", () => {
  it("is what encodeSafetensors writes, byte for byte", () => {
    expect(Buffer.from(encodeSafetensors(KNOWN_TENSORS)).toString("hex")).toBe(KNOWN_HEX);
  });

  it("is read back", () => {
    expect(decodeSafetensors(KNOWN)).toEqual({ tensors: KNOWN_TENSORS, metadata: {} });
  });

  it("is read from a Buffer, whose slice() is a view, into arrays of its own", () => {
    const file = Buffer.from(KNOWN),
      { tensors } = decodeSafetensors(file);
    expect(tensors).toEqual(KNOWN_TENSORS);
    expect(tensors[0].data.buffer.byteLength).toBe(16);
    file.fill(0);
    expect(tensors[0].data[0]).toBe(1);
  });

  it("is read from the middle of a larger buffer, whatever its alignment", () => {
    const larger = new Uint8Array(KNOWN.length + 3);
    larger.set(KNOWN, 3);
    expect(decodeSafetensors(larger.subarray(3)).tensors).toEqual(KNOWN_TENSORS);
  });
});

describe("round trip", () => {
  const name = fc
    .oneof(fc.string({ unit: "binary", maxLength: 8 }), fc.constantFrom("__proto__", "constructor", "0", 'é"\\'))
    .filter((text) => text !== "__metadata__");
  const tensor = fc.record({ name, shape: fc.array(fc.nat(4), { maxLength: 3 }) }).chain(({ name, shape }) => {
    const elements = shape.reduce((a, b) => a * b, 1);
    return fc.float32Array({ minLength: elements, maxLength: elements }).map((data) => ({ name, shape, data }));
  });
  const tensors = fc.uniqueArray(tensor, { maxLength: 5, selector: (t) => t.name });
  const metadata = fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true });

  it("keeps names, shapes, order, every bit of the numbers, and metadata", () => {
    fc.assert(
      fc.property(tensors, metadata, (given, info) => {
        const file = encodeSafetensors(given, info),
          back = decodeSafetensors(file);
        expect((8 + new DataView(file.buffer).getUint32(0, true)) % 8).toBe(0);
        expect(new Set(back.tensors.map((t) => t.name))).toEqual(new Set(given.map((t) => t.name)));
        for (const { name, shape, data } of given) {
          const found = back.tensors.find((t) => t.name === name)!;
          expect(found.shape).toEqual(shape);
          expect(Buffer.from(found.data.buffer).equals(Buffer.from(data.buffer))).toBe(true);
        }
        expect(back.metadata).toEqual(info);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("gives tensors in the order of their bytes", () => {
    const given = ["b", "10", "2", "a"].map((name) => ({ name, shape: [1], data: Float32Array.of(1) }));
    expect(decodeSafetensors(encodeSafetensors(given)).tensors.map((t) => t.name)).toEqual(["b", "10", "2", "a"]);
  });

  it("keeps NaN with its payload, infinities and −0", () => {
    const bits = Uint32Array.of(0x7fa00001, 0x7f800000, 0xff800000, 0x80000000);
    const file = encodeSafetensors([{ name: "x", shape: [4], data: new Float32Array(bits.buffer) }]);
    expect(new Uint32Array(decodeSafetensors(file).tensors[0].data.buffer)).toEqual(bits);
  });

  it("does not let a name or a metadata key reach a prototype", () => {
    const file = fileOf('{"__metadata__":{"__proto__":"x"},"__proto__":' + entry(0, 4) + "}", 4);
    const back = decodeSafetensors(file);
    expect(back.tensors[0].name).toBe("__proto__");
    expect(Object.keys(back.metadata)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(back.metadata)).toBe(Object.prototype);
  });
});

describe("other element types", () => {
  it("reads F64, F16 and BF16 as float32", () => {
    const file = fileOf(`{"h":${entry(0, 8, "[4]", "F16")},"b":${entry(8, 12, "[2]", "BF16")},"d":${entry(12, 28, "[2]", "F64")}}`, 28);
    const data = new DataView(file.buffer, file.length - 28);
    [0x3c00, 0xc000, 0x0001, 0x7c00].forEach((half, i) => data.setUint16(2 * i, half, true)); // 1, −2, 2⁻²⁴, ∞
    [0x3f80, 0xc040].forEach((bfloat, i) => data.setUint16(8 + 2 * i, bfloat, true)); // 1, −3
    [0.1, -1e300].forEach((number, i) => data.setFloat64(12 + 8 * i, number, true));
    const [h, b, d] = decodeSafetensors(file).tensors;
    expect([...h.data]).toEqual([1, -2, 2 ** -24, Infinity]);
    expect([...b.data]).toEqual([1, -3]);
    expect([...d.data]).toEqual([Math.fround(0.1), -Infinity]);
  });

  it("refuses integers with what to do", () => {
    expect(() => decodeSafetensors(fileOf(`{"n":${entry(0, 8, "[1]", "I64")}}`, 8))).toThrow("Convert it before saving");
  });
});

describe("files that lie", () => {
  it.each<[string, Uint8Array, string]>([
    ["empty", new Uint8Array(0), "at least 8 bytes"],
    ["without a header", fileOf(""), 'start with "{"'],
    ["with a header longer than the file", fileOf("{}", 0, 3), "takes 3 bytes after the first 8; the file has 2"],
    ["with a header longer than 100 MB", fileOf("{}", 0, 100_000_001), "at most 100000000; got 100000001"],
    ["with a header of 2^63 bytes", Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b, 0x7d]), "at most 100000000"],
    ["starting with space", fileOf(" {}"), 'start with "{"'],
    ["starting with a byte order mark", fileOf("\ufeff{}"), 'start with "{"'],
    ["not UTF-8", Uint8Array.from([3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x7d]), "UTF-8"],
    ["with text after the header", fileOf("{}{}"), "something follows"],
    ["naming a tensor twice", fileOf(`{"a":${entry(0, 4)},"a":${entry(0, 4)}}`, 4), 'the key "a" is given twice'],
    ["naming a tensor twice, once escaped", fileOf(`{"a":${entry(0, 4)},"\\u0061":${entry(4, 8)}}`, 8), "twice"],
    ["giving a shape twice", fileOf('{"a":{"dtype":"F32","shape":[1],"shape":[2],"data_offsets":[0,8]}}', 8), "twice"],
    ["with overlapping tensors", fileOf(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12), "must begin at byte 8"],
    ["with one tensor over another", fileOf(`{"a":${entry(0, 4)},"b":${entry(0, 4)}}`, 4), "must begin at byte 4"],
    ["with a hole", fileOf(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12), "must begin at byte 4"],
    ["with a hole in front", fileOf(`{"a":${entry(4, 8)}}`, 8), "must begin at byte 0"],
    ["with bytes at the end", fileOf(`{"a":${entry(0, 4)}}`, 5), "Something follows"],
    ["with its end missing", fileOf(`{"a":${entry(0, 8)}}`, 4), "end at byte 8 of the data; the file has 4"],
    ["with a shape that does not fit", fileOf(`{"a":${entry(0, 8, "[3]")}}`, 8), "takes 12 bytes"],
    ["with a shape beyond 2^53", fileOf(`{"a":${entry(0, 8, "[4294967296,4294967296]")}}`, 8), "at most 2^53"],
    ["with a negative shape", fileOf(`{"a":${entry(0, 8, "[-2]")}}`, 8), "whole numbers"],
    ["with a negative zero", fileOf(`{"a":${entry(0, 0, "[-0]")}}`), "whole numbers"],
    ["with half a shape", fileOf(`{"a":${entry(0, 8, "[0.5]")}}`, 8), "whole numbers"],
    ["with a shape that is no list", fileOf(`{"a":${entry(0, 8, "2")}}`, 8), "whole numbers"],
    ["with offsets in the wrong order", fileOf(`{"a":${entry(8, 0, "[2]")}}`, 8), "0 ≤ begin ≤ end"],
    ["with three offsets", fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}', 8), "[begin, end]"],
    ["without offsets", fileOf('{"a":{"dtype":"F32","shape":[1]}}', 4), "got nothing"],
    ["with an unknown type", fileOf(`{"a":${entry(0, 4, "[1]", "F31")}}`, 4), "dtype must be one of F32"],
    ["with a type from a prototype", fileOf(`{"a":${entry(0, 4, "[1]", "constructor")}}`, 4), "dtype must be one of"],
    ["with a tensor that is a number", fileOf('{"a":1}'), "described by an object; got 1"],
    ["with metadata that is a list", fileOf('{"__metadata__":[]}'), "must be an object"],
    ["with metadata that is a number", fileOf('{"__metadata__":{"epochs":3}}'), 'strings only; got 3 for "epochs"'],
    ["with half a character for a name", fileOf(`{"\\ud800":${entry(0, 4)}}`, 4), "valid Unicode"],
    ["nested without end", fileOf(`{"a":${"[".repeat(50_000)}`), "levels of nesting"],
  ])("rejects one %s", (_, file, message) => {
    expect(() => decodeSafetensors(file, "model.safetensors")).toThrow(FormatError);
    expect(() => decodeSafetensors(file, "model.safetensors")).toThrow(message);
    expect(() => decodeSafetensors(file, "model.safetensors")).toThrow("model.safetensors: ");
  });

  const two = encodeSafetensors([...KNOWN_TENSORS, { name: "bias", shape: [1], data: Float32Array.of(7) }], { by: "test" });

  it("rejects a file cut off at any byte", () => {
    for (let end = 0; end < two.length; end++) expect(() => decodeSafetensors(two.subarray(0, end))).toThrow(FormatError);
  });

  it("throws FormatError or reads a whole file, whichever bit of the header is flipped", () => {
    const headerEnd = 8 + new DataView(two.buffer).getUint32(0, true);
    let rejected = 0;
    for (let bit = 0; bit < 8 * headerEnd; bit++) {
      const damaged = two.slice();
      damaged[bit >> 3] ^= 1 << (bit & 7);
      try {
        const back = decodeSafetensors(damaged);
        expect(back.tensors).toHaveLength(2);
        expect(back.tensors.reduce((sum, { data }) => sum + data.byteLength, 0)).toBeLessThanOrEqual(20);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        rejected++;
      }
    }
    expect(rejected).toBeGreaterThan(4 * headerEnd); // most flips break something: the check is not vacuous
  });

  it("throws nothing but FormatError, whatever the header says", () => {
    const value = fc.oneof(fc.integer({ min: -1, max: 24 }), fc.constantFrom("F32", "F16"), fc.array(fc.integer({ min: 0, max: 4 })));
    const tensor = fc.record({ dtype: value, shape: value, data_offsets: value }, { requiredKeys: [] });
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("a", "b", "__metadata__"), tensor), (header) => {
        try {
          decodeSafetensors(fileOf(JSON.stringify(header), 16));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

describe("encodeSafetensors", () => {
  const data = Float32Array.of(1, 2);
  it.each([
    [
      "two tensors of one name",
      [
        { name: "a", shape: [2], data },
        { name: "a", shape: [2], data },
      ],
      "another tensor",
    ],
    ["a shape that does not fit", [{ name: "a", shape: [3], data }], "got 2 elements"],
    ["a missing name", [{ shape: [2], data }], "valid Unicode"],
    ["the reserved name", [{ name: "__metadata__", shape: [2], data }], "__metadata__"],
  ])("rejects %s", (_, tensors, message) => {
    expect(() => encodeSafetensors(tensors)).toThrow(FormatError);
    expect(() => encodeSafetensors(tensors)).toThrow(message);
  });

  it("writes a file without tensors that can be read", () => {
    expect(decodeSafetensors(encodeSafetensors([]))).toEqual({ tensors: [], metadata: {} });
  });
});

describe("what is no tensor or no file", () => {
  const data = new Float32Array(1);
  it.each<[string, () => unknown, RegExp]>([
    ["no list", () => encodeSafetensors(null as never), /^encodeSafetensors\(\): tensors must be a list/],
    ["a list of nothing", () => encodeSafetensors([null] as never), /tensors must be a list of \{ name, shape, data \}/],
    ["no shape", () => encodeSafetensors([{ name: "w", data }] as never), /tensor "w": shape must be an array/],
    [
      "another type of numbers",
      () => encodeSafetensors([{ name: "w", shape: [1], data: new Int32Array(1) }] as never),
      /data a Float32Array/,
    ],
    ["metadata that are none", () => encodeSafetensors([], "text" as never), /metadata must be an object/],
    [
      "no bytes",
      () => decodeSafetensors(new ArrayBuffer(8) as never),
      /^decodeSafetensors\(\): a file must be given as a Uint8Array.* got ArrayBuffer\. Pass/,
    ],
  ])("%s is an InputError", (_, call, message) => {
    expect(call).toThrow(InputError);
    expect(call).toThrow(message);
  });
});
