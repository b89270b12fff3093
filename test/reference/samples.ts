// Small graphs, numbers and data for the tests of the reference.

import { buildGraph } from "../../src/graph/build.ts";
import * as normalization from "../../src/graph/normalization.ts";
import * as recurrent from "../../src/graph/recurrent.ts";
import type { Graph, Op, StepScalars, Tensor } from "../../src/graph/types.ts";
import type { Layer } from "../../src/model/layers.ts";
import { takesLabels, type Loss } from "../../src/model/losses.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { optimizerStates, ratesAt } from "../../src/model/optimizers.ts";
import { RandomSequence, STREAM } from "../../src/random.ts";

/** What graphs of all networks are built with. */
const sequences = { ...recurrent, ...normalization };

export const randomFor = (seed: number, a = 0): RandomSequence => new RandomSequence(seed, STREAM.data, a);

export const normals = (n: number, random: RandomSequence, scale = 1): Float64Array =>
  Float64Array.from({ length: n }, () => random.normal() * scale);

/** A graph of one step between tensors of the given shapes. */
export function oneStep(op: Op, shapes: Record<string, readonly [Tensor["rows"], number]>, seed = 5): Graph {
  const tensors = new Map(
    Object.entries(shapes).map(([name, [rows, cols]]): [string, Tensor] => [name, { name, role: "intermediate", rows, cols }]),
  );
  return { purpose: "train", tensors, ops: [op], output: op.outputs[0], seed };
}

export interface Sample {
  readonly graph: Graph;
  /** All that a graph is given: data, order, parameters, optimizer states. */
  readonly values: Map<string, ArrayLike<number>>;
  readonly scalars: StepScalars;
}

interface SampleOptions {
  layers: readonly Layer[];
  loss: Loss["name"] | Loss;
  optimizer?: unknown;
  metrics?: readonly string[];
  rows?: number;
  seed?: number;
  step?: number;
  /** Sequences are padded: lengths from 1 to all of their steps. */
  masked?: boolean;
  /** Rows have sample weights, some of them 0. */
  weighted?: boolean;
  /** Stateful layers go on from random states. */
  carried?: boolean;
}

/** Targets that suit the loss: labels, probabilities of a row, or any numbers. */
function targets(loss: Loss, rows: number, width: number, random: RandomSequence): ArrayLike<number> {
  if (takesLabels(loss)) return Uint32Array.from({ length: rows }, () => random.below(width));
  if (loss.name === "binaryCrossentropy") return Float32Array.from({ length: rows * width }, () => random.below(2));
  if (loss.name !== "categoricalCrossentropy") return Float32Array.from(normals(rows * width, random));
  const out = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) out[row * width + random.below(width)] = 1;
  return out;
}

/** A training graph with random data and random parameters: biases too, so that no z lies on a kink. */
export function sample(options: SampleOptions): Sample {
  const {
    layers,
    loss,
    optimizer = "sgd",
    metrics = [],
    rows = 5,
    seed = 1,
    step = 0,
    masked = false,
    weighted = false,
    carried = false,
  } = options;
  const network = resolveNetwork(layers, seed);
  const recipe = resolveRecipe(network, { optimizer, loss, metrics });
  const random = randomFor(seed);
  const states = optimizerStates(recipe.optimizer);
  const stored = rows + 3;
  const values = new Map<string, ArrayLike<number>>([
    [
      "data_x",
      network.vocabulary === null
        ? Float32Array.from(normals(stored * network.inputSteps * network.inputWidth, random))
        : Uint32Array.from({ length: stored * network.inputSteps }, () => random.below(network.vocabulary ?? 0)),
    ],
    ["data_y", targets(recipe.loss, stored * network.outputSteps, network.outputWidth, random)],
    ["order", random.permutation(stored)],
  ]);
  for (const { symbol, shape, frozen } of network.parameters) {
    const elements = shape.reduce((product, n) => product * n, 1);
    const scale = shape.length === 2 ? 1 / Math.sqrt(shape[0]) : 0.3;
    // Variances are not negative.
    values.set(
      symbol,
      Float32Array.from(normals(elements, random, scale), (value) => (symbol.includes("variance") ? Math.abs(value) : value)),
    );
    if (frozen) continue;
    for (const { name, initial } of states) values.set(`${name}_${symbol}`, new Float32Array(elements).fill(initial));
  }
  if (masked)
    values.set(
      "data_lengths",
      Uint32Array.from({ length: stored }, () => 1 + random.below(network.inputSteps)),
    );
  if (weighted)
    values.set(
      "data_sample_weights",
      Float32Array.from({ length: stored * network.outputSteps }, (_, i) => (i % 4 === 1 ? 0 : 0.1 + random.below(1000) / 400)),
    );
  const scalars = { rows, offset: 2, step, fresh: !carried, ...ratesAt(recipe.optimizer, step) };
  const format = {
    type: network.vocabulary === null ? "float32" : "uint32",
    scale: 1,
    masked,
    ...(weighted ? { weighted: "always" as const } : {}),
  } as const;
  const graph = buildGraph(network, recipe, "train", format, sequences);
  for (const { name, role, cols } of graph.tensors.values()) {
    if (role === "carried") values.set(name, Float32Array.from(normals(rows * cols, random, 0.5)));
  }
  return { graph, values, scalars };
}
