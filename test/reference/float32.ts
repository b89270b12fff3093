// A float32 GPU in TypeScript: each operation rounded to float32, sums from the first term to the last, and exp, log,
// division and sqrt off by as much as the WGSL specification allows, up or down by chance. What the bounds of
// src/reference are tried on. Formulas in the order of the shaders, written apart from those of src/reference.

import { rowsOf, type Graph, type Op, type OpOf, type StepScalars } from "../../src/graph/types.ts";
import { LEAKY_RELU_SLOPE, type ElementwiseActivation } from "../../src/model/activations.ts";
import { LOG1P, TANH_DENOMINATOR, TANH_END, TANH_NUMERATOR } from "../../src/model/float32-forms.ts";
import { GELU_CUBIC, GELU_SCALE, GELU_TANH_END, MILLS, MILLS_CENTRE, MILLS_END } from "../../src/model/normal-forms.ts";
import { takesLabels, type Loss } from "../../src/model/losses.ts";
import type { Optimizer } from "../../src/model/optimizers.ts";
import { dropoutMask } from "../../src/reference/dropout.ts";
import { isSequenceStep } from "../../src/reference/recurrent.ts";
import type { RandomSequence } from "../../src/random.ts";
import { normalizationStep } from "./float32-normalization.ts";
import { sequenceStep } from "./float32-recurrent.ts";

const f = Math.fround;
type Row = Float32Array;

/** The distance between float32 numbers around x. */
const ulp = (x: number): number => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -126) - 23);

export class Float32Machine {
  /** @param random draws how far each function is off; none: correctly rounded, as good GPUs nearly are */
  constructor(readonly random: RandomSequence | null) {}

