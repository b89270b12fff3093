// The declared layers as one checked network: widths resolved, weights named. Plain frozen values, no mathematics.

import { InputError } from "../errors.ts";
import { RandomSequence, STREAM } from "../random.ts";
import type { ActivationName } from "./activations.ts";
import { show } from "./checks.ts";
import { initialize, type Initializer } from "./initializers.ts";
import type { Layer } from "./layers.ts";
import { checkLossFits, toLoss, toMetric, type Loss, type MetricName } from "./losses.ts";
import { toOptimizer, type Optimizer } from "./optimizers.ts";
import type { Regularizer } from "./regularizers.ts";

/** A trainable tensor: kernel (fanIn, fanOut) or bias (fanOut). */
export interface Parameter {
  /** What the user sees: "dense/kernel". */
  readonly name: string;
  /** What the graph calls it: "w1" or "b1". */
  readonly symbol: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  readonly regularizer: Regularizer | null;
}

/** One stage of the network; `width` is the number of features that leave it. */
export type Stage =
  | { readonly type: "dense"; readonly fanIn: number; readonly width: number; readonly kernel: Parameter;
      readonly bias: Parameter | null }
  | { readonly type: "activation"; readonly width: number; readonly activation: Exclude<ActivationName, "linear"> }
  | { readonly type: "dropout"; readonly width: number; readonly rate: number };

export interface Network {
  readonly inputWidth: number;
  readonly outputWidth: number;
  readonly lastActivation: ActivationName;
  readonly stages: readonly Stage[];
  readonly parameters: readonly Parameter[];
  readonly seed: number;
}

/** What compile() adds to the network, checked. */
export interface Recipe {
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  readonly metrics: readonly MetricName[];
}

export const elementsOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** @throws InputError if it is no whole number from 0 to 2^53−1 */
export function checkSeed(seed: unknown): number {
  if (typeof seed !== "number" || !Number.isSafeInteger(seed) || seed < 0) {
    throw new InputError(`sequential(): seed must be a whole number from 0 to 2^53−1; got ${show(seed)}.`);
  }
  return seed;
}

const isLayer = (value: unknown): boolean => typeof value === "object" && value !== null && "type" in value &&
  ["dense", "dropout", "activation"].includes(value.type as string);

/** @throws InputError if something among the layers is none */
export function checkLayers(layers: unknown): void {
  if (!Array.isArray(layers)) throw new InputError(`sequential(): layers must be an array; got ${show(layers)}.`);
  const bad = layers.findIndex((layer) => !isLayer(layer));
  if (bad >= 0) {
    throw new InputError(`sequential(): layer ${bad} must be the value of dense(), dropout() or activation(); ` +
      `got ${show(layers[bad])}.`);
  }
}

/** Resolves widths from layer to layer and names the weights. @throws InputError where layers do not fit */
export function resolveNetwork(layers: readonly Layer[], seed: number): Network {
  checkLayers(layers);
  if (layers.length === 0 || !layers.some((layer) => layer.type === "dense")) {
    throw new InputError("sequential(): layers must hold at least one dense layer; got " +
      `${layers.length === 0 ? "none" : layers.map((l) => l.type).join(", ")}.`);
  }
  const inputShape = layers[0].inputShape;
  if (inputShape === null) {
    throw new InputError(`sequential(): the first layer (${layers[0].type}) must say what comes in. ` +
      "Declare inputShape: [features].");
  }
  const stages: Stage[] = [];
  const parameters: Parameter[] = [];
  const names = new Set<string>();
  let width = inputShape[0];
  let lastActivation: ActivationName = "linear";
  layers.forEach((layer, index) => {
    const where = `sequential(): layer ${index} (${layer.type})`;
    if (layer.inputShape !== null && layer.inputShape[0] !== width) {
      throw new InputError(`${where} declares inputShape [${layer.inputShape[0]}] but ${width} features reach it. ` +
        "Leave inputShape out of all layers but the first.");
    }
    if (lastActivation === "softmax") {
      throw new InputError(`${where} comes after a softmax, which must be the last layer. Move the softmax to the end.`);
    }
    if (layer.type === "dropout") {
      stages.push({ type: "dropout", width, rate: layer.rate });
      return;
    }
    if (layer.type === "dense") {
      const number = stages.filter((stage) => stage.type === "dense").length + 1;
      const name = layer.name ?? (number === 1 ? "dense" : `dense_${number - 1}`);
      if (names.has(name)) throw new InputError(`${where}: the name "${name}" is taken. Give each layer its own name.`);
      names.add(name);
      const fanIn = width;
      width = layer.units;
      const kernel: Parameter = { name: `${name}/kernel`, symbol: `w${number}`, shape: [fanIn, width],
        initializer: layer.kernelInitializer, regularizer: layer.kernelRegularizer };
      const bias: Parameter | null = layer.useBias ? { name: `${name}/bias`, symbol: `b${number}`, shape: [width],
        initializer: layer.biasInitializer, regularizer: layer.biasRegularizer } : null;
      parameters.push(kernel, ...(bias ? [bias] : []));
      stages.push({ type: "dense", fanIn, width, kernel, bias });
      lastActivation = "linear";
    }
    if (layer.activation !== "linear") {
      stages.push({ type: "activation", width, activation: layer.activation });
      lastActivation = layer.activation;
    }
  });
  if (stages.at(-1)?.type === "dropout") {
    throw new InputError("sequential(): dropout must not be the last layer: it would drop the answers themselves.");
  }
  return Object.freeze({
    inputWidth: inputShape[0], outputWidth: width, lastActivation, stages, parameters, seed: checkSeed(seed),
  });
}

/** Checks what compile() was given against the network. */
export function resolveRecipe(
  network: Network, given: { optimizer: unknown; loss: unknown; metrics?: readonly unknown[] },
): Recipe {
  const loss = toLoss(given.loss);
  checkLossFits(loss, network.lastActivation, network.outputWidth);
  if (given.metrics !== undefined && !Array.isArray(given.metrics)) {
    throw new InputError(`compile(): metrics must be an array, for example ["accuracy"]; got ${show(given.metrics)}.`);
  }
  const metrics = (given.metrics ?? []).map((metric) => toMetric(metric, loss));
  if (new Set(metrics).size !== metrics.length) {
    throw new InputError(`compile(): metrics holds one entry twice: ${metrics.join(", ")}. Name each once.`);
  }
  return Object.freeze({ optimizer: toOptimizer(given.optimizer), loss, metrics });
}

/** The initial weights, decided by the seed alone: one random stream for each tensor. */
export function initialParameters(network: Network): Map<string, Float32Array<ArrayBuffer>> {
  return new Map(network.parameters.map((parameter, index) => {
    const { shape, initializer, symbol } = parameter;
    // A bias has the fans of Keras: both its length.
    const [fanIn, fanOut] = shape.length === 2 ? shape : [shape[0], shape[0]];
    const random = new RandomSequence(network.seed, STREAM.initialization, index);
    return [symbol, initialize(initializer, elementsOf(shape), fanIn, fanOut, random)];
  }));
}
