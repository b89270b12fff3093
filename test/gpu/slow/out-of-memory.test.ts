// A GPU without memory: whichever buffer cannot be made, the call says so, nothing of it stays, and the model trains on as if
// it had not been. And what a limit of the device forbids is refused before anything is made.

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { adam, dense, GpuError, OutOfMemoryError, sequential, simpleRNN, type Layer } from "../../../src/index.ts";
import { noise } from "../../support/models.ts";
import { counted, failing, ownDevice, type Counts, type Refusal } from "../counted-device.ts";

const ROWS = 48,
  WIDTH = 6,
  RECIPE = { optimizer: adam(0.01), loss: "meanSquaredError", metrics: ["mae"] } as const;
const X = noise(ROWS * WIDTH, 61),
  Y = noise(ROWS * 2, 62);

interface Network {
  readonly layers: Layer[];
  /** Batch sizes to go on with after a failure. */
  readonly batches: readonly number[];
  /** Buffers of carried states, which are the model's from the first call on that needs them, as its weights are. */
  readonly carries?: number;
}
const NETWORKS: [string, Network][] = [
  ["one launch", { layers: [dense({ units: 5, activation: "tanh", inputShape: [WIDTH] }), dense({ units: 2 })], batches: [4, 16] }],
  ["several launches", { layers: [dense({ units: 600, activation: "relu", inputShape: [WIDTH] }), dense({ units: 2 })], batches: [4, 16] }],
  // Another batch size would need other states.
  [
    "carried states",
    { layers: [simpleRNN({ units: 4, stateful: true, inputShape: [2, 3] }), dense({ units: 2 })], batches: [16], carries: 2 },
  ],
];
const BATCH = 16;

let device: GPUDevice, counts: Counts;
const uncaptured: string[] = [];
beforeAll(async () => {
  device = await ownDevice();
  device.addEventListener("uncapturederror", ({ error }) => uncaptured.push(error.message));
  counts = counted(device);
});
afterAll(async () => {
  await device.queue.onSubmittedWorkDone();
  device.destroy();
  expect(uncaptured).toEqual([]);
});

interface Course {
  /** The call that is made with each of the network's batch sizes, as after a failure. */
  readonly redo?: string;
  readonly onFailure?: (call: string, error: unknown) => void;
}

/** Calls on a model in turn, and what they gave; one that fails is made anew with each of the network's batch sizes. */
async function life({ layers, batches, carries = 0 }: Network, { redo, onFailure }: Course) {
  const model = sequential({ seed: 3, layers }),
    shuffle = layers[0].type !== "simpleRNN",
    given: unknown[] = [];
  const make = async (call: string, work: (batchSize: number) => Promise<unknown>) => {
    const before = counts.alive;
    try {
      if (call !== redo) {
        given.push(await work(BATCH));
        return;
      }
    } catch (error) {
      if (!onFailure) throw error;
      expect(counts.alive - before, call).toBeGreaterThanOrEqual(0);
      expect(counts.alive - before, call).toBeLessThanOrEqual(carries);
      onFailure(call, error);
    }
    for (const batchSize of batches) given.push(await work(batchSize));
  };
  await make("compile", () => model.compile({ ...RECIPE, device }));
  await make("fit", (batchSize) => model.fit(X, Y, { batchSize, epochs: 2, shuffle, validationSplit: 1 / 3 }));
  await make("evaluate", (batchSize) => model.evaluate(X, Y, { batchSize }));
  await make("predict", (batchSize) => model.predict(X, { batchSize }));
  await make("getWeights", () => model.getWeights());
  model.dispose();
  return given;
}

describe.each(NETWORKS)("a network of %s", (_, network) => {
  it.each<Refusal>(["reported", "thrown"])(
    "every buffer that is not to be had, %s",
    async (how) => {
      const bare = counts.alive,
        calls: string[] = [],
        warn = vi.spyOn(console, "warn").mockImplementation(() => {});
      onTestFinished(() => warn.mockRestore());
      for (let nth = 1; ; nth++) {
        const own = { createBuffer: Object.getOwnPropertyDescriptor(device, "createBuffer") };
        const failed: string[] = [],
          seen = failing(device, nth, how);
        const given = await life(network, {
          onFailure: (call, error) => {
            failed.push(call);
            expect(error, `${call}, buffer ${nth}`).toBeInstanceOf(OutOfMemoryError);
            expect(error).toBeInstanceOf(GpuError);
            const { bytesAsked, limit, batchSize, message } = error as OutOfMemoryError;
            expect(bytesAsked).toBeGreaterThan(0);
            expect(limit).toBe(null);
            // fit() validates 128 rows at a time.
            if (batchSize !== null) expect(batchSize).toBeLessThan(128);
            expect(message).toMatch(/out of memory \(made to fail\)/);
          },
        });
        expect(seen.unheard).toBe(0);
        expect(counts.alive).toBe(bare);
        for (const name of ["pushErrorScope", "popErrorScope"] as const) delete (device as Partial<GPUDevice>)[name];
        Object.defineProperty(device, "createBuffer", own.createBuffer!);
        if (seen.made < nth) break;
        // Where what was trained cannot be read back for the case that the GPU is lost, a warning has to do.
        const [call = "none"] = failed,
          warnings = warn.mock.calls.splice(0);
        expect(failed.length + warnings.length, `buffer ${nth}`).toBe(1);
        for (const [words] of warnings) expect(words).toMatch(/what was trained cannot be read back.*out of memory/);
        calls.push(call);
        expect(given, `${call}, buffer ${nth}`).toEqual(await undisturbed(network, call));
      }
      expect(new Set(calls.filter((call) => call !== "none"))).toEqual(new Set(["compile", "fit", "evaluate", "predict", "getWeights"]));
      expect(calls.length).toBeGreaterThan(20);
    },
    120_000,
  );
});

const controls = new Map<string, Promise<unknown[]>>();

/** What the same calls give where nothing fails. */
function undisturbed(network: Network, redo: string): Promise<unknown[]> {
  const key = `${NETWORKS.findIndex(([, known]) => known === network)} ${redo}`,
    known = controls.get(key) ?? life(network, { redo });
  controls.set(key, known);
  return known;
}
