// The simple recurrent layer as the user declares it (Elman 1990; Keras' SimpleRNN): a frozen plain value, and how it is
// appended to a network. gated.ts has those with gates.

import { InputError } from "../errors.ts";
import { RECURRENT_ACTIVATIONS, type RecurrentActivation } from "./activations.ts";
import { checkCount, checkFlag, checkFloat32, checkInputShape, checkName, checkOptions, checkTrainable, show } from "./checks.ts";
import { checkInitializer } from "./initializers.ts";
import { APPEND, type Append, type NetworkLayer, type Parameter, type Resolver } from "./network.ts";
import type { RecurrentLayer, SimpleRNNLayer, SimpleRNNOptions } from "./recurrent-types.ts";
import { checkRegularizer } from "./regularizers.ts";

/** Options of every recurrent layer. */
export const RECURRENT_OPTIONS: readonly string[] = [
  "units",
  "activation",
  "returnSequences",
  "stateful",
  "useBias",
  "kernelInitializer",
  "recurrentInitializer",
  "biasInitializer",
  "kernelRegularizer",
  "recurrentRegularizer",
  "biasRegularizer",
  "dropout",
  "inputShape",
  "inputVocabulary",
  "name",
  "trainable",
];

function checkRecurrentActivation(where: string, name: unknown): RecurrentActivation {
  if (name === undefined) return "tanh";
  if ((RECURRENT_ACTIVATIONS as readonly unknown[]).includes(name)) return name as RecurrentActivation;
  throw new InputError(
    `${where}: activation must be one of ${RECURRENT_ACTIVATIONS.join(", ")}; got ${show(name)}. ` +
      "Others can follow as a layer: activation(…).",
  );
}

/** A whole number of classes, or null. @throws InputError also where the other options leave no sense to it */
function checkVocabulary(where: string, { inputVocabulary, inputShape, dropout = 0 }: SimpleRNNOptions): number | null {
  if (inputVocabulary === undefined) return null;
  const vocabulary = checkCount(where, "inputVocabulary", inputVocabulary);
  // 2³² distinct indices are what is stored.
  if (vocabulary > 2 ** 32) throw new InputError(`${where}: inputVocabulary must be at most 2^32; got ${vocabulary}.`);
  if (!Array.isArray(inputShape) || inputShape.length !== 1) {
    throw new InputError(
      `${where}: with inputVocabulary, inputShape must be [steps]: one whole number a step; got ` +
        `${show(inputShape)}. Declare inputShape: [steps], or leave out inputVocabulary.`,
    );
  }
  if (dropout > 0) {
    throw new InputError(
      `${where}: dropout sets input features to 0, but with inputVocabulary there are none; got ` +
        `dropout ${show(dropout)}. Put a dropout layer behind this one.`,
    );
  }
  return vocabulary;
}

/** What all recurrent layers are, but for their type and what gates add. @throws InputError on what cannot be */
export function declareRecurrent(where: string, units: number, options: SimpleRNNOptions): Omit<SimpleRNNLayer, "type"> {
  const inputVocabulary = checkVocabulary(where, options);
  return {
    units,
    activation: checkRecurrentActivation(where, options.activation),
    returnSequences: checkFlag(where, "returnSequences", options.returnSequences, false),
    stateful: checkFlag(where, "stateful", options.stateful, false),
    useBias: checkFlag(where, "useBias", options.useBias, true),
    inputShape: inputVocabulary === null ? checkInputShape(where, options.inputShape) : checkSteps(where, options.inputShape),
    inputVocabulary,
    kernelInitializer: checkInitializer(where, options.kernelInitializer, "glorotUniform"),
    recurrentInitializer: checkInitializer(where, options.recurrentInitializer, "orthogonal"),
    biasInitializer: checkInitializer(where, options.biasInitializer, "zeros", "biasInitializer"),
    kernelRegularizer: checkRegularizer(where, options.kernelRegularizer),
    recurrentRegularizer: checkRegularizer(where, options.recurrentRegularizer),
    biasRegularizer: checkRegularizer(where, options.biasRegularizer),
    dropout: checkFloat32(where, "dropout", options.dropout ?? 0, "[0, 1)"),
    name: checkName(where, options.name),
    ...checkTrainable(where, options.trainable),
  };
}

