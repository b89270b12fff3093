// The bytes of a checkpoint, damaged or made by somebody hostile: refused, whatever is wrong with them.

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  constant,
  cosineDecay,
  encodeSafetensors,
  exponentialDecay,
  FormatError,
  piecewiseConstantDecay,
  warmup,
} from "../../src/index.ts";
import { rateAt } from "../../src/model/schedules.ts";
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint, type Expected } from "../../src/train/checkpoint/checkpoint-file.ts";

const DECAY = { initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5 };
const CHECKPOINT: Checkpoint = {
  state: new Map<string, Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>([
    ["w1", Float32Array.of(1, -2.5, 3e-9)],
    ["m_w1", Float64Array.of(0.1, 1 / 3, -0)],
  ]),
  progress: { steps: 12, epochs: 4, stateRows: 4 },
  position: null,
  engine: "cpu, float64",
  learningRate: exponentialDecay(DECAY),
  callbacks: [
    { name: "first", values: { best: 0.5, list: [1, null] }, weights: new Map([["w1", Float32Array.of(4, 5, 6)]]) },
    { name: "", values: null, weights: null },
  ],
  standing: {
    history: { history: { loss: [0.5, NaN], val_loss: [Infinity, 2] }, epochs: 2, steps: 7, stopped: false },
    batches: 1,
    sums: { sums: [0.25], rows: 4 },
  },
};
const EXPECTED: Expected = {
  fingerprint: { seed: "1", batchSize: "4", "data of SHA-256": "ab" },
  tensors: new Map([
    ["w1", 3],
    ["m_w1", 3],
  ]),
  weights: new Map([["w1", 3]]),
  carried: new Map([["carried", 2]]),
  names: ["loss", "val_loss"],
  averaged: 1,
  perEpoch: 3,
  batchSize: 4,
  rows: 9,
  outputSteps: 1,
  leavesOut: false,
  bySteps: false,
  shuffle: true,
  engine: "cpu, float64",
  saysGelu: false,
};
/** Of training by 13 steps. */
const BY_STEPS: Checkpoint = {
  ...CHECKPOINT,
  progress: { steps: 12, epochs: 4, stateRows: 1 },
  position: { rows: 9, shuffle: true, pass: 3, row: 4 },
  learningRate: null,
  callbacks: [],
  standing: { history: { history: {}, epochs: 0, steps: 10, stopped: false }, batches: 10, sums: { sums: [NaN], rows: 31 } },
};
const EXPECTED_STEPS: Expected = { ...EXPECTED, bySteps: true, perEpoch: 13 };
const decode = (bytes: Uint8Array, expected = EXPECTED) => decodeCheckpoint(bytes, expected, "checkpoint");
const file = await encodeCheckpoint(CHECKPOINT, EXPECTED.fingerprint);
const failure = async (bytes: Uint8Array): Promise<unknown> =>
  decode(bytes).then(
    () => "no error",
    (error: unknown) => error,
  );

it("comes back as it was, float64 too", async () => {
  expect(await decode(file)).toEqual(CHECKPOINT);
  expect(await decode(await encodeCheckpoint(BY_STEPS, EXPECTED.fingerprint), EXPECTED_STEPS)).toEqual(BY_STEPS);
  const { learningRate } = await decode(file);
  expect([0, 5, 40].map((step) => rateAt(learningRate!, step))).toEqual([0.1, 0.1 * 0.5 ** 0.5, 0.1 * 0.5 ** 4]);
  expect(Object.is((await decode(file)).state.get("m_w1")?.[2], -0)).toBe(true);
});

describe("damage", () => {
  it("a cut at any byte is refused", async () => {
    for (let length = 0; length < file.length; length++)
      expect(await failure(file.slice(0, length)), String(length)).toBeInstanceOf(FormatError);
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
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        expect(await failure(bytes)).toBeInstanceOf(FormatError);
      }),
      { numRuns: 300, seed: 1 },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.uint8Array({ minLength: 1, maxLength: 9 }), async (at, noise) => {
        const bytes = file.slice();
        bytes.set(noise.subarray(0, bytes.length - at), at);
        fc.pre(bytes.some((byte, i) => byte !== file[i]));
        expect(await failure(bytes)).toBeInstanceOf(FormatError);
      }),
      { numRuns: 300, seed: 2 },
    );
  });
});

