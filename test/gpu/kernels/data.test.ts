// What is done with whole tensors and with data, alone on the engine: the gather of a shuffled mini-batch, penalties, the
// summary of a step, dropout, and the random words behind it.

import { describe, expect, it } from "vitest";
import { PHILOX } from "../../../shaders/philox.wgsl.ts";
import type { DataType } from "../../../src/graph/types.ts";
import { createFrom, readFloats } from "../../../src/gpu/memory.ts";
import { keyOf, philox4x32, type Quad } from "../../../src/random.ts";
import { dropoutMask, dropoutScale } from "../../../src/reference/dropout.ts";
import { describeGpu, itGpu } from "../../support/models.ts";
import { replaceOrThrow } from "../../support/replace-or-throw.ts";
import { expectCaught, expectStep, normals, randomFor, runStep, useGpu, type StepCase } from "../support.ts";

const gpu = useGpu();
const B = "batch";

describe("gather", () => {
  const STORED = 50;
  const random = randomFor(7);
  const order = random.permutation(STORED);
  const data = {
    uint8: (n: number) => Uint8Array.from({ length: n }, () => random.below(256)),
    float32: (n: number) => normals(n, 8),
    uint32: (n: number) => Uint32Array.from({ length: n }, () => random.below(100_000)),
  };
  const of = (source: DataType, cols: number, scale: number, rows: number, offset = 0): StepCase => ({
    op: { type: "gather", source, scale, inputs: ["data_x", "order"], outputs: ["x"] },
    shapes: { data_x: [1, cols], order: [1, 1], x: [B, cols] },
    values: { data_x: data[source](STORED * cols), order },
    batch: rows,
    scalars: { offset },
  });

  // Four bytes are a word: rows of other widths start in the middle of one.
  it.each([
    ["uint8", 1, 1],
    ["uint8", 2, 0.5],
    ["uint8", 3, 1 / 255],
    ["uint8", 4, 1 / 255],
    ["uint8", 5, 1 / 255],
    ["uint8", 784, 1 / 255],
    ["uint8", 785, 1 / 255],
    ["float32", 1, 1],
    ["float32", 13, 1],
    ["float32", 13, 0.1],
    ["float32", 64, -3],
    ["uint32", 1, 1],
  ] as const)("%s, %i columns, scale %f", async (source, cols, scale) => {
    await expectStep(gpu, of(source, cols, scale, 1));
    await expectStep(gpu, of(source, cols, scale, 33, 9));
    await expectStep(gpu, { ...of(source, cols, scale, 7, STORED - 7), batch: 33, rows: 7 });
  });

  it("copies floats and labels bit for bit", async () => {
    for (const source of ["float32", "uint32"] as const) {
      const given = of(source, 1, 1, 20, 5);
      const {
        outputs: [x],
      } = await runStep(gpu, given);
      expect([...x]).toEqual(Array.from(order.subarray(5, 25), (row) => given.values.data_x[row]));
    }
  });

  itGpu("control: the own order, another offset or scale is caught", async () => {
    await expectCaught(gpu, { ...of("uint8", 5, 1, 20, 5), wrong: ["order[step.offset + row]", "row"] });
    await expectCaught(gpu, { ...of("uint8", 4, 1, 20, 5), wrong: ["order[step.offset + row]", "order[row]"] });
    await expectCaught(gpu, { ...of("float32", 3, 0.1, 20), wrong: ["0.1000", "0.1001"] });
  });
});

describe("penalty", () => {
  const of = (l1: number, l2: number, elements: number): StepCase => ({
    op: { type: "penalty", l1, l2, inputs: ["w"], outputs: ["penalty"] },
    shapes: { w: [elements, 1], penalty: [1, 1] },
    values: { w: normals(elements, 1) },
  });

  it.each([1, 255, 256, 257, 100_000])("of %i weights", async (elements) => {
    await expectStep(gpu, of(0.01, 0, elements));
    await expectStep(gpu, of(0, 1e-4, elements));
    await expectStep(gpu, of(0.1, 0.3, elements));
  });

  itGpu("control: a wrong constant, or a weight left out, is caught", async () => {
    await expectCaught(gpu, { ...of(0.1, 0.3, 300), wrong: ["abs(w)", "w"] });
    await expectCaught(gpu, { ...of(0.1, 0.3, 300), wrong: ["0.30000", "0.30010"] });
    await expectCaught(gpu, { ...of(0.1, 0.3, 300), wrong: ["i < 300u", "i < 299u"] });
  });
});

