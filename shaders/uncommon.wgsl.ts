// Formulas that few networks use, for the tables of activations, losses and updates. A page loads them for such networks alone.

import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { LEAKY_RELU_SLOPE } from "../src/model/activations.ts";
import { TANH_END } from "../src/model/float32-forms.ts";
import { LOSS_EPSILON, smoothing } from "../src/model/loss-details.ts";
import { GELU_CUBIC, GELU_SCALE, GELU_TANH_END, MILLS, MILLS_CENTRE, MILLS_END } from "../src/model/normal-forms.ts";
import { LOG1P_SERIES, polynomial, STABLE_SIGMOID, STABLE_TANH, TANH_QUOTIENT, type ActivationTexts } from "./activations.wgsl.ts";
import type { Loss } from "../src/model/losses.ts";
import type { MetricKind } from "../src/graph/types.ts";
import { literal, type NumberAt } from "./kernel.wgsl.ts";
import type { LossTable, LossTexts } from "./losses.wgsl.ts";
import { argmax, metricRowStatements } from "./metrics.wgsl.ts";
import type { UpdateFormula } from "./update.wgsl.ts";

/** p = 1 − e^(−u) for u ≥ 0: 2·tanh(u/2) / (1 + tanh(u/2)). */
const ONE_MINUS_EXP = (u: string) => `let far = ${u} > ${literal(2 * TANH_END)};
  let x = select(0.5 * ${u}, 0.0, far);
  ${TANH_QUOTIENT}
  let p = select(2.0 * n / (d + n), 1.0, far);`;

/** Φ(−t) = power·mills for t = |x|. The square of t is taken in two parts, the first of them exactly, so that exp gets no rounded number. */
const NORMAL_TAIL = (x: string) => `let t = select(abs(${x}), ${literal(MILLS_END)}, abs(${x}) > ${literal(MILLS_END)});
  let head = bitcast<f32>(bitcast<u32>(t) & 0xfffff000u);
  let power = exp(-0.5 * head * head) * exp(-0.5 * (t - head) * (t + head));
  let w = (t - ${literal(MILLS_CENTRE)}) / (t + ${literal(MILLS_CENTRE)});
  let mills = ${polynomial("w", MILLS)} / (t + ${literal(MILLS_CENTRE)});`;

/** s = sigmoid(2u) and c = 1 − s; the tanh form of gelu is z·½(1 + tanh u) = z·s. */
const GELU_SIGMOID = (z: string) => `let t = select(${z}, sign(${z}) * ${literal(GELU_TANH_END)}, abs(${z}) > ${literal(GELU_TANH_END)});
  let e = exp(-abs(t * (${literal(2 * GELU_SCALE)} + ${literal(2 * GELU_SCALE * GELU_CUBIC)} * t * t)));
  let s = select(e, 1.0, t >= 0.0) / (1.0 + e);
  let c = select(1.0, e, t >= 0.0) / (1.0 + e);`;

/** σ of z. */
export const UNCOMMON_VALUE = {
  leakyRelu: `return select(${literal(LEAKY_RELU_SLOPE)} * z, z, z >= 0.0);`,
  elu: `${ONE_MINUS_EXP("max(-z, 0.0)")}
  return select(-p, z, !(z < 0.0));`,
  softplus: `let e = exp(-abs(z));
  ${LOG1P_SERIES("e")}
  return max(z, 0.0) + l;`,
  gelu: `${NORMAL_TAIL("z")}
  return z * select(1.0 - power * mills, power * mills, z < 0.0);`,
  geluTanh: `${GELU_SIGMOID("z")}
  return z * s;`,
  swish: `${STABLE_SIGMOID("z")}
  return z * s;`,
} satisfies ActivationTexts;

