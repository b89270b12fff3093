// The model that users hold: declare, compile, fit, evaluate, predict. Checks what it is given, then hands it to the loop.

import { InputError } from "../errors.ts";
import { buildGraph, FLOAT_FEATURES, type FeatureFormat } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { checkOptions } from "../model/checks.ts";
import { checkCount, type Layer } from "../model/layers.ts";
import {
  checkLayers, checkSeed, initialParameters, resolveNetwork, resolveRecipe, elementsOf, type Network, type Recipe,
} from "../model/network.ts";
import { optimizerStates, type Optimizer } from "../model/optimizers.ts";
import { checkGradients, type GradientReport } from "../reference/gradient-check.ts";
import { Plan } from "../schedule/plan.ts";
import { dataTensors, type Backend, type DeviceData, type Floats } from "./backend.ts";
import { miniBatches } from "./batches.ts";
import { inputDataset, labelledDataset, type Dataset, type Features, type Targets } from "./data.ts";
import { runEpochs, runEvaluation, uploadInOrder, type History, type Prepared, type Progress } from "./fit.ts";
import { checkFitOptions, splitRows, type FitOptions, type Logs } from "./fit-options.ts";
import { Lifecycle } from "./lifecycle.ts";
import { openBackend } from "./open-backend.ts";
import { OPTIONS, type CompileOptions, type DataOptions, type SequentialOptions, type VerifyOptions } from "./options.ts";
import { scoped, type Keep } from "./scope.ts";
import { summarize } from "./summary.ts";
import { verifySteps, type VerifyReport } from "./verify.ts";
import { fromWeights, toWeights, type GivenWeight, type Weight } from "./weights.ts";

const DEFAULT_BATCH = 32;
const EVALUATION_BATCH = 128;

/** Everything that compile() makes. */
interface Compiled {
  readonly recipe: Recipe;
  readonly backend: Backend;
  /** "loss" and the metrics, in the order in which steps leave them. */
  readonly names: readonly string[];
  readonly progress: Progress;
}

