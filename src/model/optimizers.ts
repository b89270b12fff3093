// Optimizers as plain values. Names, defaults and formulas are those of Keras 3; the arithmetic is in
// reference/optimizers.ts (float64) and shaders/update.wgsl.ts (float32).

import { InputError } from "../errors.ts";
import { checkFlag, checkFloat32, checkOptions, show } from "./checks.ts";
import { rateAt, toSchedule, type Schedule } from "./schedules.ts";

/** Names that compile() takes for an optimizer with its defaults. */
export type OptimizerName = "sgd" | "adam" | "adamW" | "rmsprop" | "adagrad" | "adadelta" | "adamax" | "lion";

/** How gradients are bounded before the update; at most one of the three is set. By default none is. */
export interface Clipping {
  /** Each weight tensor's gradient is scaled down to at most this L2 norm; > 0. */
  readonly clipNorm?: number;
  /** All gradients together are scaled down to at most this L2 norm; > 0. */
  readonly globalClipNorm?: number;
  /** Each number of a gradient is cut to ±clipValue; > 0. */
  readonly clipValue?: number;
}

/** A frozen plain value, as the functions below return it; what an optimizer does not use has a neutral value. */
export interface Optimizer extends Clipping {
  readonly name: OptimizerName;
  readonly learningRate: Schedule;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly beta1: number;
  readonly beta2: number;
  readonly rho: number;
  readonly epsilon: number;
  readonly centered: boolean;
  readonly weightDecay: number;
  readonly initialAccumulatorValue: number;
}

/** What every optimizer takes. */
export interface CommonOptions extends Clipping {
  /** η: a number ≥ 0 or a schedule. */
  learningRate?: number | Schedule;
}
export interface SgdOptions extends CommonOptions {
  /** μ in [0, 1); default 0. */
  momentum?: number;
  /** Steps with the gradient seen ahead: w ← w + μv − η·g; needs momentum; default false. */
  nesterov?: boolean;
}
export interface AdamOptions extends CommonOptions {
  /** Decay of the mean of gradients, in [0, 1); default 0.9. */
  beta1?: number;
  /** Decay of the mean of squared gradients, in [0, 1); default 0.999. */
  beta2?: number;
  /** ε ≥ 0, added to √v; default 1e-7. */
  epsilon?: number;
}
export interface AdamWOptions extends AdamOptions {
  /** λ ≥ 0 of w ← w − η·λ·w; default 0.004. */
  weightDecay?: number;
}
export interface RmspropOptions extends CommonOptions {
  /** ρ, decay of the mean of squared gradients, in [0, 1); default 0.9. */
  rho?: number;
  /** μ in [0, 1): the update is added to μ times the last one; default 0. */
  momentum?: number;
  /** ε ≥ 0, added to v under the root; default 1e-7. */
  epsilon?: number;
  /** Subtracts the squared mean of the gradients from v, so that v is their variance; default false. */
  centered?: boolean;
}
export interface AdagradOptions extends CommonOptions {
  /** What the sum of squared gradients starts from, ≥ 0; default 0.1. */
  initialAccumulatorValue?: number;
  /** ε ≥ 0, added to the sum under the root; default 1e-7. */
  epsilon?: number;
}

export interface AdadeltaOptions extends CommonOptions {
  /** ρ, decay of the means of squared gradients and of squared changes, in [0, 1); default 0.95. */
  rho?: number;
  /** ε ≥ 0, added to both means under their roots; default 1e-7. */
  epsilon?: number;
}
export interface LionOptions extends CommonOptions {
  /** How much of the mean counts beside the gradient, in [0, 1); default 0.9. */
  beta1?: number;
  /** Decay of the mean of gradients, in [0, 1); default 0.99. */
  beta2?: number;
}

const NEUTRAL = {
  momentum: 0,
  nesterov: false,
  beta1: 0.9,
  beta2: 0.999,
  rho: 0.9,
  epsilon: 1e-7,
  centered: false,
  weightDecay: 0,
  initialAccumulatorValue: 0.1,
};

type Hyperparameters = typeof NEUTRAL;
type OptimizerOptions = CommonOptions & Partial<Hyperparameters>;

const ADAM = { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };

