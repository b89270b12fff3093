// compile({ debug }): what is logged of the engines that run in Node. That of a GPU is in test/gpu/debug.test.ts.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { InputError } from "../../src/errors.ts";
import { dense, sequential, type CompileOptions, type Sequential } from "../../src/index.ts";

const X = Float32Array.from({ length: 40 }, (_, i) => Math.sin(i)),
  Y = Float32Array.from({ length: 20 }, (_, i) => X[2 * i] * X[2 * i + 1]);

let lines: string[];
beforeEach(() => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => {
    lines.push(line);
  });
});
afterEach(() => vi.restoreAllMocks());

async function compiled(options: Partial<CompileOptions>): Promise<Sequential> {
  const model = sequential({ seed: 1, layers: [dense({ units: 3, activation: "tanh", inputShape: [2] }), dense({ units: 1 })] });
  await model.compile({ optimizer: "sgd", loss: "meanSquaredError", ...options });
  return model;
}

async function weightsAfter(options: Partial<CompileOptions>): Promise<number[]> {
  const model = await compiled(options);
  await model.fit(X, Y, { epochs: 2, batchSize: 8 });
  const weights = (await model.getWeights()).flatMap(({ data }) => [...data]);
  model.dispose();
  return weights;
}

describe.each(["cpu", "wasm"] as const)("on backend %s", (backend) => {
  it("0, the default, logs nothing", async () => {
    await weightsAfter({ backend });
    await weightsAfter({ backend, debug: 0 });
    expect(lines).toEqual([]);
  });

  it("1 logs each plan once, under the engine that runs it", async () => {
    const model = await compiled({ backend, debug: 1 });
    await model.fit(X, Y, { epochs: 3, batchSize: 8 });
    await model.fit(X, Y, { epochs: 1, batchSize: 8 });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^deltaprop: ${backend}, CPU \\(.*\\)\ntrain step, batch 8: `));
    await model.predict(X);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain("predict step, batch 20: ");
    expect(lines.join()).not.toContain("BP2");
    model.dispose();
  });

  it("2 logs the steps with tensors and equations, too", async () => {
    await weightsAfter({ backend, debug: 2 });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/BP2 +grad_a1 = delta2·w2ᵀ +\(8, 1\)·\(3, 1\)ᵀ +\|error\| ≤ 1·2⁻²⁴·Σ\|terms\|/);
    expect(lines[0]).toMatch(/BP3 +grad_b1 = Σ_rows delta1 +\(1, 3\)/);
    if (backend === "wasm") expect(lines[0]).toMatch(/stage \d of \d+: .*; computes z, a, loss, BP1, BP2\n/);
  });

  it("3 logs how long the steps took, too", async () => {
    await weightsAfter({ backend, debug: 3 });
    const told = lines
      .slice(1)
      .map((line) => /^deltaprop: train, batch 8: (\d+) steps? in ([\d.e+-]+) ms, ([\d.e+-]+) ms a step/.exec(line)!.map(Number));
    expect(told.reduce((sum, [, steps]) => sum + steps, 0)).toBe(6);
    for (const [, steps, total, each] of told) {
      expect(total).toBeGreaterThan(0);
      expect(Math.abs(each / (total / steps) - 1)).toBeLessThan(0.02);
    }
  });

  it("changes no weight", async () => {
    const quiet = await weightsAfter({ backend });
    for (const debug of [1, 2, 3] as const) expect(await weightsAfter({ backend, debug })).toEqual(quiet);
  });
});

it("another level is refused, before a backend is opened", async () => {
  for (const debug of [4, -1, 1.5, NaN, "1", true]) {
    const error: unknown = await compiled({ backend: "wasm", threads: -1, debug: debug as never }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    // Of two mistakes the one that would come first.
    expect((error as InputError).message).toMatch(/^compile\(\): debug must be 0, 1, 2 or 3; got /);
  }
});
