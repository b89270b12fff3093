// All formulas: every name that a user can write has one, no formula is of a name that nobody can write, and what each computes, run here,
// is what the float64 reference says. (Rounding on GPUs is tested in test/gpu/kernels.)

import { describe, expect, it } from "vitest";
import { activationDerivativeFunction, activationFunction } from "../../shaders/activations.wgsl.ts";
import { lossGradientFunction, lossRowStatements } from "../../shaders/losses.wgsl.ts";
import { updateFunction } from "../../shaders/update.wgsl.ts";
import type { MetricKind } from "../../src/graph/types.ts";
import { derivativeSource, ELEMENTWISE_ACTIVATIONS, type ElementwiseActivation } from "../../src/model/activations.ts";
import { binaryCrossentropy, categoricalCrossentropy, huber, LOSSES, toLoss, type Loss } from "../../src/model/losses.ts";
import { OPTIMIZERS, optimizerStates, rmsprop, sgd, toOptimizer, type Optimizer } from "../../src/model/optimizers.ts";
import { activate, activationDerivative } from "../../src/reference/activations.ts";
import { lossGradient, lossRows, metricRows } from "../../src/reference/losses.ts";
import { applyUpdate } from "../../src/reference/optimizers.ts";
import { COMMON_FORMULAS, type Formulas } from "../../src/schedule/formulas.ts";
import { ALL_FORMULAS } from "../../src/schedule/uncommon.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { runnable } from "../support/wgsl-in-js.ts";

const formulas: Formulas = ALL_FORMULAS;
/** Constants are float32 in the text. */
const BOUND = 1e-6;
const NUMBERS = [-30, -4, -1.5, -1, -0.3, -1e-3, 0, 1e-3, 0.2, 0.7, 1, 2.5, 9, 30];

/** The largest error, relative to numbers above 1. */
const off = (made: ArrayLike<number>, wanted: ArrayLike<number>): number =>
  Math.max(
    ...Array.from(wanted, (number, i) => {
      const error = Math.abs(made[i] - number) / Math.max(1, Math.abs(number));
      return error >= 0 ? error : Infinity;
    }),
  );

describe("names", () => {
  const keys = (table: object) => Object.keys(table).sort();

  it("of activations, losses and optimizers each have a formula, and no others do", () => {
    expect(keys(ALL_FORMULAS.values)).toEqual([...ELEMENTWISE_ACTIVATIONS].sort());
    expect(keys(ALL_FORMULAS.derivatives)).toEqual([...ELEMENTWISE_ACTIVATIONS].sort());
    expect(keys(ALL_FORMULAS.updates)).toEqual([...OPTIMIZERS].sort());
    // Those behind a softmax are no sums over outputs: losses.wgsl.ts writes them.
    expect([...keys(ALL_FORMULAS.losses), "categoricalCrossentropy", "sparseCategoricalCrossentropy"].sort()).toEqual([...LOSSES].sort());
  });

  it("that pages load at once have the same formulas here", () => {
    for (const table of ["values", "derivatives", "losses", "updates"] as const) {
      expect(Object.keys(COMMON_FORMULAS[table]).length).toBeGreaterThan(2);
      expect(ALL_FORMULAS[table]).toMatchObject(COMMON_FORMULAS[table]);
    }
  });
});

describe.each(ELEMENTWISE_ACTIVATIONS)("%s", (name) => {
  const value = (formula = ALL_FORMULAS.values[name]) =>
    runnable(["z"], "return f(z);", { functions: activationFunction("f", formula) }) as (z: number) => number;
  const slope = runnable(["v"], "return f(v);", { functions: activationDerivativeFunction("f", ALL_FORMULAS.derivatives[name]) }) as (
    v: number,
  ) => number;
  /** What σ′ is computed from. */
  const source = (z: number) => (derivativeSource(name) === "a" ? activate(name, z) : z);

  it("is σ and σ′ of the reference", () => {
    expect(
      off(
        NUMBERS.map((z) => value()(z)),
        NUMBERS.map((z) => activate(name, z)),
      ),
    ).toBeLessThan(BOUND);
    expect(
      off(
        NUMBERS.map((z) => slope(source(z))),
        NUMBERS.map((z) => activationDerivative(name, source(z))),
      ),
    ).toBeLessThan(BOUND);
  });

  it("control: another activation's formula is found", () => {
    const other: ElementwiseActivation = name === "elu" ? "leakyRelu" : "elu";
    expect(
      off(
        NUMBERS.map((z) => value(ALL_FORMULAS.values[other])(z)),
        NUMBERS.map((z) => activate(name, z)),
      ),
    ).toBeGreaterThan(1e-3);
  });
});

