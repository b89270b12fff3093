// What is done when the GPU is lost comes in a file of its own, fetched ahead: a network that goes later is not missed, and one that
// was gone before is told of, with the weights still to be had. The network is this test's own.

import { afterEach, describe, expect, it, vi } from "vitest";
import type { Launch } from "../../src/schedule/launch.ts";
import type { Runner } from "../../src/train/backend/backend.ts";
import { COMMON_FORMULAS } from "../../src/schedule/formulas.ts";

const FILE = "../../src/train/recovery/recovery.ts";
/** Of the test under way. */
let network: { isThere: boolean; requests: number };

/** The library as a page loads it, from this network. */
async function load(isThere: boolean) {
  network = { isThere, requests: 0 };
  vi.resetModules();
  vi.doMock(FILE, () => {
    network.requests++;
    if (!network.isThere) throw new TypeError("no network");
    return vi.importActual(FILE);
  });
  const [
    { CpuBackend },
    { Compiled },
    { FaultTolerantRunner: FaultTolerantRunner },
    { Gate },
    { Orders },
    { dense },
    errors,
    { resolveNetwork, resolveRecipe },
  ] = await Promise.all([
    import("../../src/train/float64/cpu-backend.ts"),
    import("../../src/train/compiled/compiled.ts"),
    import("../../src/train/recovery/fault-tolerant-runner.ts"),
    import("../../src/train/call/lifecycle.ts"),
    import("../../src/train/backend/orders.ts"),
    import("../../src/model/layers.ts"),
    import("../../src/errors.ts"),
    import("../../src/model/network.ts"),
  ]);

  /** A GPU with one weight, to which each step adds its number. */
  class Frail extends CpuBackend {
    weight = 0;
    override isLost = false;
    override readonly loss = async () => (this.isLost ? { reason: "unknown" as const, message: "" } : null);
    override snapshot = async () => new Map([["w1", Float32Array.of(this.weight)]]);
    override read = this.snapshot;

    override async write(state: ReadonlyMap<string, ArrayLike<number>>) {
      this.weight = state.get("w1")?.[0] ?? 0;
    }
  }

  const layers = resolveNetwork([dense({ units: 1, inputShape: [1], useBias: false })], 0);
  const recipe = resolveRecipe(layers, { optimizer: "sgd", loss: "meanSquaredError" });
  const state = new Map([["w1", Float32Array.of(7)]]);
  const compiled = new Compiled(
    layers,
    recipe,
    { backend: new Frail(), state, reopen: async () => new Frail() },
    { formulas: COMMON_FORMULAS },
    1,
  );
  await compiled.backend.write(compiled.session.snapshot.state);
  const gpu = () => compiled.backend as InstanceType<typeof Frail>;

  /** Trains ten steps; `onStep` is told of each before it is done. */
  function train(onStep: (step: number) => Promise<void> | void): Promise<number> {
    const { session, progress } = compiled,
      told: number[] = [];
    const open = async () => {
      const backend = gpu();
      const run: Runner["run"] = async (steps, onResults) => {
        for (const [i, { step }] of steps.entries()) {
          await onStep(step);
          if (backend.isLost) throw new errors.GpuError("gone");
          backend.weight += step + 1;
          onResults(i, 1, [1]);
        }
        return steps.length;
      };
      const dataset = { rows: 10, x: new Float32Array(10), format: { type: "float32", scale: 1 }, y: null } as const;
      return {
        validation: null,
        dispose() {},
        train: {
          orders: new Orders({ dataset, setOrder() {} }, 1),
          runner: { resultElements: 1, dispose() {}, run },
        },
      };
    };
    const faultTolerant = new FaultTolerantRunner({
      session,
      progress,
      open,
      position: null,
      gate: new Gate(),
      steering: compiled.steering,
      recipe: () => recipe,
      onNaN: "stop",
      checkpointing: null,
      onDeviceLost() {},
      firstNonFinite: async () => "",
      course: { recipe, seed: 0, portions: { rows: 10, at: 0, batchSize: 1 }, shuffle: false },
    });
    const signal = { aborted: false };
    return faultTolerant
      .run([{ pass: 0, from: 0, steps: 10 }], (first, steps) => steps.forEach((_, i) => told.push(first + i)), signal)
      .then(() => {
        expect(told).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        return gpu().weight;
      });
  }
  return { compiled, gpu, train, errors, settled: () => new Promise((resolve) => setTimeout(resolve, 50)) };
}

afterEach(() => {
  vi.doUnmock(FILE);
  vi.unstubAllGlobals();
});

const WEIGHT = 7 + 55;