describe("summary of a step", () => {
  const of = (rows: number, metrics: number, penalties: number): StepCase => {
    const names = [
      ...Array.from({ length: 1 + metrics }, (_, i) => `rows${i}`),
      ...Array.from({ length: penalties }, (_, i) => `penalty${i}`),
    ];
    return {
      op: { type: "summarize", metrics, inputs: names, outputs: ["results"] },
      shapes: {
        ...Object.fromEntries(names.map((name, i) => [name, i <= metrics ? ([B, 1] as const) : ([1, 1] as const)])),
        results: [1, 1 + metrics],
      },
      values: Object.fromEntries(names.map((name, i) => [name, normals(i <= metrics ? rows : 1, i)])),
      batch: rows,
    };
  };

  it.each([
    [1, 0, 0],
    [1, 3, 1],
    [255, 1, 0],
    [256, 1, 2],
    [257, 1, 2],
    [1000, 3, 2],
  ])("of %i rows, %i metrics, %i penalties", async (...given) => {
    await expectStep(gpu, of(...given));
  });

  it.each([
    [64, 1],
    [64, 63],
    [300, 257],
  ])("batch %i with %i rows: the mean is of those", async (batch, rows) => {
    await expectStep(gpu, { ...of(rows, 2, 1), batch, rows });
  });

  it("many metrics and penalties", async () => {
    await expectStep(gpu, of(5, 3, 24));
    await expectStep(gpu, of(300, 12, 40));
  });

  itGpu("control: the mean over the plan's batch, or a penalty divided by it, is caught", async () => {
    await expectCaught(gpu, { ...of(7, 1, 1), batch: 8, rows: 7, wrong: ["v * step.inverse_rows", "v * 0.125"] });
    await expectCaught(gpu, { ...of(7, 1, 1), wrong: ["sum += v;", "sum += v * step.inverse_rows;"] });
  });
});

describe("dropout", () => {
  const [rows, cols] = [33, 13];
  const of = (rate: number, layer: number, step: number, seed: number, x: ArrayLike<number>): StepCase => ({
    op: { type: "dropout", rate, layer, inputs: ["x"], outputs: ["out"] },
    shapes: { x: [B, cols], out: [B, cols] },
    values: { x },
    batch: rows,
    scalars: { step },
    seed,
  });
  const ones = new Float32Array(rows * cols).fill(1);

  // Only then does the pull-back, in another launch, meet the mask of the forward pass.
  it.each([
    [0.5, 1, 0, 0],
    [0.1, 3, 1, 1],
    [0.999, 2, 4_000_000_000, 12345],
    [0.3, 0, 7, 2 ** 53 - 1],
    [1e-9, 1, 1, 2 ** 32],
  ])("rate %f, layer %i, step %i, seed %i: the mask of TypeScript, bit for bit", async (rate, layer, step, seed) => {
    const {
      outputs: [out],
    } = await expectStep(gpu, of(rate, layer, step, seed, ones));
    const mask = dropoutMask(rows * cols, rate, seed, step, layer);
    const scale = Math.fround(dropoutScale(rate));
    expect([...out]).toEqual(Array.from(mask, (kept) => kept * scale));
    await expectStep(gpu, of(rate, layer, step, seed, normals(rows * cols, 2)));
  });

  it("batch 40 with 33 rows", async () => {
    await expectStep(gpu, { ...of(0.5, 1, 2, 3, ones), batch: 40, rows });
  });

  describe("of a chunk", () => {
    const first = 17,
      whole = of(0.4, 1, 2, 3, ones);
    const chunk: StepCase = {
      ...of(0.4, 1, 2, 3, ones.slice(first * cols)),
      batch: rows - first,
      op: { type: "dropout", rate: 0.4, layer: 1, chunked: true, inputs: ["x"], outputs: ["out"] },
      scalars: { step: 2, whole: { rows, first } },
    };
    it("the mask is that of the same rows of the whole mini-batch", async () => {
      const [all, part] = [await expectStep(gpu, whole), await expectStep(gpu, chunk)];
      expect([...part.outputs[0]]).toEqual([...all.outputs[0].slice(first * cols)]);
    });
    itGpu("control: another place in it is caught", async () => {
      await expectCaught(gpu, { ...chunk, wrong: [">> 1u", ">> 2u"] });
    });
  });

  itGpu("control: another step, layer or scale is caught", async () => {
    await expectCaught(gpu, { ...of(0.5, 1, 2, 3, ones), wrong: ["step.step,", "step.step + 1u,"] });
    await expectCaught(gpu, { ...of(0.5, 1, 2, 3, ones), wrong: [", 1u, 3u + ", ", 2u, 3u + "] });
    await expectCaught(gpu, { ...of(0.5, 1, 2, 3, ones), wrong: ["2.0f", "2.00001f"] });
  });
});

