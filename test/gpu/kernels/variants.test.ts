// Linting by compiling: every kind of kernel that plans can contain goes through the GPU's shader compiler once.
//
// A kernel depends on a few options at a time, so three families cover what all options together would: what is computed
// going forward and around the loss; what is done to a gradient; how data are stored. Each in fused and unfused plans.
// Sources that differ in sizes only are taken once.

import { describe, expect, it } from "vitest";
import { GpuError } from "../../../src/errors.ts";
import { buildGraph, FLOAT_FEATURES, type FeatureFormat } from "../../../src/graph/build.ts";
import type { Graph } from "../../../src/graph/types.ts";
import { ACTIVATIONS, ELEMENTWISE_ACTIVATIONS } from "../../../src/model/activations.ts";
import { activation, dense, dropout, type Layer } from "../../../src/model/layers.ts";
import {
  binaryCrossentropy,
  categoricalCrossentropy,
  halfSquaredError,
  huber,
  meanSquaredError,
  sparseCategoricalCrossentropy,
} from "../../../src/model/losses.ts";
import { resolveNetwork, resolveRecipe } from "../../../src/model/network.ts";
import { adagrad, adam, adamW, rmsprop, sgd, type Clipping } from "../../../src/model/optimizers.ts";
import { l1, l1l2, l2 } from "../../../src/model/regularizers.ts";
import { PipelineCache } from "../../../src/gpu/pipelines.ts";
import type { Launch } from "../../../src/schedule/launch.ts";
import { Plan } from "../../../src/schedule/plan.ts";
import { replaceOrThrow } from "../../support/replace-or-throw.ts";
import { useGpu } from "../support.ts";
import { FORMULAS } from "../../support/formulas.ts";

const gpu = useGpu();

const PURPOSES = ["train", "evaluate", "predict"] as const;

interface Declared {
  readonly layers: readonly Layer[];
  readonly loss: unknown;
  readonly optimizer?: unknown;
  readonly metrics?: readonly string[];
  readonly purposes?: readonly Graph["purpose"][];
  readonly features?: FeatureFormat;
  readonly batch?: number;
}

/** Its launches, fused and not. */
function launchesOf(given: Declared): Launch[] {
  const { layers, loss, optimizer = "sgd", metrics = [], purposes = PURPOSES, features = FLOAT_FEATURES, batch = 3 } = given;
  const network = resolveNetwork(layers, 1);
  const recipe = resolveRecipe(network, { optimizer, loss, metrics });
  return purposes.flatMap((purpose) =>
    [true, false].flatMap((fuse) => new Plan(buildGraph(network, recipe, purpose, features), { formulas: FORMULAS, batch, fuse }).launches),
  );
}

/** Rows of targets get every metric; class indices only the accuracy. */
const LOSSES = [
  ...[meanSquaredError(), halfSquaredError(), huber({ delta: 0.7 })].map((loss) => ({ loss, last: ACTIVATIONS, all: true })),
  { loss: binaryCrossentropy(), last: ["sigmoid"], all: true },
  { loss: binaryCrossentropy({ fromLogits: true }), last: ["linear"], all: true },
  { loss: categoricalCrossentropy(), last: ["softmax"], all: true },
  { loss: categoricalCrossentropy({ fromLogits: true }), last: ["linear"], all: true },
  { loss: sparseCategoricalCrossentropy(), last: ["softmax"], all: false },
  { loss: sparseCategoricalCrossentropy({ fromLogits: true }), last: ["linear"], all: false },
] as const;

/** One activation behind a product, one behind another, one after dropout; with a bias and without. */
const hidden: Declared[] = ELEMENTWISE_ACTIVATIONS.flatMap((name) =>
  [true, false].map((useBias): Declared => ({
    layers: [
      dense({ units: 2, activation: name, useBias, inputShape: [2] }),
      dropout({ rate: 0.25 }),
      activation(name),
      dense({ units: 2, activation: name, useBias }),
      activation(name),
      dropout({ rate: 0.5 }),
      dense({ units: 2, useBias }),
    ],
    loss: "meanSquaredError",
  })),
);

const heads: Declared[] = LOSSES.flatMap(({ loss, last, all }) =>
  last.flatMap((name) =>
    [2, 3].map((units): Declared => ({
      layers: [dense({ units: 2, inputShape: [2] }), dense({ units, activation: name })],
      loss,
      metrics: units === 3 ? [] : all ? ["accuracy", "meanSquaredError", "meanAbsoluteError"] : ["accuracy"],
    })),
  ),
);

const OPTIMIZERS = [
  (c: Clipping) => sgd(c),
  (c: Clipping) => sgd({ ...c, momentum: 0.9 }),
  (c: Clipping) => sgd({ ...c, momentum: 0.9, nesterov: true }),
  (c: Clipping) => adam(c),
  (c: Clipping) => adamW(c),
  (c: Clipping) => rmsprop(c),
  (c: Clipping) => rmsprop({ ...c, momentum: 0.9 }),
  (c: Clipping) => rmsprop({ ...c, centered: true }),
  (c: Clipping) => rmsprop({ ...c, centered: true, momentum: 0.9 }),
  (c: Clipping) => adagrad(c),
];
const CLIPPING: readonly Clipping[] = [{}, { clipValue: 0.5 }, { clipNorm: 0.5 }, { globalClipNorm: 0.5 }];
const REGULARIZERS = [null, l1(0.1), l2(0.1), l1l2({ l1: 0.1, l2: 0.2 })];

