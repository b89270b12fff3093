// Plans with precision "f16" as text: which tensors are f16, how they are read and written, and what they take. The kernels
// themselves run in test/gpu/precision.test.ts, where there is a device with "shader-f16".

import { describe, expect, it } from "vitest";
import { tensorOf } from "../../src/graph/types.ts";
import { sgd } from "../../src/model/optimizers.ts";
import { memoryBytes } from "../../src/schedule/places.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { writePersistent } from "../../src/schedule/persistent.ts";
import { halfTensors } from "../../src/schedule/precision.ts";
import { digits, graphOf, planCases, PROMISED } from "./networks.ts";
import { FORMULAS } from "../support/formulas.ts";

const halvesOf = ({ places }: Plan): string[] => [...places].filter(([, { type }]) => type === "f16").map(([name]) => name);

describe("which tensors are f16", () => {
  it("what products and activations of hidden layers make; not what the loss reads, no weight, no δ, no gradient", () => {
    const graph = graphOf({ ...digits, widths: [9, 8, 7], activation: "gelu", dropoutRate: 0.5, optimizer: sgd({ globalClipNorm: 1 }) });
    expect([...halfTensors(graph)].sort()).toEqual(["a1", "d1", "z1"]);
  });

  it("without a loss too: logits of a softmax and answers are f32", () => {
    expect([...halfTensors(graphOf({ ...digits, widths: [9, 8, 7], purpose: "predict" }))].sort()).toEqual(["a1", "z1"]);
  });

  it("class indices, which f16 knows up to 2048 only, and features stay f32 where they are copied", () => {
    const plan = new Plan(graphOf({ ...digits, widths: [9, 8, 7] }), { formulas: FORMULAS, batch: 3, fuse: false, precision: "f16" });
    for (const op of plan.graph.ops.filter(({ type }) => type === "gather")) {
      expect(plan.places.get(op.outputs[0])?.type).toBe("f32");
    }
  });

  it("none unless asked for, and none in the workgroup memory of a persistent plan", () => {
    const graph = graphOf({ widths: [9, 8, 7] });
    const plain = new Plan(graph, { formulas: FORMULAS, batch: 3 });
    expect(new Plan(graph, { formulas: FORMULAS, batch: 3, precision: "f32" }).launches).toEqual(plain.launches);
    const persistent = new Plan(graph, { formulas: FORMULAS, batch: 3, persistentBytes: 16384, writePersistent, precision: "f16" });
    expect(persistent.persistent).not.toBeNull();
    for (const plan of [plain, persistent]) {
      expect(halvesOf(plan)).toEqual([]);
      expect(plan.launches.some(({ source }) => source.includes("f16"))).toBe(false);
      expect(plan.toString()).not.toContain("f16");
    }
    expect(persistent.bytes).toEqual(new Plan(graph, { formulas: FORMULAS, batch: 3, persistentBytes: 16384, writePersistent }).bytes);
  });
});

describe.each(planCases([1, 33], { precision: "f16" }))("%s", (_, plan) => {
  it("a shader that binds f16 enables it before all else; no other mentions it", () => {
    for (const { source, bindings } of plan.launches) {
      const half = bindings.some(({ type }) => type === "f16");
      expect(source.startsWith("enable f16;\n")).toBe(half);
      expect(source.includes("f16")).toBe(half);
    }
  });

  it("f16 numbers are read as f32 and written by to_half, everywhere", () => {
    for (const { source, bindings, touches } of plan.launches) {
      expect(bindings.length).toBeLessThanOrEqual(8);
      for (const { name, type, elements } of bindings) {
        const touched = touches.filter(({ tensor }) => plan.places.get(tensor)?.memory === name);
        for (const { tensor } of touched) expect(plan.places.get(tensor)?.type).toBe(type);
        if (type !== "f16") continue;
        expect(source).toContain(`${name}: array<f16, ${elements}>;`);
        expect(2 * elements).toBe(plan.scratch.get(name));
        const uses = source.split(`${name}[`).length - 1;
        const reads = source.split(`f32(${name}[`).length - 1;
        const writes = source.match(new RegExp(`(?<!f32\\()${name}\\[[^;=]*\\] = to_half\\(`, "g"))?.length ?? 0;
        expect(uses).toBeGreaterThan(0);
        expect(reads + writes).toBe(uses);
      }
    }
  });

  it("they begin at multiples of four numbers, in buffers of their own, without meeting one that lives", () => {
    const bytes = memoryBytes(plan.places);
    for (const { tensor, bytes: size } of plan.lifetimes) {
      const place = plan.places.get(tensor);
      expect(place?.type).toBe(halfTensors(plan.graph).has(tensor) ? "f16" : "f32");
      expect(place?.memory).toMatch(place?.type === "f16" ? /^half\d*$/ : /^scratch\d*$/);
      expect((place?.offset ?? 1) % 4).toBe(0);
      const { rows, cols } = tensorOf(plan.graph, tensor);
      const elements = (rows === "batch" ? plan.batch : rows) * cols;
      expect(size).toBe(elements * (place?.type === "f16" ? 2 : 4));
      expect((place?.offset ?? 0) * 2 + elements * 2).toBeLessThanOrEqual(bytes.get(place?.memory ?? "") ?? 0);
    }
    const half = plan.lifetimes.filter(({ tensor }) => plan.places.get(tensor)?.type === "f16");
    for (const a of half)
      for (const b of half) {
        if (a === b || a.first > b.last || b.first > a.last) continue;
        const [p, q] = [plan.places.get(a.tensor), plan.places.get(b.tensor)];
        if (p?.memory !== q?.memory) continue;
        const [low, high] = (p?.offset ?? 0) < (q?.offset ?? 0) ? [a, b] : [b, a];
        expect((plan.places.get(low.tensor)?.offset ?? 0) + low.bytes / 2).toBeLessThanOrEqual(plan.places.get(high.tensor)?.offset ?? 0);
      }
  });
});

it("the plan of 784-256-256-256-256-10 counts two bytes for each activation, and says so", () => {
  const [full, half] = (["f32", "f16"] as const).map(
    (precision) => new Plan(graphOf(PROMISED), { formulas: FORMULAS, batch: 64, precision }),
  );
  // a1 to a4 are (64, 256).
  expect(full.bytes.withoutReuse - half.bytes.withoutReuse).toBe(4 * 64 * 256 * 2);
  // δ, which is f32, can no longer take over the memory of an a: about half of the saving is left.
  expect(full.bytes.withReuse - half.bytes.withReuse).toBeGreaterThan(64 * 256 * 4);
  expect(half.bytes).toMatchObject({ parameters: full.bytes.parameters, optimizer: full.bytes.optimizer });
  expect(half.toString()).toMatch(/^train step, batch 64, activations f16: /);
  expect(half.launches.map(({ label }) => label)).toEqual(full.launches.map(({ label }) => label));
});
