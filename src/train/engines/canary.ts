// Whether a GPU computes what it should: one training step of small networks, whose weights after the step are known from float64,
// by every form of product that the network at hand may use. Drivers are known that compute wrong gradients in silence
// (TensorFlow.js #8590: all zero, on some phones), so that a GPU is trusted by backend "auto" only after this.

import { buildGraph } from "../../graph/build.ts";
import type { StepScalars } from "../../graph/types.ts";
import { dense, type Layer } from "../../model/layers.ts";
import { APPEND, elementsOf, resolveNetwork, resolveRecipe, type Network, type Resolver } from "../../model/network.ts";
import { ratesAt } from "../../model/optimizers.ts";
import type { SimpleRNNLayer } from "../../model/recurrent-types.ts";
import { COMMON_FORMULAS } from "../../schedule/formulas.ts";
import { MAX_PERSISTENT_WEIGHTS } from "../../schedule/launch.ts";
import { Plan, type PlanOptions } from "../../schedule/plan.ts";
import { blocksFor, directForGpu, GPU_TILES } from "../../schedule/tiles.ts";
import type { Choices, ProductSite } from "../../schedule/tuning.ts";
import { ownOrder, type Backend, type Floats } from "../backend/backend.ts";
import type { Dataset } from "../data/data.ts";
import { formulasOfSums, loadExtras, planExtras, type Extras } from "../compiled/extras.ts";

/** One number for each weight tensor after the step, and the loss before it. */
export interface SpecimenResult {
  readonly loss: number;
  readonly weights: readonly number[];
}

/**
 * How the products of a specimen are computed: cut as its plan cuts them; in the largest tiles that a lane takes; staged in workgroup
 * memory; or all in one kernel that stays on the device.
 */
export type Way = "planned" | "tiles" | "blocks" | "persistent";

export interface Specimen {
  readonly name: string;
  readonly layers: () => readonly Layer[];
  readonly loss: "sparseCategoricalCrossentropy" | "meanSquaredError";
  readonly rows: number;
  /** Each of them is tried. */
  readonly ways: readonly Way[];
  /** Whether a network may come to use what this specimen shows. */
  readonly serves: (network: Network) => boolean;
  /** In float64, by the reference. */
  readonly answer: SpecimenResult;
}

const stack = (widths: readonly number[], activation: "relu" | "tanh", last: "softmax" | "linear") => (): Layer[] =>
  widths.slice(1).map((units, i) =>
    dense({
      units,
      activation: i === widths.length - 2 ? last : activation,
      inputShape: i === 0 ? [widths[0]] : undefined,
    }),
  );

const weightsOf = ({ parameters }: Network): number => parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);

/** Stages and weights as of simpleRNN(). Written out: a page that has no recurrent layer does not load what is behind that function. */
function appendRecurrent(to: Resolver, layer: Layer): void {
  const { units, kernelInitializer: zeros } = layer as SimpleRNNLayer,
    name = to.nextName("simple_rnn", null, ""),
    fanIn = to.width;
  to.width = units;
  const kernel = to.parameter(`${name}/kernel`, `u${to.numbered}`, [fanIn, units], zeros, null);
  const recurrentKernel = to.parameter(`${name}/recurrent_kernel`, `w${to.numbered}`, [units, units], zeros, null);
  to.push({ type: "dense", layer: "simpleRNN", fanIn, kernel, bias: to.bias(layer as SimpleRNNLayer, name), picks: false });
  to.push({ type: "recurrent", activation: "tanh", kernel: recurrentKernel, stateful: false });
  to.lastActivation = "tanh";
}

/** As simpleRNN() declares it. */
const recurrent = (units: number, inputShape: readonly number[]): SimpleRNNLayer => {
  const initializer = dense({ units, kernelInitializer: "zeros" }).kernelInitializer;
  return {
    ...{ [APPEND]: appendRecurrent },
    type: "simpleRNN",
    units,
    inputShape,
    activation: "tanh",
    returnSequences: true,
    stateful: false,
    useBias: true,
    inputVocabulary: null,
    dropout: 0,
    kernelInitializer: initializer,
    recurrentInitializer: initializer,
    biasInitializer: initializer,
    kernelRegularizer: null,
    recurrentRegularizer: null,
    biasRegularizer: null,
    name: null,
  };
};

/**
 * Few sizes are multiples of a tile, so that tiles are cut. The first is computed by row programs, its gradients by products over the
 * grid. The second has two matrices too large for row programs, so all three forms of products over the grid. The third goes through time.
 */