/** A kernel of fan-in 1 has the shape of its bias: then both updates may share a launch. */
const gradients: Declared[] = OPTIMIZERS.flatMap((optimizer) =>
  CLIPPING.flatMap((clipping) =>
    REGULARIZERS.map((regularizer): Declared => ({
      layers: [1, 2].map((units) =>
        dense({ units, inputShape: units === 1 ? [2] : undefined, kernelRegularizer: regularizer, biasRegularizer: regularizer }),
      ),
      loss: "meanSquaredError",
      optimizer: optimizer(clipping),
      purposes: ["train"],
    })),
  ),
);

const stored: Declared[] = (
  [
    ["uint8", 1 / 255, 4],
    ["uint8", 1, 4],
    ["uint8", 1 / 255, 3],
    ["float32", 1, 3],
    ["float32", 0.5, 3],
  ] as const
).flatMap(([type, scale, width]) =>
  ["meanSquaredError", "sparseCategoricalCrossentropy"].map((loss): Declared => ({
    layers: [dense({ units: 2, activation: "softmax", inputShape: [width] })],
    loss,
    features: { type, scale },
  })),
);

/** Tiles of every height and width. */
const tiles: Declared[] = [1, 7, 16, 17, 64].flatMap((batch) =>
  [1, 15, 16, 65].map((units): Declared => ({
    layers: [dense({ units, activation: "gelu", inputShape: [17] }), dense({ units, activation: "tanh" })],
    loss: "meanSquaredError",
    batch,
  })),
);

const FAMILIES: Record<string, readonly Declared[]> = { hidden, heads, gradients, stored, tiles };

const uniqueOf = (declared: readonly Declared[]): Launch[] => [
  ...new Map(declared.flatMap(launchesOf).map((launch) => [launch.source, launch])).values(),
];

async function complaintsOf({ label, source }: Launch): Promise<string[]> {
  gpu.device.pushErrorScope("validation");
  const module = gpu.device.createShaderModule({ label, code: source });
  const [{ messages }] = await Promise.all([module.getCompilationInfo(), gpu.device.popErrorScope()]);
  return messages.map(({ type, lineNum, message }) => `${label}: ${type} in line ${lineNum}: ${message}`);
}

describe.each(Object.entries(FAMILIES))("%s", (_, declared) => {
  it("every variant compiles without a word from the compiler", async () => {
    const launches = uniqueOf(declared);
    expect(launches.length).toBeGreaterThan(30);
    expect((await Promise.all(launches.map(complaintsOf))).flat()).toEqual([]);
  });
});

describe("all families together", () => {
  const launches = Object.values(FAMILIES).flat().flatMap(launchesOf);

  // The driver's part of compiling takes a software adapter 0.1 s a kernel, so not all of them go through it here.
  it("every twelfth becomes a pipeline whose bindings are those of its launch", async () => {
    const some = uniqueOf(Object.values(FAMILIES).flat()).filter((_, i) => i % 12 === 0);
    await Promise.all(some.map((launch) => gpu.pipelines.get(launch)));
  });

  it("contain every kernel and every step", () => {
    expect(new Set(launches.flatMap(({ kernel }) => kernel.split("+")))).toEqual(
      new Set(["gather", "product", "row_sum", "elementwise", "row_wise", "reduce"]),
    );
    expect(new Set(launches.flatMap(({ ops }) => ops.map(({ type }) => type)))).toEqual(
      new Set([
        "gather",
        "product",
        "rowSum",
        "activation",
        "activationDerivative",
        "hadamard",
        "softmax",
        "softmaxPullback",
        "dropout",
        "lossRows",
        "lossGradient",
        "metricRows",
        "penalty",
        "penaltyGradient",
        "clipValue",
        "clipFactor",
        "scale",
        "update",
        "summarize",
      ]),
    );
  });

  it("contain launches that update two weights", () => {
    expect(launches.some(({ ops }) => ops.filter(({ type }) => type === "update").length > 1)).toBe(true);
  });
});

describe("control: a source that does not compile", () => {
  const [launch] = launchesOf({ layers: [dense({ units: 1, inputShape: [1] })], loss: "meanSquaredError" });
  const broken = (source: string): Launch => ({ ...launch, source });

  it("gives a GpuError with the kernel, the compiler's words and the numbered source", async () => {
    const source = replaceOrThrow(launch.source, "fn main", "let nonsense = ;\nfn main");
    expect(await complaintsOf(broken(source))).toHaveLength(1);
    const line = source.split("\n").findIndex((text) => text.includes("nonsense")) + 1;
    const error: unknown = await gpu.pipelines.get(broken(source)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GpuError);
    const { message } = error as GpuError;
    expect(message).toContain(`kernel ${launch.kernel} for ${launch.label} does not compile`);
    expect(message).toMatch(new RegExp(`line ${line}:\\d+ `));
    expect(message).toContain(`${String(line).padStart(4)}  let nonsense = ;`);
  });

  it("that declares a buffer which the layout lacks is refused too", async () => {
    const extra = `${replaceOrThrow(launch.source, "let workgroup =", "extra[0] = 1.0;\n  let workgroup =")}
@group(0) @binding(99) var<storage, read_write> extra: array<f32>;`;
    await expect(gpu.pipelines.get(broken(extra))).rejects.toBeInstanceOf(GpuError);
  });

  it("spoils nothing for what comes after it", async () => {
    await expect(new PipelineCache(gpu.device).get(launch)).resolves.toBeDefined();
  });
});