const ROWS = 4,
  COLS = 3;
const ANSWERS = Float64Array.of(0.2, 0.7, 0.1, 0.9, 0.05, 0.05, 0.4, 0.3, 0.3, 1e-3, 0.5, 0.499),
  TARGETS = Float64Array.of(0, 1, 0, 0.3, 0.3, 0.4, 1, 0, 0, 0, 0, 1),
  CLASSES = Float64Array.of(1, 0, 2, 0);
const isSparse = (loss: Loss) => loss.name.startsWith("sparse");
const at = (array: ArrayLike<number>, cols: number) => (row: bigint, col: bigint) => array[Number(row) * cols + Number(col)];
const scope = {
  prediction: at(ANSWERS, COLS),
  target: at(TARGETS, COLS),
  label: (row: bigint) => BigInt(CLASSES[Number(row)]),
  step: { inverse_rows: 1 / ROWS },
};
const row = Array.from({ length: ROWS }, (_, i) => BigInt(i));

const LOSS_CASES: readonly (readonly [string, Loss])[] = [
  ...LOSSES.map((name) => [name, toLoss(name)] as const),
  ["huber with delta 0.2", huber({ delta: 0.2 })],
  ["smoothed binary labels", binaryCrossentropy({ labelSmoothing: 0.1 })],
  ["smoothed classes", categoricalCrossentropy({ labelSmoothing: 0.1 })],
];

describe.each(LOSS_CASES)("%s", (_, loss) => {
  const target = isSparse(loss) ? CLASSES : TARGETS;
  const rowText = lossRowStatements(
    loss,
    COLS,
    (col) => `prediction(row, ${col})`,
    (col) => (isSparse(loss) ? "label(row)" : `target(row, ${col})`),
    formulas,
  );
  const rowsBy = (text: string) => row.map((r) => runnable(["row"], `${text} return value;`, { scope })(r) as number);
  const wanted = lossRows(loss, ANSWERS, target, ROWS, COLS);

  it("is the loss and its gradient of the reference", () => {
    expect(off(rowsBy(rowText), wanted)).toBeLessThan(BOUND);
    const functions = lossGradientFunction("f", loss, COLS, "step.inverse_rows", formulas);
    const gradient = runnable(
      ["row", "col"],
      `return f(prediction(row, col), ${isSparse(loss) ? "label(row)" : "target(row, col)"}, col);`,
      { functions, scope },
    );
    const made = row.flatMap((r) => [0n, 1n, 2n].map((col) => gradient(r, col) as number));
    expect(off(made, lossGradient(loss, ANSWERS, target, ROWS, COLS))).toBeLessThan(BOUND);
  });

  it("control: the answer of the first column in place of all is found", () => {
    expect(off(rowsBy(replaceOrThrow(rowText, /prediction\(row, col\)/g, "prediction(row, 0u)")), wanted)).toBeGreaterThan(1e-3);
  });
});

const KINDS: Readonly<Record<Exclude<MetricKind, `${string}_${number}`>, true>> = {
  meanSquaredError: true,
  meanAbsoluteError: true,
  sparseAccuracy: true,
  categoricalAccuracy: true,
  binaryAccuracy: true,
  binaryLogitAccuracy: true,
  topKAccuracy: true,
  sparseTopKAccuracy: true,
  truePositives: true,
  trueNegatives: true,
  falsePositives: true,
  falseNegatives: true,
  cosineSimilarity: true,
};
const METRIC_KINDS = [...(Object.keys(KINDS) as (keyof typeof KINDS)[]), "target_1", "squaredTarget_0", "squaredError_2"] as const;

