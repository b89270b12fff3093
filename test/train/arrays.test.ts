// One rule for all kinds of arrays, wherever the library takes some: they count as they are when the call is made, and what they are is
// told by brand. So arrays of another realm, subclasses, shared and resizable memory are as good, and memory that is gone is an InputError.

import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  dataset,
  decodeSafetensors,
  dense,
  encodeSafetensors,
  InputError,
  parseIdx,
  sequential,
  sgd,
  simpleRNN,
  windows,
  type Features,
  type Sequential,
  type Targets,
} from "../../src/index.ts";
import { compiledModel, noise, numbersOf } from "../support/models.ts";

const RECIPE = { optimizer: sgd(0.1), loss: "sparseCategoricalCrossentropy", backend: "cpu" } as const;
const declared = () => ({ seed: 1, layers: [dense({ units: 4, activation: "softmax" as const, inputShape: [3] })] });
const model = (): Promise<Sequential> => compiledModel(declared(), RECIPE);
const PIXELS = Array.from({ length: 18 }, (_, i) => 13 * i),
  LABELS = [0, 1, 2, 3, 0, 1];

type Bytes = Uint8Array<ArrayBuffer>;
type Resizable = ArrayBuffer & { resize(bytes: number): void };
const resizable = (bytes: number): Resizable =>
  new (ArrayBuffer as unknown as new (n: number, options: object) => Resizable)(bytes, { maxByteLength: 2 * bytes });
const filled = <A extends Uint8Array>(array: A, numbers: readonly number[]): A => {
  array.set(numbers);
  return array;
};

/** Bytes with the same numbers, of every kind that there is. */
const KINDS: readonly (readonly [string, (numbers: readonly number[]) => Uint8Array])[] = [
  ["a Uint8Array", (numbers) => Uint8Array.from(numbers)],
  ["a Uint8ClampedArray", (numbers) => Uint8ClampedArray.from(numbers) as unknown as Bytes],
  ["one of another realm", (numbers) => runInNewContext("Uint8Array.from(numbers)", { numbers }) as Bytes],
  ["a Buffer", (numbers) => Buffer.from(numbers)],
  ["part of a larger one", (numbers) => Uint8Array.from([9, 9, ...numbers, 9]).subarray(2, -1)],
  ["one in shared memory", (numbers) => filled(new Uint8Array(new SharedArrayBuffer(numbers.length)), numbers)],
  ["one in a resizable buffer", (numbers) => filled(new Uint8Array(resizable(numbers.length), 0, numbers.length), numbers)],
  ["one that follows its resizable buffer", (numbers) => filled(new Uint8Array(resizable(numbers.length)), numbers)],
  ["one of a class of its own", (numbers) => class extends Uint8Array {}.from(numbers)],
  ["one without a prototype", (numbers) => Object.setPrototypeOf(Uint8Array.from(numbers), null) as Bytes],
  ["one under a false name", (numbers) => Object.defineProperty(Uint8Array.from(numbers), Symbol.toStringTag, { value: "Float32Array" })],
];

/** In the prototype's stead, which an array may lack. */
const fill = (array: Uint8Array, value: number): void => {
  for (let i = 0; i < 6; i++) array[i] = value;
};

describe.each(KINDS)("%s", (_kind, make) => {
  const scale = 1 / 255;

  it.each<[string, (made: Sequential, x: Features, y: Targets) => Promise<unknown>]>([
    [
      "fit()",
      async (made, x, y) => {
        await made.fit(x, y, { scale, epochs: 2 });
        return numbersOf(made);
      },
    ],
    [
      "fit() on a handle",
      async (made, x, y) => {
        await made.fit(dataset(x, y, { scale }), { epochs: 2 });
        return numbersOf(made);
      },
    ],
    ["validationData", async (made, x, y) => (await made.fit(PIXELS, LABELS, { scale, validationData: [x, y] })).history],
    ["evaluate()", (made, x, y) => made.evaluate(x, y, { scale })],
    ["predict()", async (made, x) => [...(await made.predict(x, { scale }))]],
  ])("%s takes it as it is at the call, its bytes as bytes", async (_, act) => {
    const right = await act(await model(), Uint8Array.from(PIXELS), Uint8Array.from(LABELS));
    const x = make(PIXELS),
      y = make(LABELS),
      under = act(await model(), x as Bytes, y as Bytes);
    fill(x, 255);
    fill(y, 3);
    expect(await under).toEqual(right);
    // Control: before the call it makes a difference.
    expect(await act(await model(), x as Bytes, y as Bytes)).not.toEqual(right);
  });

  it("without a scale it is refused as bytes are", async () => {
    await expect((await model()).fit(make(PIXELS) as Bytes, LABELS)).rejects.toThrow(
      /x is a Uint8(Clamped)?Array; say what one unit is worth/,
    );
  });
});

