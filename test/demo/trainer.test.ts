// The one trainer of the rooms, with a small network on the CPU: what a task asks of it is what happens, and a network that is refused
// leaves the one before in place.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Places, type Place } from "../../demo/lib/places.ts";
import { SharedDevice } from "../../demo/lib/shared-device.ts";
import { Newest } from "../../demo/lib/newest.ts";
import { Trainer, type Batch, type ModelInfo, type Progress, type Task, type TrainerEvents } from "../../demo/lib/trainer.ts";
import { dataset, dense, sequential } from "../../src/index.ts";

// A worker without WebGPU.
beforeEach(() => {
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("isSecureContext", true);
});
afterEach(() => vi.unstubAllGlobals());

const ROWS = 12,
  BATCH = 4;

/** A linear network on twelve rows that writes down what it is told. */
class Line implements Task {
  readonly data = dataset(
    Float32Array.from({ length: ROWS }, (_, i) => i / ROWS),
    Float32Array.from({ length: ROWS }, (_, i) => 1 - i / ROWS),
  );
  readonly model = this.build();
  readonly recipe = { optimizer: "sgd", loss: "meanSquaredError", metrics: ["accuracy"] } as const;
  readonly fitOptions = { batchSize: BATCH, shuffle: false };
  readonly sliceMs = 5;
  readonly firstSlice = 3;
  readonly told: Batch[] = [];
  readonly shown: Progress[] = [];
  rate = 0.1;
  disposed = 0;

  constructor(
    readonly showEveryMs = 1e9,
    readonly stepsAPicture: number | null = null,
    readonly most = Infinity,
    readonly broken = false,
  ) {}

  build() {
    return sequential({ seed: 1, layers: [dense({ units: 1, inputShape: [1] })] });
  }

  async compile(options: object): Promise<void> {
    if (this.broken) throw new Error("refused");
    await this.model.compile({ ...this.recipe, ...options });
  }

  beginSlice(wanted: number): number {
    return Math.min(wanted, this.most);
  }

  onBatches(batches: readonly Batch[]): void {
    this.told.push(...batches);
  }

  async show(progress: Progress): Promise<void> {
    this.shown.push(progress);
  }

  dispose(): void {
    this.disposed++;
    this.model.dispose();
  }
}

function watched() {
  const said: string[] = [],
    models: ModelInfo[] = [],
    trainer = new Trainer<Line, TrainerEvents>();
  trainer.events = {
    onModel: (info) => models.push(info),
    onFresh: () => said.push("fresh"),
    onLost: (steps) => said.push(`lost ${steps}`),
    onStopped: (reason) => said.push(`stopped: ${reason}`),
  };
  return { trainer, said, models, begin: (line: Line) => trainer.replace("cpu", () => line) };
}

const until = (true_: () => boolean) =>
  vi.waitFor(
    () => {
      if (!true_()) throw new Error("not yet");
    },
    { timeout: 10_000, interval: 5 },
  );

it("trains exactly one mini-batch at a step, tells of it and shows it", async () => {
  const { trainer, said, models, begin } = watched(),
    line = await begin(new Line());
  expect([said, models.length, line.shown]).toEqual([["fresh"], 1, [{ steps: 0, msPerStep: null, stepsPerSecond: null }]]);
  expect(models[0]).toMatchObject({ backend: "cpu", parameters: 2, launches: null, bytes: null });
  await trainer.step();
  await trainer.step();
  expect(line.told.map(({ size }) => size)).toEqual([BATCH, BATCH]);
  expect(line.shown.map(({ steps }) => steps)).toEqual([0, 1, 2]);
  // The same steps by hand, with the rate of the task: the losses are the same.
  const model = line.build(),
    losses: number[] = [];
  await model.compile({ ...line.recipe, backend: "cpu" });
  model.learningRate = line.rate;
  await model.fit(line.data, {
    ...line.fitOptions,
    steps: 2,
    callbacks: {
      onBatchEnd: (_, { loss }) => {
        losses.push(loss);
      },
    },
  });
  expect(line.told.map(({ loss }) => loss)).toEqual(losses);
  expect(losses[1]).not.toBe(losses[0]);
});

it("trains until it is paused, and shows where it ended", async () => {
  const { trainer, begin } = watched(),
    line = await begin(new Line());
  await trainer.run();
  await until(() => line.told.length > 20);
  await trainer.pause();
  const steps = line.told.length;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(line.told).toHaveLength(steps);
  // Shown at first and at the end: it was never time in between.
  expect(line.shown.map((progress) => progress.steps)).toEqual([0, steps]);
  expect(line.shown[1].stepsPerSecond).toBeCloseTo(1000 / line.shown[1].msPerStep!);
});

it("takes no more steps at once than the task allows, and as many from picture to picture as it wants", async () => {
  const { trainer, begin } = watched(),
    line = await begin(new Line(1, 7));
  await trainer.run();
  await until(() => line.shown.length > 4);
  await trainer.pause();
  expect(line.shown.slice(0, 4).map(({ steps }) => steps)).toEqual([0, 7, 14, 21]);
  const short = await begin(new Line(1, 7, 2));
  await trainer.run();
  await until(() => short.shown.length > 4);
  await trainer.pause();
  expect(short.shown.slice(0, 4).map(({ steps }) => steps)).toEqual([0, 2, 4, 6]);
});

