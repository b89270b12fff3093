// What was trained since a snapshot, and doing it again: on a backend of the test's own that loses its device where it is told to.

import { describe, expect, it } from "vitest";
import { GpuError } from "../../src/index.ts";
import { dense } from "../../src/model/layers.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { CpuBackend } from "../../src/train/float64/cpu-backend.ts";
import { FaultTolerantRunner } from "../../src/train/recovery/fault-tolerant-runner.ts";
import { Journal } from "../../src/train/recovery/journal.ts";
import { DeviceSession } from "../../src/train/recovery/device-session.ts";
import { Gate } from "../../src/train/call/lifecycle.ts";
import { Steering } from "../../src/train/loop/steering.ts";
import { Orders } from "../../src/train/backend/orders.ts";

const stretch = (from: number, steps: number) => [{ pass: 0, from, steps }];
const RECIPE = resolveRecipe(resolveNetwork([dense({ units: 1, inputShape: [1] })], 0), { optimizer: "sgd", loss: "meanSquaredError" });
const at = (steps: number) => ({ steps, epochs: 0, stateRows: 0 });

describe("Journal", () => {
  const open = () => {
    const journal = new Journal();
    journal.begin(at(0), stretch(0, 9), RECIPE).steps = 4;
    journal.begin(at(4), stretch(4, 5), RECIPE);
    journal.begin(at(4), stretch(4, 5), RECIPE).steps = 5;
    return journal;
  };
  const shown = (journal: Journal) => journal.since(0).map(({ firstStep, steps }) => [firstStep, steps]);

  it("finds, forgets and cuts by steps", () => {
    const journal = open();
    expect([0, 3, 4, 8, 9].map((step) => journal.entryOf(step)?.firstStep)).toEqual([0, 0, 4, 4, undefined]);
    journal.cut(6);
    expect(shown(journal)).toEqual([
      [0, 4],
      [4, 0],
      [4, 2],
    ]);
    journal.forget(4);
    expect(shown(journal)).toEqual([
      [4, 0],
      [4, 2],
    ]);
  });
});

/** A GPU that adds the rows of each step to its only number, and is gone after so many steps. */
class Frail extends CpuBackend {
  sum = 0;
  override isLost = false;

  constructor(public left: number) {
    super();
  }

  override readonly loss = async () => (this.isLost ? { reason: "unknown", message: "" } : null);

  override async snapshot() {
    return new Map([["sum", Float64Array.of(this.sum)]]);
  }

  override async write(state: ReadonlyMap<string, ArrayLike<number>>) {
    this.sum = state.get("sum")?.[0] ?? 0;
  }

  step(number: number): void {
    if (this.left-- === 0) this.isLost = true;
    if (this.isLost) throw new GpuError("gone");
    this.sum = (this.sum * 3 + number) % 1009;
  }
}

it.each([[[]], [[0]], [[5]], [[13, 2]], [[7, 7]]])(
  "lost after %j steps: nothing is done or told twice, also after parts without a step",
  async (losses) => {
    const train = async (left: number[]) => {
      const next = () => new Frail(left.shift() ?? Infinity),
        first = next(),
        progress = at(0),
        told: number[] = [];
      const network = resolveNetwork([dense({ units: 1, inputShape: [1] })], 0),
        portions = { rows: 40, at: 0, batchSize: 2 };
      const session = new DeviceSession({ backend: first, state: new Map(), reopen: async () => next() }, progress, () => {});
      // As a slow page has it: the first part of each run ends before its first step.
      let dull = false;
      const run = (from: number, first: number) => {
        dull = true;
        return faultTolerant.run(stretch(from, 10), (step) => void told.push(first + step), { aborted: false });
      };
      const faultTolerant = new FaultTolerantRunner({
        session,
        progress,
        position: null,
        gate: new Gate(),
        steering: new Steering(),
        recipe: () => resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" }),
        onNaN: "stop",
        checkpointing: null,
        onDeviceLost() {},
        firstNonFinite: async () => "",
        course: { recipe: resolveRecipe(network, { optimizer: "sgd", loss: "meanSquaredError" }), seed: 0, portions, shuffle: true },
        open: async () => {
          const backend = session.backend as Frail;
          return {
            validation: null,
            dispose() {},
            train: {
              orders: new Orders(
                { dataset: { rows: 40, x: new Float32Array(40), format: { type: "float32", scale: 1 }, y: null }, setOrder() {} },
                1,
              ),
              runner: {
                resultElements: 1,
                dispose() {},
                async run(steps, onResults) {
                  if (dull) {
                    dull = false;
                    return 0;
                  }
                  steps.forEach(({ step }, i) => {
                    backend.step(step);
                    onResults(i, 1, [1]);
                  });
                  return steps.length;
                },
              },
            },
          };
        },
      });
      await run(0, 0);
      await run(20, 10);
      await faultTolerant.secure();
      return { told, sum: (session.backend as Frail).sum, steps: progress.steps };
    };
    expect(await train([...losses])).toEqual(await train([]));
    expect((await train([])).told).toEqual(Array.from({ length: 20 }, (_, i) => i));
  },
);