describe("arrays that are changed", () => {
  it("while a compile() is under way: fit(), evaluate(), predict() and setWeights() have them as they were", async () => {
    const outcome = async (change: boolean) => {
      const made = sequential(declared()),
        weights = await made.getWeights(),
        x = Float32Array.from(noise(18, 1)),
        y = Uint8Array.from(LABELS);
      const compiling = made.compile(RECIPE),
        setting = made.setWeights(weights);
      const looking = [made.evaluate(x, y), made.predict(x).then((answers) => [...answers]), made.fit(x, y).then(({ history }) => history)];
      if (change) {
        for (const { data } of weights) data.fill(7);
        x.fill(1);
        y.fill(3);
      }
      await Promise.all([compiling, setting]);
      return [await Promise.all(looking), await numbersOf(made)];
    };
    expect(await outcome(true)).toEqual(await outcome(false));
  });

  it("lengths of sequences and whole numbers count as they were", async () => {
    const predicted = async (change: boolean) => {
      const made = await compiledModel(
        { seed: 1, layers: [simpleRNN({ units: 2, inputShape: [3], inputVocabulary: 5 })] },
        { ...RECIPE, loss: "meanSquaredError" },
      );
      const x = Uint32Array.of(1, 2, 3, 4, 0, 1),
        lengths = Uint8Array.of(3, 2),
        under = made.predict(x, { lengths });
      if (change) {
        x.fill(0);
        lengths.fill(1);
      }
      return [...(await under)];
    };
    expect(await predicted(true)).toEqual(await predicted(false));
  });

  it("a dataset() is what its arrays were when it was made", async () => {
    const made = await model(),
      x = Float32Array.from(noise(18, 1)),
      y = Uint32Array.from(LABELS),
      set = dataset(x, y);
    const before = await made.evaluate(x, y);
    x.fill(1);
    y.fill(3);
    expect(await made.evaluate(set)).toEqual(before);
    expect(await made.evaluate(x, y)).not.toEqual(before);
  });
});

const detached = (): Float32Array => {
  const array = noise(18, 1);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
};
const shrunk = (): Float32Array => {
  const buffer = resizable(72),
    array = new Float32Array(buffer, 0, 18);
  buffer.resize(8);
  return array;
};

describe.each([
  ["detached", detached],
  ["cut off by its resizable buffer", shrunk],
] as const)("an array that is %s", (_, gone) => {
  it.each<[string, (made: Sequential) => unknown]>([
    ["fit(), x", (made) => made.fit(gone(), LABELS)],
    ["fit(), y", (made) => made.fit(noise(18, 1), gone())],
    ["fit(), validationData", (made) => made.fit(noise(18, 1), LABELS, { validationData: [gone(), LABELS] })],
    ["fit(), a row", (made) => made.fit([gone()], [1])],
    ["evaluate()", (made) => made.evaluate(gone(), LABELS)],
    ["predict()", (made) => made.predict(gone())],
    ["dataset()", () => dataset(gone())],
    ["dataset(), lengths", () => dataset(noise(18, 1), undefined, { lengths: gone() as never })],
    ["setWeights()", async (made) => made.setWeights((await made.getWeights()).map((weight) => ({ ...weight, data: gone() })))],
    ["windows()", () => windows(gone(), { length: 2, batchSize: 1 })],
  ])("is an InputError: %s", async (_name, call) => {
    const made = await model();
    await expect((async () => call(made))()).rejects.toThrow(InputError);
    // Nothing has begun.
    expect((await made.fit(noise(18, 1), LABELS)).steps).toBe(1);
  });

  it("says what is wrong", async () => {
    await expect((await model()).predict(gone())).rejects.toThrow(/^predict\(\): x is a Float32Array whose memory is gone/);
  });
});

describe("what only looks like an array of bytes", () => {
  const posing = { [Symbol.toStringTag]: "Uint8Array", length: 16, buffer: new ArrayBuffer(16), byteOffset: 0, byteLength: 16 };

  it.each<[string, () => unknown]>([
    ["parseIdx()", () => parseIdx(posing as never)],
    ["decodeSafetensors()", () => decodeSafetensors(posing as never)],
    [
      "encodeSafetensors()",
      () => encodeSafetensors([{ name: "a", shape: [16], data: { ...posing, [Symbol.toStringTag]: "Float32Array" } as never }]),
    ],
    ["windows()", () => windows(posing as never, { length: 1, batchSize: 1 })],
  ])("is refused: %s", (_, call) => expect(call).toThrow(InputError));
});

it("files are read from any kind of Uint8Array", () => {
  const file = encodeSafetensors([{ name: "a", shape: [2], data: Float32Array.of(1.5, -2) }]),
    idx = [0, 0, 8, 1, 0, 0, 0, 2, 7, 9];
  for (const [kind, make] of KINDS) {
    if (kind === "a Uint8ClampedArray" || kind === "one without a prototype") continue;
    expect(decodeSafetensors(make([...file])).tensors).toEqual([{ name: "a", shape: [2], data: Float32Array.of(1.5, -2) }]);
    expect([...parseIdx(make(idx)).data]).toEqual([7, 9]);
  }
});

it("windows() gives arrays of this realm, of the kind that came in", () => {
  const foreign = runInNewContext("Float64Array.of(1, 2, 3, 4, 5)") as Float64Array,
    { x, y } = windows(foreign, { length: 2, batchSize: 1 });
  expect(foreign).not.toBeInstanceOf(Float64Array);
  expect([x, y]).toEqual([Float64Array.of(1, 2, 3, 4), Float64Array.of(2, 3, 4, 5)]);
});