/** σ′ in terms of v, which is a or z as derivativeSource() says. */
export const UNCOMMON_DERIVATIVE = {
  leakyRelu: `return select(${literal(LEAKY_RELU_SLOPE)}, 1.0, v > 0.0);`,
  elu: "return select(v + 1.0, 1.0, v > 0.0);",
  softplus: `${ONE_MINUS_EXP("v")}
  return p;`,
  // Φ(v) + v·φ(v)
  gelu: `${NORMAL_TAIL("v")}
  let below = power * (mills - ${literal(1 / Math.sqrt(2 * Math.PI))} * t);
  return select(1.0 - below, below, v < 0.0);`,
  geluTanh: `${GELU_SIGMOID("v")}
  return s * (1.0 + c * t * (${literal(2 * GELU_SCALE)} + ${literal(6 * GELU_SCALE * GELU_CUBIC)} * t * t));`,
  swish: `${STABLE_SIGMOID("v")}
  let c = select(1.0, e, v >= 0.0) / (1.0 + e);
  return s * (1.0 + v * c);`,
} satisfies ActivationTexts;

const EPSILON = literal(LOSS_EPSILON);
/** max(x, ε), and x cut to [ε, 1]; NaN stays NaN. */
const atLeast = (x: string): string => `select(${x}, ${EPSILON}, ${x} < ${EPSILON})`;
const share = (x: string): string => `select(${atLeast(x)}, 1.0, ${x} > 1.0)`;
/** −1, 0 or 1; NaN stays NaN. */
const signOf = (e: string): string => `select(${e}, select(-1.0, 1.0, ${e} > 0.0), abs(${e}) > 0.0)`;
/** Declares the variable `name` = ln(1 + x), x ≥ 0. */
const LOG_ONE_PLUS = (x: string, name: string): string => `var ${name} = log(1.0 + ${x});
  if (!(${x} > 1.0)) {
    ${LOG1P_SERIES(x)}
    ${name} = l;
  }`;
/** 1 − y·a, where 0 counts as −1. */
const MARGIN = (a: string): string => `let side = select(y, -1.0, y == 0.0);
  let margin = 1.0 - side * ${a};`;
/** e = a − y and t = tanh e. */
const TANH_OF_ERROR = `var t = 0.0;
  let e = a - y;
  {
    ${STABLE_TANH("e").replace("let t", "t")}
  }`;

/** A parabola up to delta, then a line. */
const huber: LossTexts = {
  row: ({ delta }) =>
    `let term = select(${literal(delta)} * (abs(p - y) - 0.5f * ${literal(delta)}), 0.5 * (p - y) * (p - y), abs(p - y) <= ${literal(delta)});`,
  gradient: ({ delta }, cols) => `clamp(a - y, ${literal(-delta)}, ${literal(delta)}) * ${literal(1 / cols)}`,
};

/** What a target counts as where labels are smoothed. */
export function smooth(y: string, loss: Loss, cols: number): string {
  const { scale, shift } = smoothing(loss, cols)!;
  return `(${y} * ${literal(scale)} + ${literal(shift)})`;
}