  /** x, off by at most `ulps`, half an ULP of which is kept for the rounding. */
  #off(x: number, ulps: number, absolute = 0): number {
    if (this.random === null || x === 0 || !Number.isFinite(x)) return f(x);
    const share = 2 * this.random.uniform() - 1;
    return f(x + share * Math.max(absolute - ulp(x) / 2, (ulps - 0.5) * ulp(x)));
  }

  exp = (x: number): number => this.#off(Math.exp(x), 3 + 2 * Math.abs(x));
  log = (x: number): number => (x >= 0.5 && x <= 2 ? this.#off(Math.log(x), 0.5, 2 ** -21) : this.#off(Math.log(x), 3));
  div = (x: number, y: number): number => this.#off(x / y, 2.5);
  sqrt = (x: number): number => this.#off(Math.sqrt(x), 4.5);

  /** (a + b) + c; an adversary takes any order, as WGSL allows and lavapipe does. */
  #three(a: number, b: number, c: number): number {
    const terms = [a, b, c],
      [last] = this.random === null ? [c] : terms.splice(this.random.below(3), 1);
    return f(f(terms[0] + terms[1]) + last);
  }

  sum(terms: Iterable<number>): number {
    let total = 0;
    for (const term of terms) total = f(total + term);
    return total;
  }

  dot(n: number, left: (k: number) => number, right: (k: number) => number, start = 0): number {
    let total = start;
    for (let k = 0; k < n; k++) total = f(total + f(left(k) * right(k)));
    return total;
  }

  sigmoid(z: number): number {
    const e = this.exp(-Math.abs(z));
    return z >= 0 ? this.div(1, f(1 + e)) : this.div(e, f(1 + e));
  }

  /** c₀ + c₁y + … */
  #polynomial(y: number, coefficients: readonly number[]): number {
    return coefficients.reduceRight((inner, c) => f(f(c) + f(y * inner)), 0);
  }

  /** Numerator and denominator of tanh(x), |x| ≤ TANH_END. */
  #tanhQuotient(x: number): [number, number] {
    const y = f(x * x);
    return [f(x * this.#polynomial(y, [1, ...TANH_NUMERATOR])), this.#polynomial(y, [1, ...TANH_DENOMINATOR])];
  }

  tanh(z: number): number {
    if (Math.abs(z) > TANH_END) return Math.sign(z);
    const [n, d] = this.#tanhQuotient(z),
      t = this.div(n, d);
    return Math.abs(t) > 1 ? Math.sign(z) : t;
  }

  /** 1 − e^(−u) */
  #oneMinusExp(u: number): number {
    if (u > 2 * TANH_END) return 1;
    const [n, d] = this.#tanhQuotient(u / 2);
    return this.div(2 * n, f(d + n));
  }

  #log1p(x: number): number {
    if (x > 1) return this.log(f(1 + x));
    const s = this.div(x, f(2 + x));
    return f(s * this.#polynomial(f(s * s), [2, ...LOG1P]));
  }

  /** e^(−t²/2) and Φ(−t) over it. */
  #normalTail(z: number): [number, number, number] {
    const t = Math.min(Math.abs(z), MILLS_END),
      head = t - (t % 2 ** (Math.floor(Math.log2(t || 1)) - 11));
    const power = f(this.exp(f(-0.5 * head * head)) * this.exp(f(-0.5 * f(t - head) * f(t + head))));
    const w = this.div(f(t - MILLS_CENTRE), f(t + MILLS_CENTRE));
    return [power, this.div(this.#polynomial(w, MILLS), f(t + MILLS_CENTRE)), t];
  }

  #geluSigmoid(z: number): { s: number; c: number; t: number } {
    const t = Math.min(Math.max(z, -GELU_TANH_END), GELU_TANH_END);
    const u = f(t * f(f(2 * GELU_SCALE) + f(f(f(2 * GELU_SCALE * GELU_CUBIC) * t) * t)));
    return { s: this.sigmoid(u), c: this.sigmoid(-u), t };
  }

  activate(name: ElementwiseActivation, z: number): number {
    switch (name) {
      case "linear":
        return z;
      case "sigmoid":
        return this.sigmoid(z);
      case "tanh":
        return this.tanh(z);
      case "relu":
        return Math.max(z, 0);
      case "leakyRelu":
        return z > 0 ? z : f(f(LEAKY_RELU_SLOPE) * z);
      case "elu":
        return z > 0 ? z : -this.#oneMinusExp(-z);
      case "softplus":
        return f(Math.max(z, 0) + this.#log1p(this.exp(-Math.abs(z))));
      case "gelu": {
        const [power, mills] = this.#normalTail(z),
          tail = f(power * mills);
        return f(z * (z < 0 ? tail : f(1 - tail)));
      }
      case "geluTanh":
        return f(z * this.#geluSigmoid(z).s);
      case "swish":
        return f(z * this.sigmoid(z));
    }
  }

  derivative(name: ElementwiseActivation, x: number): number {
    switch (name) {
      case "linear":
        return 1;
      case "sigmoid":
        return f(x * f(1 - x));
      case "tanh":
        return f(f(1 - x) * f(1 + x));
      case "relu":
        return x > 0 ? 1 : 0;
      case "leakyRelu":
        return x > 0 ? 1 : f(LEAKY_RELU_SLOPE);
      case "elu":
        return x > 0 ? 1 : f(x + 1);
      case "softplus":
        return this.#oneMinusExp(x);
      case "gelu": {
        const [power, mills, t] = this.#normalTail(x),
          below = f(power * f(mills - f(f(1 / Math.sqrt(2 * Math.PI)) * t)));
        return x < 0 ? below : f(1 - below);
      }
      case "geluTanh": {
        const { s, c, t } = this.#geluSigmoid(x);
        return f(s * f(1 + f(f(c * t) * f(f(2 * GELU_SCALE) + f(f(f(6 * GELU_SCALE * GELU_CUBIC) * t) * t)))));
      }
      case "swish": {
        const s = this.sigmoid(x);
        return f(s * f(1 + f(x * this.sigmoid(-x))));
      }
    }
  }

  softmax(z: Row): number[] {
    const max = Math.max(...z);
    const powers = [...z].map((value) => this.exp(f(value - max)));
    const total = this.sum(powers);
    return powers.map((power) => this.div(power, total));
  }

  /** What one number adds to a loss that is a sum or a mean over outputs. */
  #term(loss: Loss, a: number, y: number): number {
    const epsilon = f(1e-7),
      e = f(a - y),
      size = Math.abs(e),
      side = y === 0 ? -1 : y,
      margin = f(1 - f(side * a));
    const atLeast = (x: number) => Math.max(x, epsilon),
      share = (x: number) => Math.min(atLeast(x), 1);
    switch (loss.name) {
      case "meanAbsoluteError":
        return size;
      case "meanAbsolutePercentageError":
        return this.div(f(100 * size), atLeast(Math.abs(y)));
      case "meanSquaredLogarithmicError":
        return f(this.#logDifference(a, y) ** 2);
      case "logCosh": {
        const p = this.#oneMinusExp(size),
          q = f(1 - p),
          l = this.#log1p(size > 1 ? f(q * q) : this.div(f(p * p), f(2 * q)));
        return size > 1 ? f(size + f(l - f(Math.LN2))) : l;
      }
      case "hinge":
        return Math.max(margin, 0);
      case "squaredHinge":
        return f(Math.max(margin, 0) ** 2);
      case "klDivergence":
        return f(share(y) * this.log(this.div(share(y), share(a))));
      case "poisson":
        return f(a - f(y * this.log(f(a + epsilon))));
      default:
        throw new Error(loss.name);
    }
  }

  #logDifference(a: number, y: number): number {
    const log = (x: number) => (x > 1 ? this.log(f(1 + x)) : this.#log1p(x));
    return f(log(Math.max(a, f(1e-7))) - log(Math.max(y, f(1e-7))));
  }

  #slope(loss: Loss, a: number, y: number): number {
    const epsilon = f(1e-7),
      e = f(a - y),
      side = y === 0 ? -1 : y,
      margin = f(1 - f(side * a));
    const atLeast = (x: number) => Math.max(x, epsilon);
    switch (loss.name) {
      case "meanSquaredError":
        return 2 * e;
      case "huber":
        return Math.min(Math.max(e, -f(loss.delta)), f(loss.delta));
      case "meanAbsoluteError":
        return Math.sign(e);
      case "meanAbsolutePercentageError":
        return this.div(100 * Math.sign(e), atLeast(Math.abs(y)));
      case "meanSquaredLogarithmicError":
        return a < epsilon ? 0 : this.div(2 * this.#logDifference(a, y), f(1 + a));
      case "logCosh":
        return this.tanh(e);
      case "hinge":
        return margin > 0 ? -side : 0;
      case "squaredHinge":
        return f(-2 * side * Math.max(margin, 0));
      case "klDivergence":
        return a < epsilon || a > 1 ? 0 : this.div(-Math.min(atLeast(y), 1), a);
      case "poisson":
        return f(1 - this.div(y, f(a + epsilon)));
      default:
        return e;
    }
  }

  lossRow(loss: Loss, a: Row, labels: Row): number {
    const n = a.length,
      y = this.#smoothed(loss, labels, n);
    const e = (j: number): number => f(a[j] - y[j]);
    const indices = [...a.keys()];
    const max = Math.max(...a);
    const best = a.indexOf(max),
      logRest = () => this.#log1p(this.sum(indices.map((j) => (j === best ? 0 : this.exp(f(a[j] - max))))));
    switch (loss.name) {
      case "meanSquaredError":
        return this.div(this.sum(indices.map((j) => f(e(j) * e(j)))), n);
      case "halfSquaredError":
        return f(0.5 * this.sum(indices.map((j) => f(e(j) * e(j)))));
      case "huber":
        return this.div(
          this.sum(
            indices.map((j) => {
              const size = Math.abs(e(j));
              const delta = f(loss.delta);
              return size <= delta ? f(f(0.5 * size) * size) : f(delta * f(size - f(0.5 * delta)));
            }),
          ),
          n,
        );
      case "binaryCrossentropy":
        return this.div(this.sum(indices.map((j) => f(f(a[j] * f(Number(a[j] > 0) - y[j])) + this.#log1p(this.exp(-Math.abs(a[j])))))), n);
      case "sparseCategoricalCrossentropy":
        return f(logRest() + f(max - a[y[0]]));
      case "categoricalCrossentropy": {
        const all = logRest();
        return this.sum(indices.map((j) => f(y[j] * f(all + f(max - a[j])))));
      }
      default: {
        const sum = this.sum(indices.map((j) => this.#term(loss, a[j], y[j])));
        return loss.name === "klDivergence" ? sum : this.div(sum, n);
      }
    }
  }

  #smoothed({ name, labelSmoothing: s = 0 }: Loss, y: Row, outputs: number): Row {
    return s === 0 ? y : y.map((value) => f(value * f(1 - s)) + f(s / (name === "binaryCrossentropy" ? 2 : outputs)));
  }

  lossGradientRow(loss: Loss, a: Row, labels: Row, rows: number): number[] {
    const perRow = f(1 / rows),
      y = this.#smoothed(loss, labels, a.length);
    const perOutput = ["halfSquaredError", "klDivergence", "categoricalCrossentropy", "sparseCategoricalCrossentropy"].includes(loss.name)
      ? 1
      : f(1 / a.length);
    return [...a].map((value, j) => f(f(this.#slope(loss, value, takesLabels(loss) ? Number(y[0] === j) : y[j]) * perOutput) * perRow));
  }

  metricRow(metric: OpOf<"metricRows">["metric"], a: Row, y: Row): number {
    const argmax = (row: Row): number => row.indexOf(Math.max(...row));
    const mean = (of: (p: number, t: number) => number) => this.div(this.sum([...a].map((p, j) => of(p, y[j]))), a.length);
    const count = (of: (p: number, t: number) => boolean) => [...a].filter((p, j) => of(p, y[j])).length;
    switch (metric) {
      case "sparseAccuracy":
        return Number(argmax(a) === y[0]);
      case "categoricalAccuracy":
        return Number(argmax(a) === argmax(y));
      case "binaryAccuracy":
        return mean((p, t) => Number(p > 0.5 === t > 0.5));
      case "binaryLogitAccuracy":
        return mean((z, t) => Number(z > 0 === t > 0.5));
      case "meanSquaredError":
        return mean((p, t) => f(f(p - t) * f(p - t)));
      case "meanAbsoluteError":
        return mean((p, t) => Math.abs(f(p - t)));
      case "topKAccuracy":
        return Number(a.filter((p) => p > a[argmax(y)]).length < 5);
      case "sparseTopKAccuracy":
        return Number(a.filter((p) => p > a[y[0]]).length < 5);
      case "truePositives":
        return count((p, t) => p > 0.5 && t > 0.5);
      case "trueNegatives":
        return count((p, t) => !(p > 0.5) && !(t > 0.5));
      case "falsePositives":
        return count((p, t) => p > 0.5 && !(t > 0.5));
      case "falseNegatives":
        return count((p, t) => !(p > 0.5) && t > 0.5);
      case "cosineSimilarity": {
        const norm = (row: Row) => Math.max(this.sqrt(this.sum([...row].map((x) => f(x * x)))), f(1e-7));
        return this.div(this.sum([...a].map((p, j) => f(p * y[j]))), f(norm(a) * norm(y)));
      }
      default: {
        const [kind, at] = metric.split("_"),
          j = Number(at),
          e = f(a[j] - y[j]);
        return kind === "target" ? y[j] : kind === "squaredTarget" ? f(y[j] * y[j]) : f(e * e);
      }
    }
  }

  update(o: Optimizer, w: number, g: number, s: number[], scalars: StepScalars): number[] {
    const rate = f(scalars.learningRate),
      corrected = f(scalars.correctedRate);
    const [mu, rho, rest, epsilon] = [f(o.momentum), f(o.rho), f(1 - o.rho), f(o.epsilon)];
    const gg = f(g * g);
    switch (o.name) {
      case "sgd": {
        if (o.momentum === 0) return [f(w - f(rate * g))];
        const v = f(f(mu * s[0]) - f(rate * g));
        return [o.nesterov ? this.#three(f(mu * v), -f(rate * g), w) : f(w + v), v];
      }
      case "adam":
      case "adamW": {
        const m = f(s[0] + f(f(g - s[0]) * f(1 - o.beta1)));
        const v = f(s[1] + f(f(gg - s[1]) * f(1 - o.beta2)));
        const change = this.div(f(m * corrected), f(this.sqrt(v) + epsilon));
        return [o.name === "adamW" ? this.#three(w, -f(f(w * f(o.weightDecay)) * rate), -change) : f(w - change), m, v];
      }
      case "rmsprop": {
        const v = f(f(rho * s[0]) + f(rest * gg));
        const mean = o.centered ? f(f(rho * s[s.length - 1]) + f(rest * g)) : 0;
        const increment = this.div(f(rate * g), this.sqrt(f((o.centered ? Math.max(f(v - f(mean * mean)), 0) : v) + epsilon)));
        const moved = o.momentum > 0 ? f(f(mu * s[1]) + increment) : increment;
        return [f(w - moved), v, ...(o.momentum > 0 ? [moved] : []), ...(o.centered ? [mean] : [])];
      }
      case "adagrad": {
        const total = f(s[0] + gg);
        return [f(w - this.div(f(rate * g), this.sqrt(f(total + epsilon)))), total];
      }
      case "adadelta": {
        const v = f(f(rho * s[0]) + f(rest * gg)),
          x = this.div(f(g * this.sqrt(f(s[1] + epsilon))), this.sqrt(f(v + epsilon)));
        return [f(w - f(rate * x)), v, f(f(rho * s[1]) + f(rest * f(x * x)))];
      }
      case "adamax": {
        const m = f(s[0] + f(f(g - s[0]) * f(1 - o.beta1))),
          most = Math.max(f(f(o.beta2) * s[1]), Math.abs(g));
        return [f(w - this.div(f(corrected * m), f(most + epsilon))), m, most];
      }
      case "lion": {
        const mix = (beta: number) => f(f(f(beta) * s[0]) + f(f(1 - beta) * g));
        return [f(w - f(rate * Math.sign(mix(o.beta1)))), mix(o.beta2)];
      }
    }
  }

  /** The outputs of one step. */
  step(op: Op, inputs: Float32Array[], graph: Graph, scalars: StepScalars): number[][] {
    const [x, y] = inputs;
    const shape = (name: string): { rows: number; cols: number } => {
      const tensor = graph.tensors.get(name)!;
      return { rows: rowsOf(tensor, scalars.rows), cols: tensor.cols };
    };
    const { rows, cols } = shape(op.inputs[0]);
    const byRow = (of: (...rows: Row[]) => number[]): number[] =>
      Array.from({ length: rows }, (_, r) =>
        of(...inputs.map((t) => t.subarray((r * t.length) / rows, ((r + 1) * t.length) / rows))),
      ).flat();
    const map = (of: (value: number, i: number) => number): number[] => [...x].map(of);
    if (isSequenceStep(op)) return [sequenceStep(this, op, inputs, graph, scalars)];
    switch (op.type) {
      case "gather":
        return [
          Array.from({ length: scalars.rows * cols }, (_, i) =>
            f(x[y[scalars.offset + Math.floor(i / cols)] * cols + (i % cols)] * f(op.scale)),
          ),
        ];
      case "product": {
        const out = shape(op.outputs[0]);
        const inner = op.form === "leftTransposed" ? rows : cols;
        return [
          Array.from({ length: out.rows * out.cols }, (_, i) => {
            const m = Math.floor(i / out.cols),
              n = i % out.cols;
            return this.dot(
              inner,
              (k) => (op.form === "leftTransposed" ? x[k * out.rows + m] : x[m * inner + k]),
              (k) => (op.form === "rightTransposed" ? y[n * inner + k] : y[k * out.cols + n]),
              inputs[2]?.[n] ?? 0,
            );
          }),
        ];
      }
      case "rowSum":
        return [Array.from({ length: cols }, (_, j) => this.sum(Array.from({ length: rows }, (__, r) => x[r * cols + j])))];
      case "moment":
      case "normalize":
      case "normalizeRows":
        return [normalizationStep(this, op, inputs, cols)];
      case "activation":
        return [map((z) => this.activate(op.activation, z))];
      case "activationDerivative":
        return [map((source) => this.derivative(op.activation, source))];
      case "hadamard":
        return [map((value, i) => f(value * y[i]))];
      case "softmax":
        return [byRow((z) => this.softmax(z))];
      case "softmaxPullback":
        return [
          byRow((a, g) => {
            const dot = this.dot(
              cols,
              (k) => a[k],
              (k) => g[k],
            );
            return [...a].map((value, j) => f(value * f(g[j] - dot)));
          }),
        ];
      case "dropout": {
        const { held = 1 } = op,
          mask = dropoutMask(x.length / held, op.rate, graph.seed, scalars.step, op.layer);
        return [map((value, i) => (mask[Math.floor(i / cols / held) * cols + (i % cols)] ? f(value * f(1 / (1 - op.rate))) : 0))];
      }
      case "lossRows":
        return [byRow((a, t) => [this.lossRow(op.loss, a, t)])];
      case "lossGradient":
        return [byRow((a, t) => this.lossGradientRow(op.loss, a, t, rows))];
      case "metricRows":
        return [byRow((a, t) => [this.metricRow(op.metric, a, t)])];
      case "penalty":
        return [[f(f(f(op.l1) * this.sum(map(Math.abs))) + f(f(op.l2) * this.sum(map((w) => f(w * w)))))]];
      case "penaltyGradient":
        return [map((g, i) => f(f(g + f(f(op.l1) * Math.sign(y[i]))) + f(f(2 * op.l2) * y[i])))];
      case "accumulate":
        return [map((g, i) => (scalars.fresh ? g : f(g + y[i])))];
      case "clipValue":
        return [map((g) => Math.min(Math.max(g, -f(op.limit)), f(op.limit)))];
      case "clipFactor": {
        const norm = this.sqrt(this.sum(inputs.flatMap((t) => [...t].map((g) => f(g * g)))));
        return [[Math.min(1, this.div(f(op.limit), norm))]];
      }
      case "scale":
        return [map((value) => f(value * y[0]))];
      case "update": {
        const outputs: number[][] = op.outputs.map(() => []);
        x.forEach((w, i) =>
          this.update(
            op.optimizer,
            w,
            y[i],
            inputs.slice(2).map((s) => s[i]),
            scalars,
          ).forEach((value, k) => outputs[k].push(value)),
        );
        return outputs;
      }
      case "summarize": {
        const means = inputs.slice(0, 1 + op.metrics).map((t) => this.div(this.sum(t), rows));
        means[0] = this.sum([means[0], ...inputs.slice(1 + op.metrics, op.counted ? -1 : undefined).map(([value]) => value)]);
        return [op.counted ? [...means, inputs[inputs.length - 1][0]] : means];
      }
    }
  }
}