describe("metrics", () => {
  // Wide enough that five answers are not all: the first of seven classes is the sixth best in the second row.
  const cols = 7,
    a = Float64Array.of(0.9, 0.2, 0.3, 0.1, 0.4, 0.5, 0.6, 0.1, 0.2, 0.7, 0.8, 0.9, 0.6, 0.05),
    y = Float64Array.of(1, 0, 0, 0, 0, 1, 0, 1, 0, 0.5, 0, 0, 0, 0),
    labels = Float64Array.of(0, 6);

  const made = (kind: MetricKind) => {
    const sparse = kind.startsWith("sparse");
    const text = ALL_FORMULAS.metricRows(
      kind,
      cols,
      (col) => `prediction(row, ${col})`,
      (col) => (sparse ? "label(row)" : `target(row, ${col})`),
    );
    const numbers = { prediction: at(a, cols), target: at(y, cols), label: (r: bigint) => BigInt(labels[Number(r)]) };
    return [0n, 1n].map((r) => runnable(["row"], `${text} return value;`, { scope: numbers })(r) as number);
  };
  const reference = (kind: MetricKind) => metricRows(kind, a, kind.startsWith("sparse") ? labels : y, 2, cols);

  it.each(METRIC_KINDS)("%s is that of the reference", (kind) => {
    expect(off(made(kind), reference(kind))).toBeLessThan(BOUND);
  });

  it("differ from one another here, so that one in place of another would be found: control", () => {
    expect(reference("topKAccuracy")).toEqual(Float64Array.of(1, 0));
    for (const [kind, other] of [
      ["truePositives", "falsePositives"],
      ["trueNegatives", "falseNegatives"],
      ["meanSquaredError", "meanAbsoluteError"],
      ["target_1", "squaredError_2"],
    ] as const)
      expect(off(made(kind), reference(other))).toBeGreaterThan(1e-3);
  });

  it("of another name are refused, whatever it says: nothing else becomes part of a shader", () => {
    for (const name of ["target_1u; }", "target_", "_1", "squaredError_x"]) {
      expect(() => made(name as MetricKind)).toThrow(/no formula of the metric/);
    }
  });
});

const OPTIMIZER_CASES: readonly (readonly [string, Optimizer])[] = [
  ...OPTIMIZERS.map((name) => [name, toOptimizer(name)] as const),
  ["sgd with momentum", sgd({ momentum: 0.9 })],
  ["sgd by Nesterov", sgd({ momentum: 0.9, nesterov: true })],
  ["rmsprop, centered", rmsprop({ centered: true })],
  ["rmsprop, centered, with momentum", rmsprop({ centered: true, momentum: 0.9 })],
];

describe.each(OPTIMIZER_CASES)("%s", (_, optimizer) => {
  const rates = { learningRate: 0.1, correctedRate: 0.07 },
    w = [1, -2, 0.5, 3],
    g = [0.3, -0.1, 0, 2],
    states = optimizerStates(optimizer);
  // Mean squares are no less than the square of the mean.
  const before = states.map(({ name }) => w.map((_, i) => (name === "mean" || name === "m" ? 0.1 * (i - 1) : 0.5 + i)));
  const wanted = applyUpdate(
    optimizer,
    Float64Array.from(w),
    Float64Array.from(g),
    before.map((s) => Float64Array.from(s)),
    rates,
  );

  const errors = (formula = ALL_FORMULAS.updates[optimizer.name]) => {
    const names = ["w", "g", ...states.map((_, i) => `s${i}`)];
    const update = runnable(names, `return f(${names.join(", ")});`, {
      functions: updateFunction("f", optimizer, formula),
      scope: { step: { learning_rate: rates.learningRate, corrected_rate: rates.correctedRate } },
    });
    const made = w.map((weight, i) => update(weight, g[i], ...before.map((s) => s[i])) as Record<string, number>);
    return wanted.map((numbers, o) =>
      off(
        made.map((struct) => struct[o === 0 ? "w" : `s${o - 1}`]),
        numbers,
      ),
    );
  };

  it("moves weights and states as the reference does", () => {
    for (const error of errors()) expect(error).toBeLessThan(BOUND);
  });

  it("control: a step the other way is found", () => {
    expect(
      errors((of) => replaceOrThrow(ALL_FORMULAS.updates[optimizer.name](of), /w (-|\+)= (?!w \*)/, "w = w + 2.0 * "))[0],
    ).toBeGreaterThan(1e-3);
  });
});