/** Losses that are sums or means over outputs. Conditions are written so that NaN stays NaN. */
export const UNCOMMON_SUMS = {
  huber,
  meanAbsoluteError: {
    row: () => "let term = abs(p - y);",
    before: "let e = a - y;",
    gradient: (_, cols) => `${signOf("e")} * ${literal(1 / cols)}`,
  },
  meanAbsolutePercentageError: {
    row: () => `let size = abs(y);
      let term = 100.0 * abs(y - p) / ${atLeast("size")};`,
    before: "let e = a - y;\n  let size = abs(y);",
    gradient: (_, cols) => `100.0 * ${signOf("e")} / ${atLeast("size")} * ${literal(1 / cols)}`,
  },
  meanSquaredLogarithmicError: {
    row: () => `let answer = ${atLeast("p")};
      let wanted = ${atLeast("y")};
      ${LOG_ONE_PLUS("answer", "log_answer")}
      ${LOG_ONE_PLUS("wanted", "log_wanted")}
      let term = (log_answer - log_wanted) * (log_answer - log_wanted);`,
    before: `let wanted = ${atLeast("y")};
  ${LOG_ONE_PLUS("max(a, 0.0)", "log_answer")}
  ${LOG_ONE_PLUS("wanted", "log_wanted")}`,
    gradient: (_, cols) => `select(2.0 * (log_answer - log_wanted) / (1.0 + a), 0.0, a < ${EPSILON}) * ${literal(1 / cols)}`,
  },
  logCosh: {
    // Up to 1 from cosh s − 1 = (1 − e^−s)² / 2e^−s, beyond as s + ln(1 + e^−2s) − ln 2: nothing cancels.
    row: () => `var term = abs(p - y);
      {
        let s = term;
        ${ONE_MINUS_EXP("s")}
        let q = 1.0 - p;
        let above = select(p * p / (2.0 * q), q * q, s > 1.0);
        ${LOG1P_SERIES("above")}
        term = select(l, s + (l - ${literal(Math.LN2)}), s > 1.0);
      }`,
    before: TANH_OF_ERROR,
    gradient: (_, cols) => `t * ${literal(1 / cols)}`,
  },
  hinge: {
    row: () => `${MARGIN("p")}
      let term = select(margin, 0.0, margin < 0.0);`,
    before: MARGIN("a"),
    gradient: (_, cols) => `select(select(margin, 0.0, margin <= 0.0), -side, margin > 0.0) * ${literal(1 / cols)}`,
  },
  squaredHinge: {
    row: () => `${MARGIN("p")}
      let term = select(margin * margin, 0.0, margin < 0.0);`,
    before: MARGIN("a"),
    gradient: (_, cols) => `-2.0 * side * select(margin, 0.0, margin < 0.0) * ${literal(1 / cols)}`,
  },
  klDivergence: {
    row: () => `let wanted = ${share("y")};
      let term = wanted * log(wanted / ${share("p")});`,
    before: `let wanted = ${share("y")};`,
    gradient: () => `select(-wanted / a, 0.0, a < ${EPSILON} || a > 1.0)`,
  },
  poisson: {
    row: () => `let term = p - y * log(p + ${EPSILON});`,
    gradient: (_, cols) => `(1.0 - y / (a + ${EPSILON})) * ${literal(1 / cols)}`,
  },
} satisfies LossTable;

/** Statements that add `term` of a and y up in `value`. */
const countStatements = (cols: number, a: NumberAt, y: NumberAt, condition: string): string => wgsl`
    var value = 0.0;
    for (var col = 0u; col < ${cols}u; col++) {
      let a = ${a("col")};
      let y = ${y("col")};
      value += select(0.0, 1.0, ${condition});
    }
`;

/** Whether fewer than 5 answers are larger than that of the class `wanted`. */
const topStatements = (cols: number, a: NumberAt): string => wgsl`
    let least = ${a("wanted")};
    var larger = 0u;
    for (var col = 0u; col < ${cols}u; col++) { larger += select(0u, 1u, ${a("col")} > least); }
    let value = select(0.0, 1.0, larger < 5u);
`;

const cosineStatements = (cols: number, a: NumberAt, y: NumberAt): string => wgsl`
    var dot = 0.0;
    var square_a = 0.0;
    var square_y = 0.0;
    for (var col = 0u; col < ${cols}u; col++) {
      let a = ${a("col")};
      let y = ${y("col")};
      dot += a * y;
      square_a += a * a;
      square_y += y * y;
    }
    let norm_a = sqrt(square_a);
    let norm_y = sqrt(square_y);
    let value = dot / (${atLeast("norm_a")} * ${atLeast("norm_y")});
`;

