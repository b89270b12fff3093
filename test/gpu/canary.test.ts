// The canary on a device: it passes one that computes right, and catches one that computes any form of product wrong. The software
// adapters of the tests pass for GPUs here, so that the plans are those of GPUs: only these does backend "auto" ask.

import { afterEach, expect, it, vi } from "vitest";
import type { ProductPart } from "../../shaders/product-part.wgsl.ts";
import type { productStatements } from "../../shaders/product.wgsl.ts";
import { dense, simpleRNN } from "../../src/index.ts";
import { resolveNetwork, type Network } from "../../src/model/network.ts";
import { firstWrong, trialsFor, type Way } from "../../src/train/engines/canary.ts";
import { WebGpuBackend } from "../../src/train/engines/webgpu-backend.ts";
import { ownDevice } from "./counted-device.ts";
import { needsPersistent, useGpu } from "./support.ts";

type Write = typeof productStatements;
const products = vi.hoisted((): { write: ((right: Write, ...given: Parameters<Write>) => string) | null } => ({ write: null }));
vi.mock(import("../../shaders/product.wgsl.ts"), async (load) => {
  const original = await load(),
    { productStatements: right } = original;
  return { ...original, productStatements: (...given) => products.write?.(right, ...given) ?? right(...given) };
});

const gpu = useGpu();

const LARGE = resolveNetwork([dense({ units: 100, inputShape: [300] })], 1),
  TINY = resolveNetwork([dense({ units: 2, inputShape: [3] })], 1);
const RECURRENT = resolveNetwork([simpleRNN({ units: 2, inputShape: [3, 2] })], 1);

/** The device, planned for as a GPU of the default limits. */
async function asGpu(device = gpu.device): Promise<WebGpuBackend> {
  const backend = await WebGpuBackend.create(device),
    { workgroupBytes } = backend.planAdapter;
  Object.defineProperty(backend, "planAdapter", { value: { kind: "gpu", quads: false, workgroupBytes } });
  return backend;
}

afterEach(() => {
  products.write = null;
});

/** From now on products of which `spoiled` is true leave numbers that are 1 % too large. @returns how many were written so */
function spoil(kind: "direct" | "workgroup", spoiled: (part: ProductPart) => boolean): { written: number } {
  const seen = { written: 0 };
  products.write = (right, part, left, given, bias, finish, ...staged) => {
    if (part.kind !== kind || !spoiled(part)) return right(part, left, given, bias, finish, ...staged);
    seen.written++;
    return right(part, left, given, bias, (value, row, col) => finish(`(1.01 * ${value})`, row, col), ...staged);
  };
  return seen;
}

/** What catches it is looked at alone, since SwiftShader takes seconds to compile the others. */
const trialsOf = (network: Network, way: Way) => trialsFor(network).filter((trial) => trial.way === way);

it.each([
  ["an MLP", LARGE],
  ["a recurrent network", RECURRENT],
])("passes a device that computes right: %s", async (_, network) => {
  expect(await firstWrong(trialsFor(network), () => asGpu())).toBeNull();
});

it("passes it for a tiny network, whose step is one kernel", async (context) => {
  await needsPersistent(context);
  expect(await firstWrong(trialsFor(TINY), () => asGpu())).toBeNull();
});

const FORMS = ["normal", "rightTransposed", "leftTransposed"] as const;
const REGRESSION = "a regression (70-260-67-3, tanh)";

it.each(FORMS)("catches products of the form %s that are wrong where lanes share a sum", async (form) => {
  const seen = spoil("direct", (part) => part.form === form && part.lanesK > 1);
  expect(await firstWrong(trialsOf(LARGE, "planned"), () => asGpu())).toBe(REGRESSION);
  expect(seen.written).toBeGreaterThan(0);
});

it.each(FORMS)("catches products of the form %s that are wrong in tiles", async (form) => {
  const seen = spoil(
    "direct",
    ({ form: its, tileRows, tileCols, lanesK, n }) => its === form && tileRows === 4 && tileCols === 4 && lanesK === 1 && n > 60,
  );
  expect(await firstWrong(trialsOf(LARGE, "tiles"), () => asGpu())).toBe(`${REGRESSION}, products in tiles`);
  expect(seen.written).toBeGreaterThan(0);
});

it.each(FORMS)("catches products of the form %s that are wrong in blocks", async (form) => {
  const seen = spoil("workgroup", (part) => part.form === form);
  expect(await firstWrong(trialsOf(LARGE, "blocks"), () => asGpu())).toBe(`${REGRESSION}, products in blocks`);
  expect(seen.written).toBeGreaterThan(0);
});

it.each(["normal", "rightTransposed"] as const)("catches products of the form %s that are wrong in row programs", async (form) => {
  // So many columns only products of the classifier have, and its rows are in programs.
  const seen = spoil("direct", (part) => part.form === form && [5, 19].includes(part.n));
  expect(await firstWrong(trialsOf(LARGE, "planned"), () => asGpu())).toBe("a classifier (7-19-5, relu, softmax)");
  expect(seen.written).toBeGreaterThan(0);
});

it.each(["normal", "rightTransposed"] as const)("catches products of the form %s that are wrong in recurrent layers", async (form) => {
  // What goes through time has no term at its first step.
  const seen = spoil("direct", (part) => part.form === form && part.k.startsWith("select("));
  expect(await firstWrong(trialsOf(RECURRENT, "planned"), () => asGpu())).toMatch(/^a recurrent network/);
  expect(seen.written).toBeGreaterThan(0);
});

/** How a kernel that stays on the device begins a product: rows that are the same for all terms are found before the loop over these. */
const PERSISTENT: Readonly<Record<(typeof FORMS)[number], string>> = {
  normal: "let left_row = [^;]*;\\s*",
  rightTransposed: "let left_row = [^;]*;\\s*let right_row = [^;]*;\\s*",
  leftTransposed: "",
};

it.each(FORMS)("catches products of the form %s that are wrong in a step of one kernel", async (form) => {
  const pattern = new RegExp(`(var value = 0.0;\\s*${PERSISTENT[form]}for \\(var k = 0u;[^{]*\\{ value = fma\\()`, "g"),
    sabotaged = await ownDevice();
  const create = sabotaged.createShaderModule.bind(sabotaged);
  let written = 0;
  Object.defineProperty(sabotaged, "createShaderModule", {
    value: (descriptor: GPUShaderModuleDescriptor) => {
      const code = descriptor.code.replace(pattern, "$11.01 * ");
      if (code !== descriptor.code) written++;
      return create({ ...descriptor, code });
    },
  });
  expect(await firstWrong(trialsOf(TINY, "persistent"), () => asGpu(sabotaged))).toBe(
    "a tiny classifier (5-11-4, tanh, softmax), in one kernel",
  );
  expect(written).toBe(1);
  sabotaged.destroy();
});