describeGpu("philox4x32-10 in WGSL", () => {
  /** Counter and key of each, six words one after the other → four words each. */
  async function words(inputs: Uint32Array<ArrayBuffer>, philox = PHILOX): Promise<Uint32Array> {
    const { device } = gpu,
      count = inputs.length / 6;
    const code = `
      @group(0) @binding(0) var<storage, read> given: array<u32>;
      @group(0) @binding(1) var<storage, read_write> drawn: array<u32>;
      ${philox}
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
        if (id.x >= ${count}u) { return; }
        let at = id.x * 6u;
        let four = philox4x32(vec4u(given[at], given[at + 1u], given[at + 2u], given[at + 3u]),
          vec2u(given[at + 4u], given[at + 5u]));
        for (var i = 0u; i < 4u; i++) { drawn[id.x * 4u + i] = four[i]; }
      }`;
    const buffers = [createFrom(device, inputs, "validate-all"), createFrom(device, new Uint32Array(count * 4), "drawn")];
    const pipeline = device.createComputePipeline({ layout: "auto", compute: { module: device.createShaderModule({ code }) } });
    const encoder = device.createCommandEncoder(),
      pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
      }),
    );
    pass.dispatchWorkgroups(Math.ceil(count / 64));
    pass.end();
    device.queue.submit([encoder.finish()]);
    const [floats] = await readFloats(device, [{ buffer: buffers[1], elements: count * 4 }]);
    buffers.forEach((buffer) => buffer.destroy());
    return new Uint32Array(floats.buffer);
  }

  /** Known answers of Random123, file kat_vectors (Salmon et al.): counter, key, words. */
  const KNOWN = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const;

  it("the published known answers", async () => {
    const drawn = await words(Uint32Array.from(KNOWN.flatMap(([counter, key]) => [...counter, ...key])));
    expect([...drawn]).toEqual(KNOWN.flatMap(([, , answer]) => [...answer]));
  });

  const random = randomFor(9);
  const inputs = Uint32Array.from({ length: 6000 }, () => random.word());
  const wanted = Array.from({ length: 1000 }, (_, i) => {
    const [c0, c1, c2, c3, k0, k1] = inputs.subarray(6 * i, 6 * i + 6);
    return philox4x32([c0, c1, c2, c3] as Quad, [k0, k1]);
  }).flat();

  it("1,000 random counters and keys as in TypeScript", async () => {
    expect([...(await words(inputs))]).toEqual(wanted);
  });

  it("the keys of seeds as in TypeScript", async () => {
    const seeds = [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
    const drawn = await words(Uint32Array.from(seeds.flatMap((seed) => [1, 2, 3, 4, ...keyOf(seed)])));
    expect([...drawn]).toEqual(seeds.flatMap((seed) => [...philox4x32([1, 2, 3, 4], keyOf(seed))]));
  });

  it("control: one round fewer gives other words", async () => {
    expect([...(await words(inputs, replaceOrThrow(PHILOX, "round < 10u", "round < 9u")))]).not.toEqual(wanted);
  });
});