/** What each optimizer has options for, with its defaults. */
const OWN: Record<OptimizerName, Partial<Hyperparameters> & { learningRate: number }> = {
  sgd: { learningRate: 0.01, momentum: 0, nesterov: false },
  adam: ADAM,
  adamW: { ...ADAM, weightDecay: 0.004 },
  rmsprop: { learningRate: 0.001, rho: 0.9, momentum: 0, epsilon: 1e-7, centered: false },
  adagrad: { learningRate: 0.001, initialAccumulatorValue: 0.1, epsilon: 1e-7 },
  adadelta: { learningRate: 0.001, rho: 0.95, epsilon: 1e-7 },
  adamax: ADAM,
  lion: { learningRate: 0.001, beta1: 0.9, beta2: 0.99 },
};

const CLIPPING = ["clipNorm", "globalClipNorm", "clipValue"] as const;

/** The names of all optimizers. */
export const OPTIMIZERS = Object.freeze(Object.keys(OWN) as OptimizerName[]);

/** A schedule, or what is left of one that was copied: toSchedule() says which. */
const isScheduleLike = (value: unknown): value is Schedule => typeof value === "object" && value !== null && "kind" in value;

function build(name: OptimizerName, options: number | Schedule | OptimizerOptions): Optimizer {
  const where = `${name}()`;
  const given = checkOptions<OptimizerOptions>(
    where,
    typeof options === "number" || isScheduleLike(options) ? { learningRate: options } : options,
    [...Object.keys(OWN[name]), ...CLIPPING],
  );
  const { learningRate, clipNorm, globalClipNorm, clipValue, ...set } = { ...NEUTRAL, ...OWN[name], ...given };
  for (const key of Object.keys(NEUTRAL) as (keyof Hyperparameters)[]) {
    if (NEUTRAL[key] === false) checkFlag(where, key, set[key], false);
    else checkFloat32(where, key, set[key], /^(mom|beta|rho)/.test(key) ? "[0, 1)" : "≥ 0");
  }
  if (set.nesterov && set.momentum === 0) {
    throw new InputError(`${where}: nesterov needs momentum > 0; got momentum 0. Set momentum, for example 0.9.`);
  }
  const clips = checkClipping(where, { clipNorm, globalClipNorm, clipValue });
  return Object.freeze({ name, ...set, ...clips, learningRate: toSchedule(where, learningRate) });
}

function checkClipping(where: string, clipping: Clipping): Clipping {
  const clips = Object.entries(clipping).filter(([, value]) => value !== undefined);
  if (clips.length > 1) {
    throw new InputError(`${where}: set at most one of ${CLIPPING.join(", ")}; got ${clips.map(([k]) => k).join(" and ")}.`);
  }
  for (const [key, value] of clips) checkFloat32(where, key, value, "> 0");
  return Object.fromEntries(clips);
}

/**
 * Stochastic gradient descent: w ← w − η·g, or with momentum μ: v ← μv − η·g, w ← w + v (Keras' signs; Sutskever et al.
 * 2013 for Nesterov's).
 * @param options η alone, as a number or a schedule, or SgdOptions; default η = 0.01
 * @throws InputError on an unknown option or a number out of range
 */
export const sgd = (options: number | Schedule | SgdOptions = {}): Optimizer => build("sgd", options);
/**
 * Adam (Kingma and Ba 2015): m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², w ← w − η·√(1−β₂ᵗ)/(1−β₁ᵗ)·m/(√v + ε): the bias
 * corrections are folded into the rate, as in Keras.
 * @param options η alone, as a number or a schedule, or AdamOptions; default η = 0.001
 * @throws InputError on an unknown option or a number out of range
 */
export const adam = (options: number | Schedule | AdamOptions = {}): Optimizer => build("adam", options);
/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019): w ← w − η·weightDecay·w first, biases included, then adam().
 * @param options η alone, as a number or a schedule, or AdamWOptions; default η = 0.001
 * @throws InputError on an unknown option or a number out of range
 */
export const adamW = (options: number | Schedule | AdamWOptions = {}): Optimizer => build("adamW", options);
/**
 * RMSprop (Hinton 2012): v ← ρv + (1−ρ)g², w ← w − η·g/√(v + ε), as Keras.
 * @param options η alone, as a number or a schedule, or RmspropOptions; default η = 0.001
 * @throws InputError on an unknown option or a number out of range
 */
