/**
 * `tf.train.*`: optimizers with TensorFlow.js' arguments and defaults.
 * @module
 */

import {
  adadelta as coreAdadelta,
  adagrad as coreAdagrad,
  adam as coreAdam,
  adamax as coreAdamax,
  InputError,
  rmsprop as coreRmsprop,
  sgd as coreSgd,
  type Optimizer as CoreOptimizer,
} from "../index.ts";
import { missing, OWN_GRADIENT, unsupported } from "./missing.ts";

/** An optimizer; models read its learning rate whenever a callback returns. */
export class Optimizer {
  /** @param core deltaprop's optimizer at a learning rate */
  constructor(
    readonly className: string,
    public learningRate: number,
    readonly core: (learningRate: number) => CoreOptimizer,
  ) {
    core(learningRate);
  }
  getClassName(): string {
    return this.className;
  }
  setLearningRate(learningRate: number): void {
    this.learningRate = learningRate;
  }
  dispose(): void {}
  minimize: (...given: never[]) => never = missing("optimizer.minimize()", OWN_GRADIENT);
  computeGradients: (...given: never[]) => never = missing("optimizer.computeGradients()", OWN_GRADIENT);
  applyGradients: (...given: never[]) => never = missing("optimizer.applyGradients()", OWN_GRADIENT);
}

/** w ← w − η·g. */
export const sgd = (learningRate: number): Optimizer => new Optimizer("SGD", learningRate, (rate) => coreSgd(rate));
/** v ← μv + g, w ← w − η·v. */
export const momentum = (learningRate: number, momentum: number, useNesterov = false): Optimizer =>
  new Optimizer("Momentum", learningRate, (rate) => coreSgd({ learningRate: rate, momentum, nesterov: useNesterov }));
/** Adam. ε is added to √v before the bias correction, as deltaprop and Keras do; TensorFlow.js adds it behind. */
export const adam = (learningRate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon?: number | null): Optimizer =>
  new Optimizer("Adam", learningRate, (rate) => coreAdam({ learningRate: rate, beta1, beta2, epsilon: epsilon ?? 1e-7 }));
/** v ← ρv + (1−ρ)g², w ← w − η·g/√(v + ε). */
export const rmsprop = (learningRate: number, decay = 0.9, momentum = 0, epsilon?: number | null, centered = false): Optimizer =>
  new Optimizer("RMSProp", learningRate, (rate) =>
    coreRmsprop({ learningRate: rate, rho: decay, momentum, epsilon: epsilon ?? 1e-7, centered }),
  );
/** s ← s + g², w ← w − η·g/√(s + ε). */
export const adagrad = (learningRate: number, initialAccumulatorValue = 0.1): Optimizer =>
  new Optimizer("Adagrad", learningRate, (rate) => coreAdagrad({ learningRate: rate, initialAccumulatorValue }));
/** v ← ρv + (1−ρ)g², x = g·√(d + ε)/√(v + ε), d ← ρd + (1−ρ)x², w ← w − η·x. */
export const adadelta = (learningRate = 0.001, rho = 0.95, epsilon?: number | null): Optimizer =>
  new Optimizer("Adadelta", learningRate, (rate) => coreAdadelta({ learningRate: rate, rho, epsilon: epsilon ?? 1e-7 }));
/** m ← β₁m + (1−β₁)g, u ← max(β₂u, |g|), w ← w − η/(1−β₁ᵗ)·m/(u + ε). @throws UnsupportedError if decay is not 0 */
export function adamax(learningRate = 0.002, beta1 = 0.9, beta2 = 0.999, epsilon?: number | null, decay = 0): Optimizer {
  if (decay !== 0) throw unsupported("tf.train.adamax with decay", "Set optimizer.learningRate in a callback.");
  return new Optimizer("Adamax", learningRate, (rate) => coreAdamax({ learningRate: rate, beta1, beta2, epsilon: epsilon ?? 1e-7 }));
}

/** What compile() takes by name, with TensorFlow.js' learning rates. */
const BY_NAME: Readonly<Record<string, () => Optimizer>> = {
  sgd: () => sgd(0.01),
  SGD: () => sgd(0.01),
  adam: () => adam(),
  Adam: () => adam(),
  rmsprop: () => rmsprop(0.001),
  RMSProp: () => rmsprop(0.001),
  adagrad: () => adagrad(0.01),
  Adagrad: () => adagrad(0.01),
  adadelta: () => adadelta(1),
  Adadelta: () => adadelta(1),
  adamax: () => adamax(),
  Adamax: () => adamax(),
};

/** Reads compile()'s option. @throws UnsupportedError naming the optimizers that are here */
export function toOptimizer(value: unknown): Optimizer {
  if (value instanceof Optimizer) return value;
  if (typeof value === "string" && Object.hasOwn(BY_NAME, value)) return BY_NAME[value]();
  if (value === undefined || value === null) throw new InputError("compile(): an optimizer is needed, such as 'sgd' or tf.train.adam().");
  throw unsupported(`optimizer ${JSON.stringify(value)}`, `Choose one of ${Object.keys(BY_NAME).join(", ")}, or tf.train.*.`);
}
