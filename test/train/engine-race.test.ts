// backend "auto" where it measures: the faster engine wins, whichever that is, and what won is remembered.

import { afterEach, expect, it, vi } from "vitest";
import { dense, simpleRNN, type Layer } from "../../src/index.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import type { Backend } from "../../src/train/backend/backend.ts";
import { chooseEngine } from "../../src/train/engines/choose-engine.ts";
import { CpuBackend } from "../../src/train/float64/cpu-backend.ts";
import { isSecondFaster, prepareRunner } from "../../src/train/engines/engine-race.ts";
import { WasmBackend } from "../../src/train/engines/wasm-backend.ts";
import { WebGpuBackend } from "../../src/train/engines/webgpu-backend.ts";
import type { ChoiceStore } from "../../src/gpu/choice-store.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const wantedOf = (
  layers: readonly Layer[],
  autotune: boolean,
  loss: "meanSquaredError" | "sparseCategoricalCrossentropy" = "meanSquaredError",
) => {
  const network = resolveNetwork([...layers], 1);
  return { network, recipe: resolveRecipe(network, { optimizer: "adam", loss }), autotune };
};
/** So large that the model of costs prefers a GPU. */
const LARGE = [dense({ units: 100, inputShape: [300] })],
  SMALL = [dense({ units: 2, inputShape: [3] })];

/** Every call that trains takes so much longer. */
function slowed<T extends Backend>(backend: T, milliseconds: number): T {
  const prepare = backend.prepare.bind(backend);
  backend.prepare = async (...given) => {
    const runner = await prepare(...given),
      run = runner.run.bind(runner);
    runner.run = async (...what) => {
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      return run(...what);
    };
    return runner;
  };
  return backend;
}

it.each([
  ["an MLP", wantedOf(LARGE, true)],
  ["a classifier", wantedOf([dense({ units: 4, activation: "softmax", inputShape: [5] })], true, "sparseCategoricalCrossentropy")],
  [
    "a stateful recurrent network of whole numbers",
    wantedOf(
      [
        simpleRNN({ units: 5, inputShape: [3], inputVocabulary: 7, stateful: true, returnSequences: true }),
        dense({ units: 7, activation: "softmax" }),
      ],
      true,
      "sparseCategoricalCrossentropy",
    ),
  ],
])("the slower of two engines loses, whichever it is: %s", async (_, { network, recipe }) => {
  const pair = async (first: number, second: number) => {
    const runners = [slowed(await WasmBackend.open({ threads: 1 }), first), slowed(await WasmBackend.open({ threads: 1 }), second)].map(
      (backend) => prepareRunner(backend, network, recipe),
    );
    const [a, b] = await Promise.all(runners),
      won = await isSecondFaster([a, b]);
    a.dispose();
    b.dispose();
    return won;
  };
  expect(await pair(60, 0)).toBe(true);
  expect(await pair(0, 60)).toBe(false);
});

/** Stands for a GPU: the reference, under this name. */
function fakeGpu(adapter: string): void {
  vi.spyOn(WebGpuBackend, "create").mockImplementation(
    async () =>
      Object.defineProperties(CpuBackend.create(), {
        kind: { value: "webgpu" },
        adapter: { value: adapter },
        context: { value: { adapter, device: {} } },
        planAdapter: { value: { kind: "gpu", quads: false, workgroupBytes: 16384 } },
      }) as unknown as WebGpuBackend,
  );
}

function slowWasm(milliseconds: number) {
  const open = WasmBackend.open.bind(WasmBackend);
  return vi.spyOn(WasmBackend, "open").mockImplementation(async (options) => slowed(await open(options), milliseconds));
}

function memory(): ChoiceStore {
  const entries = new Map<string, string>();
  return { read: async (key) => entries.get(key), write: async (key, value) => void entries.set(key, value) };
}

async function chosen(...given: Parameters<typeof chooseEngine>): Promise<string> {
  const backend = await chooseEngine(...given);
  backend.dispose();
  return backend.kind;
}

it.each([
  ["an adapter without a name", "unnamed adapter", LARGE, false],
  ["autotune", "a GPU", SMALL, true],
])("measures for %s, takes the faster engine, and remembers it", async (_, adapter, layers, autotune) => {
  fakeGpu(adapter);
  const store = memory(),
    wanted = wantedOf(layers, autotune);
  expect(await chosen(wanted, { threads: 1 }, store)).toBe("wasm");
  // Remembered: it would come out otherwise now.
  const opened = slowWasm(300);
  expect(await chosen(wanted, { threads: 1 }, store)).toBe("wasm");
  expect(opened).toHaveBeenCalledTimes(1);
  // Control: measured anew it does, and so for another network.
  const anew = memory();
  expect(await chosen(wanted, { threads: 1 }, anew)).toBe("webgpu");
  opened.mockClear();
  expect(await chosen(wanted, { threads: 1 }, anew)).toBe("webgpu");
  expect(opened).not.toHaveBeenCalled();
});

it("does not measure an adapter with a name: the model of costs says it, always alike", async () => {
  fakeGpu("a GPU");
  const opened = slowWasm(0);
  expect(await chosen(wantedOf(LARGE, false), { threads: 1 }, memory())).toBe("webgpu");
  expect(await chosen(wantedOf(SMALL, false), { threads: 1 }, memory())).toBe("wasm");
  expect(opened).toHaveBeenCalledTimes(1);
});

it("remembers a GPU that computes wrong, names what is wrong, and takes WebAssembly", async () => {
  fakeGpu("a GPU");
  vi.spyOn(CpuBackend.prototype, "read").mockImplementation(async (names) => new Map(names.map((name) => [name, new Float32Array(5)])));
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {}),
    store = memory();
  expect(await chosen(wantedOf(LARGE, false), { threads: 1 }, store)).toBe("wasm");
  vi.spyOn(CpuBackend.prototype, "read").mockRestore();
  expect(await chosen(wantedOf(LARGE, false), { threads: 1 }, store)).toBe("wasm");
  expect(warned).toHaveBeenCalledTimes(2);
  for (const [text] of warned.mock.calls)
    expect(text).toMatch(/\(a GPU\) does not compute what it should \(a classifier \(7-19-5, relu, softmax\)\)/);
  // Control: another adapter is tried by itself.
  fakeGpu("another GPU");
  expect(await chosen(wantedOf(LARGE, false), { threads: 1 }, store)).toBe("webgpu");
});