/** y, y² or (a − y)² of one output. @throws for any other kind: nothing else becomes part of a shader */
function outputStatements(metric: MetricKind, a: NumberAt, y: NumberAt): string {
  const [, kind, output] = /^(target|squaredTarget|squaredError)_(\d+)$/.exec(metric) ?? [],
    j = `${output}u`;
  if (kind === undefined) throw new Error(`no formula of the metric ${JSON.stringify(metric)}`);
  const term = kind === "target" ? "y" : kind === "squaredTarget" ? "y * y" : "(a - y) * (a - y)";
  return `
    let a = ${a(j)};
    let y = ${y(j)};
    let value = ${term};`;
}

/** metric_rows, for all kinds: as metricRowStatements(). */
export function metricRows(metric: MetricKind, cols: number, a: NumberAt, y: NumberAt): string {
  switch (metric) {
    case "topKAccuracy":
      return `${argmax("wanted", cols, y)}${topStatements(cols, a)}`;
    case "sparseTopKAccuracy":
      return `
    let wanted = ${y("0u")};${topStatements(cols, a)}`;
    case "truePositives":
      return countStatements(cols, a, y, "a > 0.5 && y > 0.5");
    case "trueNegatives":
      return countStatements(cols, a, y, "!(a > 0.5) && !(y > 0.5)");
    case "falsePositives":
      return countStatements(cols, a, y, "a > 0.5 && !(y > 0.5)");
    case "falseNegatives":
      return countStatements(cols, a, y, "!(a > 0.5) && y > 0.5");
    case "cosineSimilarity":
      return cosineStatements(cols, a, y);
    case "sparseAccuracy":
    case "categoricalAccuracy":
    case "binaryAccuracy":
    case "binaryLogitAccuracy":
    case "meanSquaredError":
    case "meanAbsoluteError":
      return metricRowStatements(metric, cols, a, y);
    default:
      return outputStatements(metric, a, y);
  }
}

export const rmsprop: UpdateFormula = ({ momentum, rho, epsilon, centered }) => {
  const mean = momentum > 0 ? "s2" : "s1";
  return wgsl`s0 = ${literal(rho)} * s0 + ${literal(1 - rho)} * g * g;
  #if ${centered}
  ${mean} = ${literal(rho)} * ${mean} + ${literal(1 - rho)} * g;
  let increment = step.learning_rate * g / sqrt(max(s0 - ${mean} * ${mean}, 0.0) + ${literal(epsilon)});
  #else
  let increment = step.learning_rate * g / sqrt(s0 + ${literal(epsilon)});
  #endif
  #if ${momentum > 0}
  s1 = ${literal(momentum)} * s1 + increment;
  w -= s1;
  #else
  w -= increment;
  #endif`;
};

export const adagrad: UpdateFormula = ({ epsilon }) => wgsl`s0 += g * g;
  w -= step.learning_rate * g / sqrt(s0 + ${literal(epsilon)});`;

export const adadelta: UpdateFormula = ({ rho, epsilon }) => wgsl`s0 = ${literal(rho)} * s0 + ${literal(1 - rho)} * g * g;
  let change = g * sqrt(s1 + ${literal(epsilon)}) / sqrt(s0 + ${literal(epsilon)});
  s1 = ${literal(rho)} * s1 + ${literal(1 - rho)} * change * change;
  w -= step.learning_rate * change;`;

/** Conditions are written so that NaN stays NaN. */
export const adamax: UpdateFormula = ({ beta1, beta2, epsilon }) => wgsl`s0 += (g - s0) * ${literal(1 - beta1)};
  let decayed = ${literal(beta2)} * s1;
  s1 = select(abs(g), decayed, decayed > abs(g));
  w -= step.corrected_rate * s0 / (s1 + ${literal(epsilon)});`;

export const lion: UpdateFormula = ({ beta1, beta2 }) => wgsl`let mixed = ${literal(beta1)} * s0 + ${literal(1 - beta1)} * g;
  w -= step.learning_rate * ${signOf("mixed")};
  s0 = ${literal(beta2)} * s0 + ${literal(1 - beta2)} * g;`;