export const rmsprop = (options: number | Schedule | RmspropOptions = {}): Optimizer => build("rmsprop", options);
/**
 * Adagrad (Duchi et al. 2011): s ← s + g², w ← w − η·g/√(s + ε), as Keras.
 * @param options η alone, as a number or a schedule, or AdagradOptions; default η = 0.001
 * @throws InputError on an unknown option or a number out of range
 */
export const adagrad = (options: number | Schedule | AdagradOptions = {}): Optimizer => build("adagrad", options);
/**
 * Adadelta (Zeiler 2012): v ← ρv + (1−ρ)g², x = g·√(d + ε)/√(v + ε), d ← ρd + (1−ρ)x², w ← w − η·x, as Keras. Zeiler's own has η = 1.
 * @param options η alone, as a number or a schedule, or AdadeltaOptions; default η = 0.001
 * @throws InputError on an unknown option or a number out of range
 */
export const adadelta = (options: number | Schedule | AdadeltaOptions = {}): Optimizer => build("adadelta", options);
/**
 * Adamax (Kingma and Ba 2015, §7.1): m ← β₁m + (1−β₁)g, u ← max(β₂u, |g|), w ← w − η/(1−β₁ᵗ)·m/(u + ε), as Keras.
 * @param options η alone, as a number or a schedule, or AdamOptions; default η = 0.001
 * @throws InputError on an unknown option or a number out of range
 */
export const adamax = (options: number | Schedule | AdamOptions = {}): Optimizer => build("adamax", options);
/**
 * Lion (Chen et al. 2023): w ← w − η·sign(β₁m + (1−β₁)g), m ← β₂m + (1−β₂)g, as Keras. Every weight moves by η, so η is to be a third to a tenth
 * of Adam's.
 * @param options η alone, as a number or a schedule, or LionOptions; default η = 0.001
 * @throws InputError on an unknown option or a number out of range
 */
export const lion = (options: number | Schedule | LionOptions = {}): Optimizer => build("lion", options);

const isName = (value: unknown): value is OptimizerName => (OPTIMIZERS as readonly unknown[]).includes(value);

/** Reads `optimizer`: a name, or what one of the functions above returned, checked again since it may have been copied. */
export function toOptimizer(value: unknown): Optimizer {
  if (isName(value)) return build(value, {});
  if (typeof value === "object" && value !== null && "name" in value && isName(value.name)) {
    const own = [...Object.keys(OWN[value.name]), ...CLIPPING];
    return build(value.name, Object.fromEntries(Object.entries(value).filter(([key]) => own.includes(key))));
  }
  throw new InputError(
    `compile(): optimizer must be one of ${OPTIMIZERS.join(", ")} or the value of one of these ` + `functions; got ${show(value)}.`,
  );
}

/** Beside momentum, and the mean of a centered rmsprop. */
const STATES: Readonly<Record<OptimizerName, readonly string[]>> = {
  sgd: [],
  adam: ["m", "v"],
  adamW: ["m", "v"],
  rmsprop: ["v"],
  adagrad: ["sum"],
  adadelta: ["v", "changes"],
  adamax: ["m", "max"],
  lion: ["m"],
};

/** The tensors that an optimizer keeps beside each weight tensor, in order, with the value they start from. */
export const optimizerStates = ({
  name,
  momentum,
  centered,
  initialAccumulatorValue,
}: Optimizer): readonly { name: string; initial: number }[] =>
  [...STATES[name], ...(momentum > 0 ? ["momentum"] : []), ...(centered ? ["mean"] : [])].map((state) => ({
    name: state,
    initial: state === "sum" ? initialAccumulatorValue : 0,
  }));

/** The two rates of one update: the schedule's, and the one with the bias corrections of Adam and Adamax (equal for the others). */
export function ratesAt(optimizer: Optimizer, step: number): { learningRate: number; correctedRate: number } {
  const { name, beta1, beta2 } = optimizer,
    learningRate = rateAt(optimizer.learningRate, step),
    t = step + 1;
  const correction = name === "adamax" ? 1 : Math.sqrt(1 - beta2 ** t);
  return { learningRate, correctedRate: /^adam/.test(name) ? learningRate * (correction / (1 - beta1 ** t)) : learningRate };
}
