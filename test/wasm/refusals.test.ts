// What does not fit 4 GiB, and what the host does not compile, is refused by a typed error before memory is taken for it; the model stays
// as it was and can go on.

import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { adam, dense, OutOfMemoryError, sequential, sgd, UnsupportedError, type CompileOptions, type Sequential } from "../../src/index.ts";
import { MAX_PAGES } from "../../src/wasm/assembler.ts";
import { EngineMemory, MAX_BYTES } from "../../src/wasm/memory.ts";
import { numbersOf } from "../support/models.ts";

const RECIPE = { optimizer: "sgd", loss: "meanSquaredError", backend: "wasm", threads: 1 } as const;
const X = Float32Array.of(0, 1, 2, 3),
  Y = Float32Array.of(1, 0);
/** Pages of 64 KiB that memories grew by. */
let grown = 0;

beforeEach(() => {
  grown = 0;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on the memory that it was asked of
  const { grow } = WebAssembly.Memory.prototype;
  vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(function (this: WebAssembly.Memory, pages) {
    grown += pages;
    // Nothing here needs as much; a test must not take a machine's memory.
    if (pages > 10_000) throw new RangeError("the test's limit");
    return grow.call(this, pages);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

function modelOf(units: readonly number[], inputs = 2): Sequential {
  const model = sequential({
    layers: units.map((count, i) => dense({ units: count, activation: "tanh", ...(i === 0 && { inputShape: [inputs] }) })),
  });
  onTestFinished(() => model.dispose());
  return model;
}
/** The last weight matrix. */
const lastOf = async (model: Sequential) => (await model.getWeights()).at(-2)!.data;
const errorOf = (work: Promise<unknown>): Promise<unknown> => work.then(() => null).catch((error: unknown) => error);

/** The refusal of a compile(). */
async function refusalOf(model: Sequential, options: Partial<CompileOptions> = {}): Promise<OutOfMemoryError> {
  const error = await errorOf(model.compile({ ...RECIPE, ...options }));
  expect(error).toBeInstanceOf(OutOfMemoryError);
  return error as OutOfMemoryError;
}

describe("memory beyond 4 GiB", () => {
  it("one matrix of weights", async () => {
    const { bytesAsked, message } = await refusalOf(modelOf([2 ** 15], 2 ** 15));
    expect(bytesAsked).toBeGreaterThanOrEqual(2 ** 32);
    expect(message).toMatch(/Use fewer units/);
    expect(grown).toBe(0);
  });

  it("many of them together, or with their optimizer states", async () => {
    expect((await refusalOf(modelOf(Array.from({ length: 9 }, () => 12_000)))).bytesAsked).toBeGreaterThan(8 * 4 * 12_000 ** 2);
    const { bytesAsked } = await refusalOf(modelOf([12_000, 12_000, 12_000, 12_000]), { optimizer: adam() });
    expect(bytesAsked).toBeGreaterThan(3 * 3 * 4 * 12_000 ** 2);
    expect(grown).toBe(0);
  });

  it("of what lies between layers: it is computed in chunks, or refused before any of it is taken", async () => {
    const rows = 2 ** 19,
      model = modelOf([1024, 1024, 1024, 1], 1);
    await model.compile({ ...RECIPE, optimizer: sgd() });
    const before = await lastOf(model),
      error = await errorOf(model.fit(new Float32Array(rows), new Float32Array(rows), { batchSize: rows, epochs: 1 }));
    expect(error).toBeInstanceOf(OutOfMemoryError);
    // The whole mini-batch would take 6 GiB. Chunks that fit were asked for next, and only by them would memory have grown.
    expect((error as OutOfMemoryError).bytesAsked).toBeLessThan(MAX_BYTES);
    expect(grown).toBeLessThan(MAX_PAGES);
    expect(await lastOf(model)).toEqual(before);
    // Control: fewer rows at a time fit.
    await model.fit(new Float32Array(64).fill(1), new Float32Array(64), { batchSize: 32, epochs: 1 });
    expect(await lastOf(model)).not.toEqual(before);
  });
});

it("is known beforehand: what is in use and what is asked for are added up", () => {
  const memory = new EngineMemory(false),
    at = memory.take(1 << 20, "a piece"),
    all = grown;
  expect(() => memory.check(MAX_BYTES - (1 << 20), "a step")).toThrow(OutOfMemoryError);
  expect(() => memory.take(MAX_BYTES, "a step")).toThrow(/a step: .* addresses end at/);
  expect(grown).toBe(all);
  // Control: free pieces count as room.
  memory.free(at);
  memory.check(MAX_BYTES - (1 << 20), "a step");
});

describe("a host that refuses", () => {
  it("to reserve addresses", async () => {
    vi.spyOn(WebAssembly, "Memory").mockImplementation(function () {
      throw new RangeError("could not allocate memory");
    });
    await refusalOf(modelOf([3, 1]));
    vi.restoreAllMocks();
    await modelOf([3, 1]).compile(RECIPE);
  });

  it.each([
    ["to compile a module", "compile", new WebAssembly.CompileError("local count too large"), UnsupportedError, /local count too large/],
    ["for lack of memory to compile it", "compile", new RangeError("out of code space"), OutOfMemoryError, /out of code space/],
    ["for lack of memory to instantiate it", "instantiate", new RangeError("cannot allocate"), OutOfMemoryError, /cannot allocate/],
  ] as const)("%s", async (_, method, thrown, kind, message) => {
    const model = modelOf([3, 1]);
    await model.compile(RECIPE);
    const before = await numbersOf(model),
      refuses = vi.spyOn(WebAssembly, method).mockRejectedValue(thrown);
    for (let i = 0; i < 3; i++) {
      const error = await errorOf(model.fit(X, Y, { epochs: 1 }));
      expect(error).toBeInstanceOf(kind);
      expect((error as Error).message).toMatch(message);
    }
    expect(refuses).toHaveBeenCalled();
    expect(await numbersOf(model)).toEqual(before);
    refuses.mockRestore();
    const all = grown;
    await model.fit(X, Y, { epochs: 1 });
    // What was taken for the module was given back: it is room enough now.
    expect(grown).toBe(all);
    expect(await numbersOf(model)).not.toEqual(before);
  });
});
