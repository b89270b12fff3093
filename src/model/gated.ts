// Recurrent layers with gates as the user declares them: frozen plain values, and how they are appended to a network.
//   LSTM (Hochreiter, Schmidhuber 1997, with the forget gate of Gers, Schmidhuber, Cummins 2000), GRU (Cho et al. 2014); Keras' order of gates.

import { InputError } from "../errors.ts";
import { RECURRENT_ACTIVATIONS, type GateActivation } from "./activations.ts";
import { checkCount, checkFlag, checkOptions, show } from "./checks.ts";
import { APPEND, type Append } from "./network.ts";
import { appendRecurrent, declareRecurrent, RECURRENT_OPTIONS } from "./recurrent.ts";
import type { GRULayer, GRUOptions, LSTMLayer, LSTMOptions } from "./recurrent-types.ts";

const GATE_ACTIVATIONS: readonly GateActivation[] = [...RECURRENT_ACTIVATIONS, "hardSigmoid", "hardSigmoidKeras2"];

/** @throws InputError if it is none of those whose derivative follows from the value */
function checkGateActivation(where: string, name: unknown): GateActivation {
  if (name === undefined) return "sigmoid";
  if ((GATE_ACTIVATIONS as readonly unknown[]).includes(name)) return name as GateActivation;
  throw new InputError(`${where}: recurrentActivation must be one of ${GATE_ACTIVATIONS.join(", ")}; got ${show(name)}.`);
}

/**
 * A long short-term memory. From a(t) = x(t)·U + h(t−1)·W + b, whose four quarters belong to i, f, g and o:
 *
 *     i, f, o = σ(a)   g = tanh(a)   c(t) = f ⊙ c(t−1) + i ⊙ g   h(t) = o ⊙ tanh(c(t))      h(−1) = c(−1) = 0
 *
 * with U (features, 4·units), W (units, 4·units) and b (4·units), as Keras' LSTM has them (Hochreiter and Schmidhuber 1997; Gers et al. 2000). tanh is
 * `activation`, σ `recurrentActivation`. Its gradient is that of all steps, by backpropagation through time.
 * @throws InputError on zero units, an unknown activation, initializer, regularizer or option, a rate outside [0, 1)
 */
export function lstm(options: LSTMOptions): LSTMLayer {
  options = checkOptions("lstm()", options, [...RECURRENT_OPTIONS, "recurrentActivation", "unitForgetBias"]);
  const units = checkCount("lstm()", "units", options.units),
    where = `lstm({ units: ${units} })`;
  return Object.freeze({
    [APPEND]: appendLSTM,
    type: "lstm",
    ...declareRecurrent(where, units, options),
    recurrentActivation: checkGateActivation(where, options.recurrentActivation),
    unitForgetBias: checkFlag(where, "unitForgetBias", options.unitForgetBias, true),
  });
}

const appendLSTM: Append<LSTMLayer> = (to, layer, where) => {
  const { units, useBias, unitForgetBias, recurrentActivation } = layer;
  appendRecurrent(to, layer, where, {
    prefix: "lstm",
    blocks: 4,
    bias: (name, symbol) =>
      useBias
        ? to.parameter(
            `${name}/bias`,
            symbol,
            [4 * units],
            layer.biasInitializer,
            layer.biasRegularizer,
            unitForgetBias ? { units: [units, 2 * units] } : {},
          )
        : null,
    stage: () => ({ gates: { cell: "lstm", activation: recurrentActivation } }),
  });
};

/**
 * A gated recurrent unit. From a(t) = x(t)·U + b and q(t) = h(t−1)·W + recurrent_bias, whose three thirds belong to z, r and g:
 *
 *     z, r = σ(a + q)   g = tanh(a + r ⊙ q)   h(t) = z ⊙ h(t−1) + (1 − z) ⊙ g      h(−1) = 0
 *
 * with U (features, 3·units), W (units, 3·units) and two biases (3·units), as Keras' GRU has them with its default, reset_after: true (Cho et al. 2014, in
 * the form of cuDNN). tanh is `activation`, σ `recurrentActivation`. Its gradient is that of all steps, by backpropagation through time.
 * @throws InputError on zero units, an unknown activation, initializer, regularizer or option, a rate outside [0, 1), resetAfter: false
 */
export function gru(options: GRUOptions): GRULayer {
  options = checkOptions("gru()", options, [...RECURRENT_OPTIONS, "recurrentActivation", "resetAfter"]);
  const units = checkCount("gru()", "units", options.units),
    where = `gru({ units: ${units} })`,
    resetAfter: unknown = options.resetAfter ?? true;
  if (resetAfter !== true) {
    throw new InputError(
      `${where}: resetAfter must be true, Keras' default: the form with r ⊙ h(t−1) before the product is not there; got ${show(resetAfter)}. ` +
        "Leave it out, or use lstm().",
    );
  }
  return Object.freeze({
    [APPEND]: appendGRU,
    type: "gru",
    ...declareRecurrent(where, units, options),
    recurrentActivation: checkGateActivation(where, options.recurrentActivation),
    resetAfter,
  });
}

const appendGRU: Append<GRULayer> = (to, layer, where) => {
  const { units, useBias, recurrentActivation, biasInitializer, biasRegularizer } = layer;
  const bias = (name: string, symbol: string) =>
    useBias ? to.parameter(name, symbol, [3 * units], biasInitializer, biasRegularizer) : null;
  appendRecurrent(to, layer, where, {
    prefix: "gru",
    blocks: 3,
    bias: (name, symbol) => bias(`${name}/bias`, symbol),
    stage: (name, number) => ({
      gates: { cell: "gru", activation: recurrentActivation },
      recurrentBias: bias(`${name}/recurrent_bias`, `rb${number}`),
    }),
  });
};