it("keeps the network, and trains it on, where another is refused", async () => {
  const { trainer, said, begin } = watched(),
    line = await begin(new Line()),
    broken = new Line(1, null, Infinity, true);
  await trainer.run();
  await expect(begin(broken)).rejects.toThrow("refused");
  expect([trainer.task === line, line.disposed, broken.disposed]).toEqual([true, 0, 1]);
  const before = line.told.length;
  await until(() => line.told.length > before + 5);
  const next = await begin(new Line());
  expect([trainer.task === next, line.disposed]).toEqual([true, 1]);
  await until(() => next.told.length > 5);
  await trainer.pause();
  expect(said).toEqual(["fresh", "fresh"]);
});

it("tells what stopped it, and runs again when that is mended", async () => {
  const { trainer, said, begin } = watched(),
    line = await begin(new Line());
  line.rate = -1;
  await trainer.run();
  await until(() => said.length > 1);
  expect(said[1]).toMatch(/^stopped: .*learningRate/);
  line.rate = 0.1;
  await trainer.run();
  await until(() => line.told.length > 5);
  await trainer.pause();
});

describe("a GPU that is lost", () => {
  /** A place on the CPU that says it lost a GPU as often as `losses`. */
  function unsteady() {
    const lose = vi.fn<() => void>(),
      place = { engine: "cpu", options: { backend: "cpu" }, lose, losses: 0 } satisfies Place;
    vi.spyOn(Places, "look").mockResolvedValue({ engines: ["cpu"], noGpu: null, find: () => place } as unknown as Places);
    return { place, lose };
  }
  afterEach(() => vi.restoreAllMocks());

  it("is told of where the network's pictures met the loss, and not its training", async () => {
    const { place } = unsteady(),
      { trainer, said, begin } = watched();
    // Of what was lost before, this network says nothing.
    place.losses = 2;
    const line = await begin(new Line());
    await trainer.step();
    expect(said).toEqual(["fresh"]);
    line.show = async () => {
      place.losses = 3;
    };
    await trainer.step();
    expect(said).toEqual(["fresh", "lost 2"]);
    await trainer.step();
    expect(said).toEqual(["fresh", "lost 2"]);
  });

  it("is taken away where training was asked for and waits for other work", async () => {
    const { lose } = unsteady(),
      { trainer, begin } = watched();
    await begin(new Line());
    await trainer.lose();
    await trainer.step();
    expect(lose).not.toHaveBeenCalled();
    let done!: () => void;
    const other = trainer.alone(() => new Promise<void>((resolve) => (done = resolve)));
    const asked = [trainer.run(), trainer.lose()];
    await vi.waitFor(() => done());
    await Promise.all([other, ...asked]);
    await until(() => lose.mock.calls.length > 0);
    await trainer.pause();
    expect(lose).toHaveBeenCalledOnce();
  });

  it("is counted, and the news of it leaves the device that took its place", async () => {
    const lose: (() => void)[] = [];
    vi.stubGlobal("navigator", {
      gpu: {
        requestAdapter: async () => ({
          limits: {},
          requestDevice: async () => ({
            lost: new Promise<void>((resolve) => lose.push(resolve)),
            destroy() {},
          }),
        }),
      },
    });
    const shared = (await SharedDevice.find()) as SharedDevice,
      first = await shared.open();
    expect(await shared.open()).toBe(first);
    shared.lose();
    const second = await shared.open();
    expect(second).not.toBe(first);
    expect(shared.losses).toBe(0);
    lose[0]();
    await vi.waitFor(() => expect(shared.losses).toBe(1));
    expect(await shared.open()).toBe(second);
    // Control: where the newest one goes, another is asked for.
    lose[1]();
    await vi.waitFor(() => expect(shared.losses).toBe(2));
    expect(await shared.open()).not.toBe(second);
  });

  it("is looked for again where there was none a moment ago", async () => {
    let there = false;
    const device = { lost: new Promise(() => {}) },
      found = { limits: {}, requestDevice: async () => device };
    vi.stubGlobal("navigator", { gpu: { requestAdapter: async () => (there ? found : null) } });
    there = true;
    const shared = (await SharedDevice.find()) as SharedDevice;
    there = false;
    await expect(shared.open()).rejects.toThrow("no GPU any more");
    there = true;
    expect(await shared.open()).toBe(device);
  });
});

it("does nothing for want of a network", async () => {
  const { trainer } = watched();
  await expect(trainer.step()).rejects.toThrow("no network yet");
  expect(() => trainer.task).toThrow("no network yet");
});

describe("work for the newest of what was asked", () => {
  it("is done once for all that was asked while it waited, and after each call", async () => {
    let wanted = 0;
    const done: number[] = [];
    const newest = new Newest(async () => {
      const now = wanted;
      await Promise.resolve();
      done.push(now);
    });
    const ask = (number: number) => {
      wanted = number;
      return newest.ask();
    };
    const first = ask(1);
    await Promise.resolve();
    void ask(2);
    const last = ask(3);
    await first;
    expect(done).toEqual([1]);
    await last;
    expect(done).toEqual([1, 3]);
    await ask(4);
    expect(done).toEqual([1, 3, 4]);
  });
});