export const SPECIMENS: readonly Specimen[] = [
  {
    name: "a classifier (7-19-5, relu, softmax)",
    layers: stack([7, 19, 5], "relu", "softmax"),
    loss: "sparseCategoricalCrossentropy",
    rows: 9,
    ways: ["planned"],
    serves: () => true,
    answer: { loss: 1.7266108752278644, weights: [1.834341361588483, 4.779500161964217, 0.3108850768868978, -1.0713343895731446] },
  },
  {
    name: "a regression (70-260-67-3, tanh)",
    layers: stack([70, 260, 67, 3], "tanh", "linear"),
    loss: "meanSquaredError",
    rows: 70,
    ways: ["planned", "tiles", "blocks"],
    serves: () => true,
    answer: {
      loss: 2.985242932360234,
      weights: [-0.22971006269867056, 3.2504857217757444, -27.06099067817582, 5.641536597710535, 34.74101963347243, -7.854654680366415],
    },
  },
  {
    name: "a recurrent network (5-9-3 over 4 steps, tanh, softmax)",
    layers: () => [recurrent(9, [4, 5]), dense({ units: 3, activation: "softmax" })],
    loss: "sparseCategoricalCrossentropy",
    rows: 6,
    ways: ["planned"],
    serves: ({ sequences }) => sequences,
    answer: {
      loss: 1.1476200996955401,
      weights: [-1.9134511914923786, 2.5631257199323354, 0.21421811599743146, -0.9614647834847285, -2.0042507307259596],
    },
  },
  {
    name: "a tiny classifier (5-11-4, tanh, softmax)",
    layers: stack([5, 11, 4], "tanh", "softmax"),
    loss: "sparseCategoricalCrossentropy",
    rows: 9,
    ways: ["persistent"],
    serves: (network) => !network.sequences && weightsOf(network) <= MAX_PERSISTENT_WEIGHTS,
    answer: { loss: 1.5743860683830913, weights: [1.891807493034721, 1.9517276604345497, 3.885445472621959, -0.24938827398172467] },
  },
];

const LEARNING_RATE = 4;
/** Of the loss, and of the sizes of the numbers in a fingerprint: some twenty times what rounding may do, less than a hundredth of any gradient. */
const LOSS_TOLERANCE = 1e-4,
  TOLERANCE = 1e-6;

/** Numbers in ±½ that look like noise and are the same everywhere. */
const noise = (length: number, seed: number): Floats =>
  Float32Array.from({ length }, (_, i) => ((i * 7919 + seed * 104729) % 1009) / 1009 - 0.5);

const networkOf = ({ layers }: Specimen): Network => resolveNetwork([...layers()], 1);

/** What a specimen is trained on: graph, weights and data. @param extras for one that is recurrent */
export function prepareSpecimen(specimen: Specimen, extras?: Extras) {
  const network = networkOf(specimen),
    { rows, loss } = specimen,
    { inputWidth, inputSteps, outputWidth, outputSteps } = network;
  const recipe = resolveRecipe(network, { optimizer: { name: "sgd", learningRate: LEARNING_RATE }, loss });
  const values = new Map(network.parameters.map(({ symbol, shape }, i) => [symbol, noise(elementsOf(shape), i + 1)]));
  const x = noise(rows * inputSteps * inputWidth, 11),
    answers = rows * outputSteps;
  const y =
    loss === "sparseCategoricalCrossentropy"
      ? Uint32Array.from({ length: answers }, (_, i) => i % outputWidth)
      : noise(answers * outputWidth, 12);
  const format = { type: "float32", scale: 1 } as const,
    dataset: Dataset = { rows, format, x, y };
  const step: StepScalars = { rows, offset: 0, step: 0, ...ratesAt(recipe.optimizer, 0) };
  return { graph: buildGraph(network, recipe, "train", format, extras?.recurrent?.graph), values, dataset, step };
}

/** The factor of number i in a fingerprint: from −3.5 to 3.5, never 0. */
const factorAt = (i: number): number => (i % 8) - 3.5;

/** Σ of a tensor's numbers, each with a factor of its own. */
export const fingerprint = (numbers: ArrayLike<number>): number =>
  Array.from(numbers).reduce((sum, value, i) => sum + value * factorAt(i), 0);

