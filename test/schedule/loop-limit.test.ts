// Adapters that end loops in silence after so many iterations: recurrent networks that would come to grief there are refused, and
// no others.

import { describe, expect, it } from "vitest";
import { FORMULAS } from "../support/formulas.ts";
import { UnsupportedError } from "../../src/errors.ts";
import { planAdapter } from "../../src/gpu/device.ts";
import { dense } from "../../src/model/layers.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import type { Adapter } from "../../src/schedule/tiles.ts";
import { sample } from "../reference/samples.ts";

const LLVMPIPE: Adapter = { kind: "software", quads: false, workgroupBytes: 32768, maxIterations: 65535 };

function planFor(steps: number, units: number, batch: number, adapter: Adapter): Plan {
  const { graph } = sample({
    layers: [simpleRNN({ units, inputShape: [steps, 3], returnSequences: true }), dense({ units: 2 })],
    loss: "meanSquaredError",
    optimizer: "sgd",
    rows: 2,
  });
  return new Plan(graph, { batch, adapter, sequences: SEQUENCES, formulas: FORMULAS });
}

describe("a recurrent network on llvmpipe", () => {
  it.each([
    [32, 128, 16],
    [7, 9, 64],
    [100, 64, 16],
    [1, 1, 1],
  ])("%i time steps of %i units, batch %i: planned", (steps, units, batch) => {
    expect(planFor(steps, units, batch, LLVMPIPE).launches.length).toBeGreaterThan(0);
  });

  it.each([
    [400, 256, 8, "fewer time steps or units"],
    [40, 4, 2000, "a smaller batchSize"],
  ])("%i time steps of %i units, batch %i: refused, use %s", (steps, units, batch, remedy) => {
    const plan = () => planFor(steps, units, batch, LLVMPIPE);
    expect(plan).toThrow(UnsupportedError);
    expect(plan).toThrow(
      new RegExp(`^plan: this software adapter ends loops after 65535 iterations, and ${steps} time steps .* Use ${remedy}`),
    );
    expect(planFor(steps, units, batch, { ...LLVMPIPE, maxIterations: undefined }).launches.length).toBeGreaterThan(0);
  });

  it("is refused from some number of time steps on, not here and there", () => {
    const refused = [10, 20, 40, 80, 160, 320, 640].map((steps) => {
      try {
        planFor(steps, 128, 8, LLVMPIPE);
        return false;
      } catch {
        return true;
      }
    });
    expect(refused).toEqual([...refused].sort());
    expect(new Set(refused).size).toBe(2);
  });
});

describe("planAdapter()", () => {
  const iterationsOf = (adapter: string) =>
    planAdapter({
      adapter,
      owned: true,
      device: { features: new Set(), limits: { maxComputeWorkgroupStorageSize: 32768 } } as unknown as GPUDevice,
    }).maxIterations;

  it.each(["65541 0 llvmpipe (LLVM 15.0.6, 256 bits) (software)", "unnamed adapter (software)"])("%s: loops end", (name) => {
    expect(iterationsOf(name)).toBe(65535);
  });

  it.each(["google swiftshader (software)", "nvidia hopper", "unnamed adapter"])("%s: loops do not", (name) => {
    expect(iterationsOf(name)).toBeUndefined();
  });
});