/** A file with a true digest and whatever it says. */
function forged(
  training: unknown,
  tensors = [...CHECKPOINT.state].map(([name, data]) => ({ name, shape: [data.length], data })),
  extra = {},
): Uint8Array {
  const text = typeof training === "string" ? training : JSON.stringify(training);
  const make = (sha256: string) =>
    encodeSafetensors(tensors, { format: "deltaprop-checkpoint", version: "3", sha256, training: text, ...extra });
  return make(
    createHash("sha256")
      .update(make("0".repeat(64)))
      .digest("hex"),
  );
}

describe("what is written is read, whatever the state", () => {
  const count = fc.oneof(fc.nat(20), fc.integer({ min: 2 ** 32 - 2, max: 2 ** 32 + 2 }), fc.integer({ min: 2 ** 50, max: 2 ** 50 + 9 }));
  // JSON has no −0.
  const double = fc.double().map((value) => value + 0);
  const numbers = (length: number) => fc.array(double, { minLength: length, maxLength: length });
  const rate = fc.oneof(
    fc.constant(null),
    fc.double({ min: 0, max: 1e30, noNaN: true }).map(constant),
    fc.constant(warmup({ steps: 3, then: cosineDecay({ initialLearningRate: 0.1, decaySteps: 1e9 }) })),
    fc.constant(piecewiseConstantDecay({ boundaries: [1, 2 ** 40], values: [1, 0.1, 0] })),
  );
  const states = fc
    .record({
      epochs: fc.nat(4),
      batches: fc.nat(1000),
      perEpoch: fc.integer({ min: 1, max: 1000 }),
      batchSize: fc.integer({ min: 1, max: 9 }),
      before: count,
      bySteps: fc.boolean(),
      rate,
      w1: numbers(3),
      stateRows: fc.nat(9),
      lost: fc.boolean(),
    })
    .chain((drawn) =>
      fc.record({
        drawn: fc.constant(drawn),
        losses: numbers(drawn.epochs),
        sum: double,
        place: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    );

  it("on 500 states", async () => {
    await fc.assert(
      fc.asyncProperty(states, async ({ drawn, losses, sum, place }) => {
        const { perEpoch, batchSize, bySteps, before, lost } = drawn,
          batches = drawn.batches % (perEpoch + 1),
          epochs = bySteps ? 0 : drawn.epochs;
        const rows = bySteps ? 17 : (perEpoch - 1) * batchSize + 1,
          trained = epochs * perEpoch + batches;
        const most = Math.min(batches * batchSize, bySteps ? Infinity : rows),
          least = lost ? 0 : batches;
        const history: Record<string, number[]> =
          epochs > 0 ? { loss: losses.slice(0, epochs), val_loss: losses.slice(0, epochs).reverse() } : {};
        const checkpoint: Checkpoint = {
          state: new Map<string, Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>([
            ["w1", Float32Array.from(drawn.w1)],
            ["m_w1", Float64Array.from(drawn.w1, (value) => -value)],
          ]),
          learningRate: drawn.rate,
          engine: "cpu, float64",
          callbacks: [],
          progress: { steps: before + trained, epochs: before + epochs + 1, stateRows: Math.min(rows, drawn.stateRows) },
          position: bySteps ? { rows, shuffle: false, pass: before + epochs, row: Math.round(place * rows) } : null,
          standing: {
            history: { history, epochs, steps: trained, stopped: false },
            batches,
            sums: { sums: [sum], rows: Math.round(least + place * (most - least)) },
          },
        };
        const expected: Expected = { ...EXPECTED, perEpoch, batchSize, rows, bySteps, leavesOut: lost, shuffle: !bySteps };
        const read = await decode(await encodeCheckpoint(checkpoint, expected.fingerprint), expected);
        expect(read).toEqual(checkpoint);
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});

describe("a hostile file with a true digest", () => {
  const {
      progress,
      position,
      learningRate,
      engine,
      standing: { sums, batches },
    } = CHECKPOINT,
    history = { history: { loss: [0.5, 0.4], val_loss: [1, 2] }, epochs: 2, steps: 7 };
  const standing = { history, batches, sums },
    callbacks = [{ name: "one", values: 1, weights: false }];
  const honest = { fingerprint: EXPECTED.fingerprint, progress, position, standing, learningRate, engine, callbacks };
  const whole = { ...standing, history: { ...history, steps: 9 }, batches: 3 };
  const bySteps = {
    ...honest,
    progress: BY_STEPS.progress,
    position: BY_STEPS.position,
    standing: { history: { history: {}, epochs: 0, steps: 10 }, batches: 10, sums: { sums: [1], rows: 31 } },
  };

  it("control: an honest one passes, also at the end of an epoch, and of training by steps", async () => {
    expect((await decode(forged(honest))).progress).toEqual(progress);
    expect((await decode(forged({ ...honest, standing: { ...whole, sums: { sums: [1], rows: 9 } } }))).standing.batches).toBe(3);
    expect((await decode(forged(bySteps), EXPECTED_STEPS)).position).toEqual(BY_STEPS.position);
  });

  it.each<[string, unknown]>([
    ["no JSON", "{"],
    ["a list", []],
    ["no progress", { ...honest, progress: undefined }],
    ["negative steps", { ...honest, progress: { ...progress, steps: -1 } }],
    ["half a step", { ...honest, progress: { ...progress, steps: 0.5 } }],
    ["steps beyond 53 bits", { ...honest, progress: { ...progress, steps: 2 ** 53 } }],
    ["fewer steps than its history", { ...honest, progress: { ...progress, steps: 6 } }],
    ["fewer passes than epochs", { ...honest, progress: { ...progress, epochs: 2 } }],
    ["more carried rows than rows", { ...honest, progress: { ...progress, stateRows: 10 } }],
    ["a place in the data, where none is known", { ...honest, position: BY_STEPS.position }],
    ["more mini-batches than an epoch has", { ...honest, standing: { ...standing, batches: 4, history: { ...history, steps: 10 } } }],
    ["another count of steps than its epochs have", { ...honest, standing: { ...standing, history: { ...history, steps: 8 } } }],
    ["a whole epoch of no rows, whose average is NaN", { ...honest, standing: { ...whole, sums: { sums: [0], rows: 0 } } }],
    ["an epoch of more rows than there are", { ...honest, standing: { ...whole, sums: { sums: [0], rows: 10 } } }],
    ["rows that are no number", { ...honest, standing: { ...standing, sums: { sums: [0], rows: "NaN" } } }],
    ["within an epoch that never began", { ...honest, progress: { ...progress, epochs: 0 } }],
    ["10^15 epochs without a history", { ...honest, standing: { ...standing, history: { history: {}, epochs: 1e15, steps: 7 } } }],
    [
      "a metric that is none",
      { ...honest, standing: { ...standing, history: { ...history, history: { ...history.history, __proto_: [1, 2] } } } },
    ],
    ["a metric less", { ...honest, standing: { ...standing, history: { ...history, history: { loss: [1, 2] } } } }],
    ["__proto__ as a metric", JSON.stringify(honest).replace('"loss":', '"__proto__":')],
    ["a history of another length", { ...honest, standing: { ...standing, history: { ...history, epochs: 1, steps: 4 } } }],
    [
      "a history of words",
      { ...honest, standing: { ...standing, history: { ...history, history: { ...history.history, loss: ["a", "b"] } } } },
    ],
    ["too many sums", { ...honest, standing: { ...standing, sums: { ...sums, sums: [1, 2] } } }],
    ["negative rows", { ...honest, standing: { ...standing, sums: { ...sums, rows: -1 } } }],
    ["another batchSize", { ...honest, fingerprint: { ...EXPECTED.fingerprint, batchSize: "8" } }],
    ["no fingerprint", { ...honest, fingerprint: {} }],
    ["a rate that is none", { ...honest, learningRate: -1 }],
    ["a negative rate", { ...honest, learningRate: { kind: "constant", rate: -1 } }],
    ["a schedule of no kind", { ...honest, learningRate: { kind: "hasOwnProperty" } }],
    ["no word of the rate", { ...honest, learningRate: undefined }],
    ["a schedule in a schedule that is none", { ...honest, learningRate: { kind: "warmup", steps: 2, from: 0, then: null } }],
    ["no engine", { ...honest, engine: undefined }],
    ["an engine without end", { ...honest, engine: "x".repeat(1001) }],
    ["no word of callbacks", { ...honest, callbacks: undefined }],
    ["callbacks that are no list", { ...honest, callbacks: {} }],
    ["a callback that is none", { ...honest, callbacks: [1] }],
    ["a callback with a number for a name", { ...honest, callbacks: [{ ...callbacks[0], name: 1 }] }],
    ["a callback that says not whether it has weights", { ...honest, callbacks: [{ name: "one", values: 1 }] }],
    ["a callback whose weights are missing", { ...honest, callbacks: [{ ...callbacks[0], weights: true }] }],
    ["a key twice", JSON.stringify(honest).replace('"steps":12', '"steps":12,"steps":13')],
  ])("%s is refused", async (_, training) => {
    expect(await failure(forged(training))).toBeInstanceOf(FormatError);
  });

  it.each<[string, unknown]>([
    ["a place behind the rows", { ...bySteps, position: { ...BY_STEPS.position, row: 10 } }],
    ["a pass by name", { ...bySteps, position: { ...BY_STEPS.position, pass: "1" } }],
    ["a pass that has not begun", { ...bySteps, position: { ...BY_STEPS.position, pass: 4 } }],
    ["an order of other rows", { ...bySteps, position: { ...BY_STEPS.position, rows: 8 } }],
    ["another kind of order", { ...bySteps, position: { ...BY_STEPS.position, shuffle: false } }],
    ["no place", { ...bySteps, position: undefined }],
    ["null for a place", { ...bySteps, position: null }],
    ["more rows than its mini-batches have", { ...bySteps, standing: { ...bySteps.standing, sums: { sums: [1], rows: 41 } } }],
  ])("by steps: %s is refused", async (_, training) => {
    const error = await decode(forged(training), EXPECTED_STEPS).then(
      () => "no error",
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(FormatError);
  });

  it.each<[string, Parameters<typeof forged>[1]]>([
    ["a tensor less", [{ name: "w1", shape: [3], data: new Float32Array(3) }]],
    ["a tensor more", [...CHECKPOINT.state.keys(), "w2"].map((name) => ({ name, shape: [3], data: new Float32Array(3) }))],
    ["a longer tensor", [...CHECKPOINT.state.keys()].map((name) => ({ name, shape: [4], data: new Float32Array(4) }))],
    [
      "carried states of another size",
      [...CHECKPOINT.state.keys(), "carried"].map((name) => ({ name, shape: [3], data: new Float32Array(3) })),
    ],
    ["__proto__ as a tensor", [...CHECKPOINT.state.keys(), "__proto__"].map((name) => ({ name, shape: [3], data: new Float32Array(3) }))],
  ])("%s is refused", async (_, tensors) => {
    expect(await failure(forged(honest, tensors))).toBeInstanceOf(FormatError);
  });

  it("weights that a callback has kept: of the right names, sizes and kind alone, and of that callback", async () => {
    const all = [...CHECKPOINT.state].map(([name, data]) => ({ name, shape: [3], data })),
      kept = { ...honest, callbacks: [{ ...callbacks[0], weights: true }] };
    const bytes = (training: unknown, name: string, data: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>) =>
      forged(training, [...all, { name, shape: [data.length], data }] as never);
    const right = Float32Array.of(1, 2, 3);
    expect((await decode(bytes(kept, "callback 0: w1", right))).callbacks?.[0].weights?.get("w1")).toEqual(right);
    expect((await decode(bytes(kept, "callback 0: w1", right))).state.has("callback 0: w1")).toBe(false);
    for (const wrong of [
      bytes(honest, "callback 0: w1", right),
      bytes(kept, "callback 1: w1", right),
      bytes(kept, "callback 0: m_w1", right),
      bytes(kept, "callback 0: w1", new Float32Array(4)),
      bytes(kept, "callback 0: w1", new Float64Array(3)),
    ]) {
      expect(await failure(wrong)).toBeInstanceOf(FormatError);
    }
  });

  it("version 2 is read, which says nothing of callbacks", async () => {
    const before = { ...honest, callbacks: undefined };
    expect(await decode(forged(before, undefined, { version: "2" }))).toMatchObject({ callbacks: null, progress, engine });
    // Control: version 3 has to say it.
    expect(await failure(forged(before))).toBeInstanceOf(FormatError);
  });

  it("another version, and weights alone, are refused by name", async () => {
    expect(String(await failure(forged(honest, undefined, { version: "4" })))).toMatch(
      /no checkpoint of deltaprop's version 3\. Weights alone/,
    );
    expect(String(await failure(encodeSafetensors([])))).toMatch(/no checkpoint/);
  });

  it("version 1 is read, though it says less; where a layer is gelu it is not, since that was the tanh form", async () => {
    const before = { fingerprint: { seed: "1", batchSize: "4" }, progress, position, standing };
    const old = forged(before, undefined, { version: "1" });
    expect(await decode(old)).toMatchObject({ learningRate: null, engine: "", progress });
    expect(await failure(forged(before))).toBeInstanceOf(FormatError);
    await expect(decode(old, { ...EXPECTED, saysGelu: true })).rejects.toThrow(/geluTanh/);
    expect((await decode(forged(honest), { ...EXPECTED, saysGelu: true })).progress).toEqual(progress);
  });
});
