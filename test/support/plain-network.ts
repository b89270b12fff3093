// Backpropagation by plain loops over single neurons, in float64, one example at a time: the second opinion for the worked
// cases. It shares nothing with src. Notation of Nielsen, ch. 2: w[j][k] goes from neuron k to neuron j, so kernels of the
// library, (fan-in, fan-out), are the transpose.

import type { Weight } from "../../src/index.ts";

export type Activation = "linear" | "sigmoid" | "tanh";

export interface PlainLayer {
  readonly w: number[][];
  readonly b: number[] | null;
  readonly f: Activation;
}

const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

const VALUE: Record<Activation, (z: number) => number> = { linear: (z) => z, sigmoid, tanh: Math.tanh };
const SLOPE: Record<Activation, (z: number) => number> = {
  linear: () => 1,
  sigmoid: (z) => sigmoid(z) * (1 - sigmoid(z)),
  tanh: (z) => 1 / Math.cosh(z) ** 2,
};

/** C and ∂C/∂a of one output. */
export interface PlainCost {
  readonly value: (a: number, y: number) => number;
  readonly slope: (a: number, y: number) => number;
}
export const HALF_SQUARED: PlainCost = { value: (a, y) => (a - y) ** 2 / 2, slope: (a, y) => a - y };
export const CROSS_ENTROPY: PlainCost = {
  value: (a, y) => -y * Math.log(a) - (1 - y) * Math.log(1 - a),
  slope: (a, y) => (a - y) / (a * (1 - a)),
};

/** Layers from the library's weights, transposed. */
export function plainLayers(weights: readonly Weight[], activations: readonly Activation[]): PlainLayer[] {
  const kernels = weights.filter(({ shape }) => shape.length === 2);
  return kernels.map((kernel, l) => {
    const [fanIn, fanOut] = kernel.shape;
    const next = weights[weights.indexOf(kernel) + 1];
    const w: number[][] = [];
    for (let j = 0; j < fanOut; j++) {
      w.push([]);
      for (let k = 0; k < fanIn; k++) w[j].push(kernel.data[k * fanOut + j]);
    }
    return { w, b: next?.shape.length === 1 ? [...next.data] : null, f: activations[l] };
  });
}

/** The numbers of layers in the library's order and layout. */
export function flattened(layers: readonly Pick<PlainLayer, "w" | "b">[]): number[][] {
  return layers.flatMap(({ w, b }) => {
    const kernel: number[] = [];
    for (let k = 0; k < w[0].length; k++) for (let j = 0; j < w.length; j++) kernel.push(w[j][k]);
    return b ? [kernel, [...b]] : [kernel];
  });
}

/** z and a layer by layer; a[0] is the example itself. */
export function feedForward(layers: readonly PlainLayer[], x: readonly number[]) {
  const z: number[][] = [],
    a: number[][] = [[...x]];
  for (const { w, b, f } of layers) {
    const previous = a[a.length - 1];
    const weighted: number[] = [];
    for (let j = 0; j < w.length; j++) {
      let sum = b ? b[j] : 0;
      for (let k = 0; k < previous.length; k++) sum += w[j][k] * previous[k];
      weighted.push(sum);
    }
    z.push(weighted);
    a.push(weighted.map(VALUE[f]));
  }
  return { z, a };
}

export function costOf(layers: readonly PlainLayer[], x: readonly number[], y: readonly number[], cost: PlainCost): number {
  const { a } = feedForward(layers, x);
  let sum = 0;
  for (let j = 0; j < y.length; j++) sum += cost.value(a[a.length - 1][j], y[j]);
  return sum;
}

/** δ of every layer by BP1 and BP2, and what they follow from. */
export function errors(layers: readonly PlainLayer[], x: readonly number[], y: readonly number[], cost: PlainCost) {
  const { z, a } = feedForward(layers, x);
  const delta: number[][] = layers.map(() => []);
  const last = layers.length - 1;
  for (let j = 0; j < y.length; j++) delta[last][j] = cost.slope(a[last + 1][j], y[j]) * SLOPE[layers[last].f](z[last][j]);
  for (let l = last - 1; l >= 0; l--) {
    for (let k = 0; k < z[l].length; k++) {
      let sum = 0;
      for (let j = 0; j < delta[l + 1].length; j++) sum += layers[l + 1].w[j][k] * delta[l + 1][j];
      delta[l][k] = sum * SLOPE[layers[l].f](z[l][k]);
    }
  }
  return { z, a, delta };
}

export interface Example {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** The gradient averaged over examples (BP3, BP4), in the library's order and layout. */
export function meanGradient(layers: readonly PlainLayer[], examples: readonly Example[], cost: PlainCost): number[][] {
  const sums = layers.map(({ w, b }) => ({ w: w.map((row) => row.map(() => 0)), b: b && b.map(() => 0) }));
  for (const { x, y } of examples) {
    const { a, delta } = errors(layers, x, y, cost);
    sums.forEach(({ w, b }, l) => {
      for (let j = 0; j < w.length; j++) {
        if (b) b[j] += delta[l][j] / examples.length;
        for (let k = 0; k < w[j].length; k++) w[j][k] += (a[l][k] * delta[l][j]) / examples.length;
      }
    });
  }
  return flattened(sums);
}

/** One step of gradient descent on these examples: new layers, w − η·∂C/∂w. */
export function descend(layers: readonly PlainLayer[], examples: readonly Example[], cost: PlainCost, rate: number): PlainLayer[] {
  const gradients = meanGradient(layers, examples, cost);
  let next = 0;
  return layers.map(({ w, b, f }) => {
    const kernel = gradients[next++];
    const bias = b ? gradients[next++] : null;
    return {
      w: w.map((row, j) => row.map((weight, k) => weight - rate * kernel[k * w.length + j])),
      b: b && bias ? b.map((value, j) => value - rate * bias[j]) : null,
      f,
    };
  });
}