export class Sequential {
  readonly #layers: Layer[];
  readonly #seed: number;
  #network: Network | null = null;
  /** Weights until compile() moves them to a backend. */
  #weights: Map<string, Floats> | null = null;
  #compiled: Compiled | null = null;
  /** Settles when the last compile() is over, well or not. */
  #compiling: Promise<void> = Promise.resolve();
  #planBatch = DEFAULT_BATCH;
  readonly #life = new Lifecycle(() => {
    this.#compiled?.backend.dispose();
    this.#compiled = null;
  });

  /** @throws InputError if the layers do not fit together */
  constructor(options: SequentialOptions) {
    checkOptions("sequential()", options, OPTIONS.sequential);
    const { layers = [], seed = 0 } = options;
    checkLayers(layers);
    this.#layers = [...layers];
    this.#seed = checkSeed(seed);
    if (layers.length > 0) this.#network = resolveNetwork(this.#layers, seed);
  }

  /** Appends a layer, before compile(). @throws InputError if it does not fit */
  add(layer: Layer): this {
    if (this.#compiled || this.#weights) throw new InputError("add(): layers must be added before compile() and setWeights().");
    const layers = [...this.#layers, layer];
    checkLayers(layers);
    // Layers before the first dense one are checked when it comes.
    if (layers.some(({ type }) => type === "dense")) this.#network = resolveNetwork(layers, this.#seed);
    this.#layers.push(layer);
    return this;
  }

  /**
   * Chooses optimizer, loss, metrics and backend. Weights are kept if there are any; the optimizer starts afresh.
   * @throws InputError if the loss does not fit the last layer; UnsupportedError without WebGPU
   */
  compile(options: CompileOptions): Promise<void> {
    const compiling = this.#compile(options);
    // Code for TensorFlow.js, whose compile() is not async, calls fit() at once: it then waits.
    this.#compiling = compiling.catch(() => {});
    return compiling;
  }

  async #compile(options: CompileOptions): Promise<void> {
    this.#life.checkAlive("compile");
    const network = this.#declared("compile");
    checkOptions("compile()", options, OPTIONS.compile);
    this.#life.checkFree("compile");
    const recipe = resolveRecipe(network, options);
    const backend = await openBackend(options);
    if (this.#life.isDisposed) backend.dispose();
    this.#life.checkAlive("compile");
    const weights = this.#compiled ? await this.#readWeights() : (this.#weights ?? initialParameters(network));
    backend.write(new Map([...weights, ...initialStates(network, recipe.optimizer)]));
    this.#compiled?.backend.dispose();
    this.#compiled = { recipe, backend, names: ["loss", ...recipe.metrics], progress: { steps: 0, epochs: 0 } };
    this.#weights = null;
  }

  /**
   * Trains for some epochs.
   * @param x (rows × features)
   * @param y class indices (rows) for sparseCategoricalCrossentropy, else targets (rows × outputs)
   * @throws InputError before anything is trained; an abort by `signal` is no error
   */
  async fit(x: Features, y: Targets, options: FitOptions = {}): Promise<History> {
    await this.#compiling;
    const { recipe, backend, names, progress } = this.#ready("fit");
    const network = this.#declared("fit");
    const { epochs, batchSize, validationSplit } = checkFitOptions(options);
    const dataset = labelledDataset("fit()", x, y, network, recipe.loss, options.scale);
    const { trained, kept } = splitRows(dataset.rows, validationSplit);
    const validationSet = options.validationData && labelledDataset("fit(): validationData", ...options.validationData,
      network, recipe.loss, options.scale);
    return this.#life.exclusively("fit", () => scoped(async (keep) => {
      const data = keep(await uploadInOrder(backend, dataset));
      const trainBatch = Math.min(batchSize, trained);
      const train = await this.#prepare(keep, "train", data, trained, 0, trainBatch);
      let validation: Prepared | null = null;
      if (kept > 0) validation = await this.#prepare(keep, "evaluate", data, kept, trained, EVALUATION_BATCH);
      if (validationSet) {
        const other = keep(await uploadInOrder(backend, validationSet));
        validation = await this.#prepare(keep, "evaluate", other, validationSet.rows, 0, EVALUATION_BATCH);
      }
      this.#planBatch = trainBatch;
      const signal = this.#life.stopSignal(options.signal);
      const history = await runEpochs({ recipe, seed: network.seed, names, train, validation, epochs, options, signal }, progress);
      this.#life.checkAlive("fit");
      return history;
    }));
  }

  /** Loss (penalties included) and metrics, averaged over the rows. @throws InputError on bad data */
  async evaluate(x: Features, y: Targets, options: DataOptions = {}): Promise<Logs> {
    await this.#compiling;
    const { recipe, backend, names } = this.#ready("evaluate");
    const network = this.#declared("evaluate");
    checkOptions("evaluate()", options, OPTIONS.evaluate);
    const batchSize = checkCount("evaluate()", "batchSize", options.batchSize ?? EVALUATION_BATCH);
    const dataset = labelledDataset("evaluate()", x, y, network, recipe.loss, options.scale);
    return this.#life.using(() => scoped(async (keep) => {
      const data = keep(await uploadInOrder(backend, dataset));
      const prepared = await this.#prepare(keep, "evaluate", data, dataset.rows, 0, Math.min(batchSize, dataset.rows));
      return (await runEvaluation(prepared, names)).logs();
    }));
  }

  /** The network's answers, (rows × outputs) row-major: logits if the loss takes logits. @throws InputError on bad data */
  async predict(x: Features, options: DataOptions = {}): Promise<Floats> {
    await this.#compiling;
    const { backend } = this.#ready("predict");
    const { inputWidth, outputWidth } = this.#declared("predict");
    checkOptions("predict()", options, OPTIONS.predict);
    const wanted = checkCount("predict()", "batchSize", options.batchSize ?? EVALUATION_BATCH);
    const dataset = inputDataset("predict()", x, inputWidth, options.scale);
    const batchSize = Math.min(wanted, dataset.rows);
    const answers = new Float32Array(dataset.rows * outputWidth);
    return this.#life.using(() => scoped(async (keep) => {
      const data = keep(await uploadInOrder(backend, dataset));
      const { runner } = await this.#prepare(keep, "predict", data, dataset.rows, 0, batchSize);
      const steps = miniBatches(dataset.rows, batchSize, 0);
      await runner.run(steps, (first, count, results) => {
        // Every step leaves room for a full batch, so only the very last numbers of the last one are empty.
        const at = first * runner.resultElements;
        const filled = Math.min(count * runner.resultElements, answers.length - at);
        for (let i = 0; i < filled; i++) answers[at + i] = results[i];
      });
      return answers;
    }));
  }

  /** Copies of the weights, layer by layer, kernel (fanIn, fanOut) then bias (fanOut). */
  async getWeights(): Promise<Weight[]> {
    this.#life.checkAlive("getWeights");
    return toWeights(this.#declared("getWeights"), await this.#readWeights());
  }

  /** Replaces the weights by what getWeights() of the same network gave. @throws InputError, with nothing changed */
  async setWeights(weights: readonly GivenWeight[]): Promise<void> {
    this.#life.checkAlive("setWeights");
    this.#life.checkFree("setWeights");
    const values = fromWeights(this.#declared("setWeights"), weights);
    if (this.#compiled) this.#compiled.backend.write(values);
    else this.#weights = values;
  }

  /**
   * Runs training steps on the GPU and compares every tensor that the plan keeps in memory with the float64 reference,
   * within rounding bounds. The weights, the optimizer and the step counter are put back afterwards.
   * @throws InputError on bad data, or if the model is compiled for the CPU
   */
  async verify(x: Features, y: Targets, options: VerifyOptions = {}): Promise<VerifyReport> {
    await this.#compiling;
    const { recipe, backend, progress } = this.#ready("verify");
    const network = this.#declared("verify");
    checkOptions("verify()", options, OPTIONS.verify);
    const count = checkCount("verify()", "steps", options.steps ?? 1);
    const batchSize = checkCount("verify()", "batchSize", options.batchSize ?? DEFAULT_BATCH);
    const dataset = labelledDataset("verify()", x, y, network, recipe.loss, options.scale);
    const { trace } = backend;
    if (!trace) {
      throw new InputError("verify(): it compares a GPU with the CPU reference, but this model runs on the CPU. " +
        'Compile with backend: "webgpu".');
    }
    const plan = this.#plan("train", Math.min(batchSize, dataset.rows), dataset);
    return this.#life.exclusively("verify", () =>
      verifySteps({ backend, trace, plan, dataset, recipe, firstStep: progress.steps, steps: count }));
  }

  /**
   * Backpropagation against central differences, in float64, for every weight: how far is ∂C/∂θ from (C(θ+h) − C(θ−h))/2h?
   * All rows are one mini-batch. It takes a few forward passes for each weight, so use a small network and a few rows.
   * @throws InputError on bad data
   */
  async gradientCheck(x: Features, y: Targets, options: { scale?: number } = {}): Promise<GradientReport> {
    await this.#compiling;
    const { recipe } = this.#ready("gradientCheck");
    const network = this.#declared("gradientCheck");
    checkOptions("gradientCheck()", options, OPTIONS.gradientCheck);
    const dataset = labelledDataset("gradientCheck()", x, y, network, recipe.loss, options.scale);
    const graph = buildGraph(network, recipe, "train", dataset.format);
    const values = new Map<string, ArrayLike<number>>([
      ...await this.#readWeights(), ...initialStates(network, recipe.optimizer), ...dataTensors(dataset)]);
    return checkGradients(graph, values, miniBatches(dataset.rows, dataset.rows, 0, 0, recipe.optimizer)[0]);
  }

  /** A table of the layers and their parameters. */
  summary(): string {
    return summarize(this.#declared("summary"));
  }

  /** The plan of a training step for the batch size of the last fit() (32 before the first): launches and memory. */
  get plan(): Plan {
    this.#ready("plan");
    return this.#plan("train", this.#planBatch);
  }

  /** "webgpu" or "cpu", once compiled. */
  get backend(): "webgpu" | "cpu" {
    return this.#ready("backend").backend.kind;
  }

  /** What the model runs on, for people. */
  get adapter(): string {
    return this.#ready("adapter").backend.adapter;
  }

  /**
   * Frees everything on the device, as soon as calls under way are done; a fit() stops at a step boundary and rejects.
   * Twice is harmless; using the model afterwards is an error.
   */
  dispose(): void {
    this.#life.dispose();
  }

  #plan(purpose: Graph["purpose"], batch: number, dataset?: Dataset): Plan {
    const { recipe, backend } = this.#ready("plan");
    const format: FeatureFormat = dataset?.format ?? FLOAT_FEATURES;
    return new Plan(buildGraph(this.#declared("plan"), recipe, purpose, format), { batch, maxBuffers: backend.maxBuffers });
  }

  async #prepare(
    keep: Keep, purpose: Graph["purpose"], data: DeviceData, rows: number, at: number, batchSize: number,
  ): Promise<Prepared> {
    const { backend } = this.#ready("fit");
    const plan = this.#plan(purpose, batchSize, data.dataset);
    return { data, runner: keep(await backend.prepare(plan, data)), rows, at, batchSize };
  }

  async #readWeights(): Promise<Map<string, Floats>> {
    const network = this.#declared("getWeights");
    const { backend } = this.#compiled ?? {};
    if (backend) return this.#life.using(() => backend.read(network.parameters.map(({ symbol }) => symbol)));
    return (this.#weights ??= initialParameters(network));
  }

  #declared(where: string): Network {
    if (this.#network) return this.#network;
    throw new InputError(`${where}(): the model has no dense layer yet. Give sequential() its layers, or add() them.`);
  }

  #ready(where: string): Compiled {
    this.#life.checkAlive(where);
    if (this.#compiled) return this.#compiled;
    throw new InputError(`${where}: the model is not compiled. Call await model.compile({ optimizer, loss }) first.`);
  }
}

function initialStates(network: Network, optimizer: Optimizer): Map<string, Floats> {
  return new Map(network.parameters.flatMap(({ symbol, shape }) => optimizerStates(optimizer)
    .map(({ name, initial }) => [`${name}_${symbol}`, new Float32Array(elementsOf(shape)).fill(initial)] as const)));
}

/** Backpropagation against central differences, in float64: see Sequential.gradientCheck. */
export function gradientCheck(model: Sequential, x: Features, y: Targets, options: { scale?: number } = {}) {
  return model.gradientCheck(x, y, options);
}

/** A stack of layers, one after the other. @throws InputError if they do not fit together */
export function sequential(options: SequentialOptions = {}): Sequential {
  return new Sequential(options);
}