/**
 * A recurrent layer: h(t) = σ(x(t)·U + h(t−1)·W + b), h(−1) = 0, with U (features, units), W (units, units) and b (units),
 * the same for all steps (Elman, "Finding Structure in Time", 1990). Its gradient is that of all steps, by backpropagation
 * through time (Werbos 1990).
 * @throws InputError on zero units, an unknown activation, initializer, regularizer or option, a rate outside [0, 1)
 */
export function simpleRNN(options: SimpleRNNOptions): SimpleRNNLayer {
  options = checkOptions("simpleRNN()", options, RECURRENT_OPTIONS);
  const units = checkCount("simpleRNN()", "units", options.units);
  return Object.freeze({
    [APPEND]: appendSimple,
    type: "simpleRNN",
    ...declareRecurrent(`simpleRNN({ units: ${units} })`, units, options),
  });
}

const checkSteps = (where: string, shape: readonly number[] | undefined): readonly number[] =>
  Object.freeze([checkCount(where, "inputShape[0]", shape?.[0])]);

/** What a recurrent layer adds to the network around its recurrence. */
interface Recurrence {
  /** Keras' prefix of the weights' names. */
  readonly prefix: string;
  /** Matrices of `units` columns that lie side by side in U and in W. */
  readonly blocks: number;
  readonly bias: (name: string, symbol: string) => Parameter | null;
  /** What of the recurrent stage is the layer's own. */
  readonly stage: (name: string, number: number) => Partial<Extract<NetworkLayer, { type: "recurrent" }>>;
}

/** Appends x·U + b of all steps, the recurrence, and the choice of the last step. */
export function appendRecurrent(to: Resolver, layer: RecurrentLayer, where: string, { prefix, blocks, bias, stage }: Recurrence): void {
  const { type, units, activation, stateful, inputVocabulary } = layer;
  if (to.steps === null) {
    throw new InputError(
      `${where} takes a sequence, but ${to.width} features without steps reach it. ` +
        (to.stages.length === 0
          ? "Declare inputShape: [steps, features], or [steps] with inputVocabulary."
          : "Declare inputShape: [steps, features] in the first layer, and returnSequences: true in a recurrent layer before this one."),
    );
  }
  const name = to.nextName(prefix, layer.name, where),
    number = to.numbered;
  if (layer.dropout > 0) to.push({ type: "dropout", rate: layer.dropout, held: to.steps });
  const fanIn = inputVocabulary ?? to.width;
  to.width = blocks * units;
  const kernel = to.parameter(`${name}/kernel`, `u${number}`, [fanIn, to.width], layer.kernelInitializer, layer.kernelRegularizer);
  const recurrent = to.parameter(
    `${name}/recurrent_kernel`,
    `w${number}`,
    [units, to.width],
    layer.recurrentInitializer,
    layer.recurrentRegularizer,
  );
  to.push({ type: "dense", layer: type, fanIn, kernel, bias: bias(name, `b${number}`), picks: inputVocabulary !== null });
  to.width = units;
  to.push({ type: "recurrent", activation, kernel: recurrent, stateful, ...stage(name, number) });
  to.lastActivation = activation;
  to.stateful ||= stateful;
  if (layer.returnSequences) return;
  to.steps = null;
  to.push({ type: "lastStep" });
}

const appendSimple: Append<SimpleRNNLayer> = (to, layer, where) =>
  appendRecurrent(to, layer, where, { prefix: "simple_rnn", blocks: 1, bias: (name) => to.bias(layer, name), stage: () => ({}) });
