// Controls of test/gpu/kernels/*.test.ts on WebAssembly: code of which one kind of instruction is another is caught in every kind of
// step, and so is a row that is written beyond the mini-batch.

import { expect, it } from "vitest";
import { tensorOf, type Graph, type Rows, type Op } from "../../src/graph/types.ts";
import { adam } from "../../src/model/optimizers.ts";
import { categoricalCrossentropy } from "../../src/model/losses.ts";
import { compareTensor, evaluateBounded } from "../../src/reference/bounds.ts";
import { normals } from "../gpu/support.ts";
import { runOnWasm, type Sabotage } from "./run-step.ts";

const ROWS = 7,
  COLS = 10;
const STEPS: Record<string, [step: Op, shapes: Record<string, readonly [Rows, number]>]> = {
  product: [
    { type: "product", form: "normal", inputs: ["a", "w", "b"], outputs: ["z"] },
    { a: ["batch", 5], w: [5, COLS], b: [1, COLS], z: ["batch", COLS] },
  ],
  "row sum": [
    { type: "rowSum", inputs: ["d"], outputs: ["g"] },
    { d: ["batch", COLS], g: [1, COLS] },
  ],
  "exp and division": [
    { type: "activation", activation: "sigmoid", inputs: ["z"], outputs: ["a"] },
    { z: ["batch", COLS], a: ["batch", COLS] },
  ],
  Φ: [
    { type: "activation", activation: "gelu", inputs: ["z"], outputs: ["a"] },
    { z: ["batch", COLS], a: ["batch", COLS] },
  ],
  softmax: [
    { type: "softmax", inputs: ["z"], outputs: ["a"] },
    { z: ["batch", COLS], a: ["batch", COLS] },
  ],
  loss: [
    { type: "lossRows", loss: categoricalCrossentropy(), inputs: ["z", "y"], outputs: ["l"] },
    { z: ["batch", COLS], y: ["batch", COLS], l: ["batch", 1] },
  ],
  variance: [
    { type: "moment", kind: "variance", inputs: ["x", "m"], outputs: ["s"] },
    { x: ["batch", COLS], m: [1, COLS], s: [1, COLS] },
  ],
  normalization: [
    { type: "normalize", kind: "pullBack", epsilon: 1e-3, inputs: ["g", "n", "v", "s", "d"], outputs: ["x"] },
    { g: ["batch", COLS], n: ["batch", COLS], v: [1, COLS], s: [1, COLS], d: [1, COLS], x: ["batch", COLS] },
  ],
  rescaling: [
    { type: "normalize", kind: "rescale", epsilon: 1e-3, inputs: ["g", "v"], outputs: ["x"] },
    { g: ["batch", COLS], v: [1, COLS], x: ["batch", COLS] },
  ],
  "row normalization": [
    { type: "normalizeRows", kind: "pullBack", epsilon: 1e-3, inputs: ["g", "n", "x"], outputs: ["d"] },
    { g: ["batch", COLS], n: ["batch", COLS], x: ["batch", COLS], d: ["batch", COLS] },
  ],
  update: [
    { type: "update", optimizer: adam(), inputs: ["w", "g", "m", "v"], outputs: ["w", "m", "v"] },
    { w: [ROWS, COLS], g: [ROWS, COLS], m: [ROWS, COLS], v: [ROWS, COLS] },
  ],
};

/** f32x4.mul (Core Specification, index of instructions) is f32x4.sub, and relaxed_madd relaxed_nmadd; f32x4.add is f32x4.sub. */
const SWAPS: Record<string, (readonly [from: number[], to: number[]])[]> = {
  products: [
    [
      [0xfd, 0xe6, 0x01],
      [0xfd, 0xe5, 0x01],
    ],
    [
      [0xfd, 0x85, 0x02],
      [0xfd, 0x86, 0x02],
    ],
  ],
  sums: [
    [
      [0xfd, 0xe4, 0x01],
      [0xfd, 0xe5, 0x01],
    ],
    [
      [0xfd, 0x85, 0x02],
      [0xfd, 0x86, 0x02],
    ],
  ],
};

function swapping(pairs: readonly (readonly [number[], number[]])[]): Sabotage {
  return (bytes) => {
    const changed = bytes.slice();
    for (let i = 0; i < bytes.length - 2; i++) {
      for (const [from, to] of pairs) if (from.every((byte, j) => bytes[i + j] === byte)) changed.set(to, i);
    }
    return changed;
  };
}

async function run([op, shapes]: (typeof STEPS)[string], sabotage?: Sabotage) {
  const tensors = new Map(Object.entries(shapes).map(([name, [rows, cols]]) => [name, { name, role: "state" as const, rows, cols }]));
  const graph: Graph = { purpose: "train", tensors, ops: [op], output: op.outputs[0], seed: 1 };
  const scalars = { rows: ROWS, offset: 0, step: 3, learningRate: 0.1, correctedRate: 0.1 };
  const elements = (name: string) => (tensorOf(graph, name).rows === "batch" ? ROWS : Number(shapes[name][0])) * shapes[name][1];
  const values = Object.fromEntries(
    op.inputs.map((name, i) => [name, normals(elements(name), i + 1).map((v) => (name === "v" || name === "y" ? Math.abs(v) : v))]),
  );
  const found = await runOnWasm({ graph, batch: ROWS + 5, scalars, values }, sabotage);
  const right = evaluateBounded(
    op,
    op.inputs.map((name) => ({ values: Float64Array.from(values[name]), bounds: new Float64Array(values[name].length) })),
    graph,
    scalars,
  );
  return {
    ok: op.outputs.every((name, i) => compareTensor(name, found[i].subarray(0, elements(name)), right[i]).ok),
    isRestUntouched: op.outputs.every((name, i) => found[i].subarray(elements(name)).every(Number.isNaN)),
  };
}

it.each(Object.keys(STEPS))("%s", async (name) => {
  expect(await run(STEPS[name])).toEqual({ ok: true, isRestUntouched: true });
  const swapped = await Promise.all(Object.values(SWAPS).map((pairs) => run(STEPS[name], swapping(pairs))));
  expect(swapped.some(({ ok }) => !ok)).toBe(true);
});