/** Σ of the sizes of what a fingerprint adds. */
export const sizeOf = (numbers: ArrayLike<number>): number =>
  Array.from(numbers).reduce((sum, value, i) => sum + Math.abs(value * factorAt(i)), 0);

/** Whether what was computed is the answer. NaN is not. */
export function agrees({ loss, weights }: SpecimenResult, computed: SpecimenResult, sizes: readonly number[]): boolean {
  return (
    Math.abs(loss - computed.loss) <= LOSS_TOLERANCE * loss &&
    weights.every((value, i) => Math.abs(value - computed.weights[i]) <= TOLERANCE * sizes[i])
  );
}

/** The cut of a product that shows this way; undefined if the device has none. */
function cutFor(way: Way, { shape, product: { n, limits } }: ProductSite) {
  if (limits.kind === "software") return way === "blocks" ? undefined : shape;
  const [[tileRows, tileCols]] = GPU_TILES;
  return way === "blocks" ? blocksFor(limits).at(0) : directForGpu(tileRows, tileCols, 1, n, limits.lanes);
}

/** The plan of a specimen, its products computed this way; null where the device has no such way. */
function planFor(way: Way, planWith: (options: Partial<PlanOptions>) => Plan, { persistent }: Extras): Plan | null {
  if (way === "persistent") {
    const plan = persistent ? planWith({ writePersistent: persistent.writePersistent }) : null;
    return plan?.persistent ? plan : null;
  }
  const plan = planWith({});
  if (way === "planned") return plan;
  const choices: Choices = new Map(
    plan.products.flatMap(({ site }) => {
      const cut = cutFor(way, site);
      return cut ? [[site.key, cut] as const] : [];
    }),
  );
  return choices.size > 0 ? planWith({ choices }) : null;
}

/** One step of a specimen on the backend, one way; null where the device has no such way. */
async function compute(
  backend: Backend,
  specimen: Specimen,
  way: Way,
): Promise<{ readonly answer: SpecimenResult; readonly sizes: number[] } | null> {
  const network = networkOf(specimen),
    blocks = await formulasOfSums(network, undefined, specimen.rows, backend, true);
  const extras = await loadExtras(network, backend, { formulas: { ...COMMON_FORMULAS, ...blocks } });
  const { graph, values, dataset, step } = prepareSpecimen(specimen, extras),
    { maxBuffers, maxBytes, persistentBytes, planAdapter: adapter } = backend;
  await backend.write(values);
  const plan = planFor(
    way,
    (options) =>
      new Plan(graph, {
        batch: dataset.rows,
        maxBuffers,
        maxBytes,
        persistentBytes,
        adapter,
        weights: backend.places,
        program: backend.program,
        ...planExtras({ ...extras, persistent: undefined }),
        ...options,
      }),
    extras,
  );
  if (!plan) return null;
  const data = await backend.upload(dataset, 1);
  try {
    data.setOrder(ownOrder(dataset.rows), 0);
    const runner = await backend.prepare(plan, data);
    let loss = NaN;
    await runner.run([step], (_, __, results) => {
      loss = results[0];
    });
    const after = await backend.read([...values.keys()]),
      tensors = [...values.keys()].map((name) => after.get(name)!);
    runner.dispose();
    return { answer: { loss, weights: tensors.map(fingerprint) }, sizes: tensors.map(sizeOf) };
  } finally {
    data.dispose();
  }
}

const WAYS: Readonly<Record<Way, string>> = {
  planned: "",
  tiles: ", products in tiles",
  blocks: ", products in blocks",
  persistent: ", in one kernel",
};

/** What is tried for a network: a specimen and a way, by the name that a warning gives it. */
export const trialsFor = (network: Network) =>
  SPECIMENS.filter(({ serves }) => serves(network)).flatMap((specimen) =>
    specimen.ways.map((way) => ({ name: specimen.name + WAYS[way], specimen, way })),
  );

/**
 * Makes the trials one after the other. @param open a backend of its own for each, on the device in question
 * @returns the name of the first that came out wrong, null if none did
 */
export async function firstWrong(trials: ReturnType<typeof trialsFor>, open: () => Promise<Backend>): Promise<string | null> {
  for (const { name, specimen, way } of trials) {
    const backend = await open();
    try {
      const computed = await compute(backend, specimen, way);
      if (computed && !agrees(specimen.answer, computed.answer, computed.sizes)) return name;
    } finally {
      backend.dispose();
    }
  }
  return null;
}