describe("the file", () => {
  it("is asked for when the first step is done, not before, and once", async () => {
    const { train, settled } = await load(true);
    expect(
      await train(async (step) => {
        await settled();
        expect(network.requests).toBe(step === 0 ? 0 : 1);
      }),
    ).toBe(WEIGHT);
  });

  it("is asked for after any other call, too", async () => {
    const { compiled, settled } = await load(true);
    await compiled.use("predict", async () => {
      await settled();
      expect(network.requests).toBe(0);
    });
    await settled();
    expect(network.requests).toBe(1);
  });

  it("is not asked for while the host says that it is offline, as a refusal may be remembered, but as soon as it is not", async () => {
    const { compiled, settled } = await load(true),
      predict = async () => {
        await compiled.use("predict", async () => {});
        await settled();
      };
    vi.stubGlobal("navigator", { onLine: false });
    await predict();
    expect(network.requests).toBe(0);
    vi.stubGlobal("navigator", { onLine: true });
    await predict();
    expect(network.requests).toBe(1);
  });

  it("is not needed to train: without a network nothing is thrown", async () => {
    const { train } = await load(false);
    expect(await train(() => {})).toBe(WEIGHT);
    expect(network.requests).toBe(1);
  });
});

describe("a GPU that is lost", () => {
  it("when the network went after the first step: training goes on, and no step is done or told twice", async () => {
    const { train, gpu, settled } = await load(true),
      lost: unknown[] = [];
    expect(
      await train(async (step) => {
        if (step !== 4 || lost.length > 0) return;
        await settled();
        network.isThere = false;
        lost.push(gpu());
        gpu().isLost = true;
      }),
    ).toBe(WEIGHT);
    expect(lost).not.toContain(gpu());
  });

  it("when there never was a network: a DeviceLostError says so, the weights are there, and the next call may find it", async () => {
    const { train, compiled, gpu, errors, settled } = await load(false);
    const failure: unknown = await train((step) => {
      if (step === 4) gpu().isLost = true;
    }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(errors.DeviceLostError);
    expect((failure as Error).message).toMatch(
      /^fit\(\): the GPU was lost, and .* cannot be loaded \(.*\)\. getWeights\(\) gives the last good weights\.$/,
    );
    expect((failure as Error).cause).toBeInstanceOf(Error);
    const readWeights = async () => [...((await compiled.readWeights()).get("w1") ?? [])];
    expect(await readWeights()).toEqual([7]);
    await expect(compiled.use("predict", async () => gpu().weight)).rejects.toThrow(/^predict\(\): the GPU was lost, and/);
    network.isThere = true;
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const calls = [compiled.use("predict", async () => gpu().weight), compiled.use("evaluate", async () => gpu().weight)];
    expect(await Promise.all(calls)).toEqual([7, 7]);
    expect(warn).toHaveBeenCalledTimes(2);
    warn.mockRestore();
    await settled();
    expect(await readWeights()).toEqual([7]);
  });

  it("before the first step, with a network: the file is fetched then", async () => {
    const { train, gpu } = await load(true),
      first = gpu();
    expect(
      await train((step) => {
        if (step === 0) first.isLost = true;
      }),
    ).toBe(WEIGHT);
    expect(gpu()).not.toBe(first);
  });
});

describe("a kernel that does not compile", () => {
  const UNSUPPORTED = "../../src/gpu/unsupported.ts";
  afterEach(() => vi.doUnmock(UNSUPPORTED));

  async function compile(isThere: boolean) {
    vi.resetModules();
    vi.doMock(UNSUPPORTED, () => {
      if (!isThere) throw new TypeError("no network");
      return vi.importActual(UNSUPPORTED);
    });
    const { PipelineCache } = await import("../../src/gpu/pipelines.ts"),
      { GpuError } = await import("../../src/errors.ts");
    const messages = [
      { type: "error", lineNum: 2, linePos: 5, message: "what is this?" },
      { type: "info", message: "nothing" },
    ];
    const device = {
      createBindGroupLayout() {},
      createPipelineLayout() {},
      pushErrorScope() {},
      popErrorScope: async () => null,
      createShaderModule: () => ({ getCompilationInfo: async () => ({ messages }) }),
      createComputePipelineAsync: () => Promise.reject(new Error("invalid")),
    } as unknown as GPUDevice;
    const launch = { kernel: "product", label: "z1", source: "first\nsecond", bindings: [], table: "uniform" };
    const error: unknown = await new PipelineCache(device).get(launch as unknown as Launch).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GpuError);
    return (error as Error).message;
  }

  it("is shown with the compiler's words and its numbered source", async () => {
    expect(await compile(true)).toBe("kernel product for z1 does not compile:\nline 2:5 what is this?\n   1  first\n   2  second");
  });

  it("is a GpuError without a network, too, so that one that came of a loss is made good", async () => {
    expect(await compile(false)).toBe("kernel product: Error: invalid");
  });
});
