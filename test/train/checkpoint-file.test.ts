// The bytes of a checkpoint, damaged or made by somebody hostile: refused, whatever is wrong with them.

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeSafetensors, FormatError } from "../../src/index.ts";
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint, type Expected } from "../../src/train/checkpoint-file.ts";

const CHECKPOINT: Checkpoint = {
  state: new Map<string, Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>([["w1", Float32Array.of(1, -2.5, 3e-9)], ["m_w1", Float64Array.of(0.1, 1 / 3, -0)]]),
  progress: { steps: 12, epochs: 2, stateRows: 4 }, position: { rows: 9, shuffle: true, pass: 1, row: 4 },
  standing: { history: { history: { loss: [0.5, NaN] }, epochs: 2, steps: 12, stopped: false }, batches: 1, sums: { sums: [0.25], rows: 4 } },
};
const EXPECTED: Expected = {
  fingerprint: { seed: "1", batchSize: "4" }, tensors: new Map([["w1", 3], ["m_w1", 3]]), carried: new Map([["carried", 2]]),
  names: ["loss", "val_loss"], averaged: 1, perEpoch: 3, rows: 9,
};
const decode = (bytes: Uint8Array, expected = EXPECTED) => decodeCheckpoint(bytes, expected, "checkpoint");
const file = await encodeCheckpoint(CHECKPOINT, EXPECTED.fingerprint);
const failure = async (bytes: Uint8Array): Promise<unknown> => decode(bytes).then(() => "no error", (error: unknown) => error);

it("comes back as it was, float64 too", async () => {
  expect(await decode(file)).toEqual(CHECKPOINT);
  expect(Object.is((await decode(file)).state.get("m_w1")?.[2], -0)).toBe(true);
});

describe("damage", () => {
  it("a cut at any byte is refused", async () => {
    for (let length = 0; length < file.length; length++) expect(await failure(file.slice(0, length)), String(length)).toBeInstanceOf(FormatError);
    expect(await failure(Uint8Array.of(...file, 0))).toBeInstanceOf(FormatError);
  });

  it("any bit flipped, of header or tensors, is refused", async () => {
    for (let bit = 0; bit < file.length * 8; bit++) {
      const bytes = file.slice();
      bytes[bit >> 3] ^= 1 << (bit & 7);
      expect(await failure(bytes), `bit ${bit}`).toBeInstanceOf(FormatError);
    }
  });

  it("bytes drawn at random, and files with some of them, are refused", async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      expect(await failure(bytes)).toBeInstanceOf(FormatError);
    }), { numRuns: 300, seed: 1 });
    await fc.assert(fc.asyncProperty(fc.nat(file.length - 1), fc.uint8Array({ minLength: 1, maxLength: 9 }), async (at, noise) => {
      const bytes = file.slice();
      bytes.set(noise.subarray(0, bytes.length - at), at);
      fc.pre(bytes.some((byte, i) => byte !== file[i]));
      expect(await failure(bytes)).toBeInstanceOf(FormatError);
    }), { numRuns: 300, seed: 2 });
  });
});

/** A file with a true digest and whatever it says. */
function forged(training: unknown, tensors = [...CHECKPOINT.state].map(([name, data]) => ({ name, shape: [data.length], data })), extra = {}): Uint8Array {
  const text = typeof training === "string" ? training : JSON.stringify(training);
  const make = (sha256: string) => encodeSafetensors(tensors, { format: "deltaprop-checkpoint", version: "1", sha256, training: text, ...extra });
  return make(createHash("sha256").update(make("0".repeat(64))).digest("hex"));
}

describe("a hostile file with a true digest", () => {
  const { progress, position, standing: { sums, batches } } = CHECKPOINT, history = { history: { loss: [0.5, 0.4] }, epochs: 2, steps: 12 };
  const standing = { history, batches, sums }, honest = { fingerprint: EXPECTED.fingerprint, progress, position, standing };

  it("control: an honest one passes", async () => {
    expect((await decode(forged(honest))).progress).toEqual(progress);
  });

  it.each<[string, unknown]>([
    ["no JSON", "{"], ["a list", []], ["no progress", { ...honest, progress: undefined }],
    ["negative steps", { ...honest, progress: { ...progress, steps: -1 } }], ["half a step", { ...honest, progress: { ...progress, steps: 0.5 } }],
    ["steps beyond 32 bits", { ...honest, progress: { ...progress, steps: 2 ** 32 } }],
    ["more carried rows than rows", { ...honest, progress: { ...progress, stateRows: 10 } }],
    ["a place behind the rows", { ...honest, position: { ...position, row: 10 } }], ["a pass by name", { ...honest, position: { ...position, pass: "1" } }],
    ["no place", { ...honest, position: undefined }],
    ["more mini-batches than an epoch has", { ...honest, standing: { ...standing, batches: 4 } }],
    ["within an epoch that never began", { ...honest, position: null, progress: { ...progress, epochs: 0 } }],
    ["a metric that is none", { ...honest, standing: { ...standing, history: { ...history, history: { __proto_: [1, 2] } } } }],
    ["__proto__ as a metric", JSON.stringify(honest).replace('"loss":', '"__proto__":')],
    ["a history of another length", { ...honest, standing: { ...standing, history: { ...history, epochs: 1 } } }],
    ["a history of words", { ...honest, standing: { ...standing, history: { ...history, history: { loss: ["a", "b"] } } } }],
    ["too many sums", { ...honest, standing: { ...standing, sums: { ...sums, sums: [1, 2] } } }],
    ["negative rows", { ...honest, standing: { ...standing, sums: { ...sums, rows: -1 } } }],
    ["another batchSize", { ...honest, fingerprint: { seed: "1", batchSize: "8" } }], ["no fingerprint", { ...honest, fingerprint: {} }],
    ["a key twice", JSON.stringify(honest).replace('"steps":12', '"steps":12,"steps":13')],
  ])("%s is refused", async (_, training) => {
    expect(await failure(forged(training))).toBeInstanceOf(FormatError);
  });

  it.each<[string, Parameters<typeof forged>[1]]>([
    ["a tensor less", [{ name: "w1", shape: [3], data: new Float32Array(3) }]],
    ["a tensor more", [...CHECKPOINT.state.keys(), "w2"].map((name) => ({ name, shape: [3], data: new Float32Array(3) }))],
    ["a longer tensor", [...CHECKPOINT.state.keys()].map((name) => ({ name, shape: [4], data: new Float32Array(4) }))],
    ["carried states of another size", [...CHECKPOINT.state.keys(), "carried"].map((name) => ({ name, shape: [3], data: new Float32Array(3) }))],
    ["__proto__ as a tensor", [...CHECKPOINT.state.keys(), "__proto__"].map((name) => ({ name, shape: [3], data: new Float32Array(3) }))],
  ])("%s is refused", async (_, tensors) => {
    expect(await failure(forged(honest, tensors))).toBeInstanceOf(FormatError);
  });

  it("another version, and weights alone, are refused by name", async () => {
    expect(String(await failure(forged(honest, undefined, { version: "2" })))).toMatch(/no checkpoint of deltaprop's version 1\. Weights alone/);
    expect(String(await failure(encodeSafetensors([])))).toMatch(/no checkpoint/);
  });
});
