// tf.sequential(): a stack of layers whose weights lie on the host, so that predict(), evaluate() and getWeights() answer at once. fit()
// hands
// them to a model of deltaprop and takes them back after each epoch.

import { InputError, Sequential as CoreSequential, type Loss, type LossName, type Regularizer } from "../index.ts";
import { environment } from "./environment.ts";
import { forward, type Answers } from "./forward.ts";
import { Layer, type LayerWeight } from "./layers.ts";
import { lossRows, toLoss } from "./losses.ts";
import { metricRows, toMetric, type Metric } from "./metrics.ts";
import { missing, unsupported } from "./missing.ts";
import { layerOf, loadFrom, saveTo, type IOHandler, type LoadSource, type SaveResult } from "./model-files.ts";
import { sizeOf } from "./nd-array.ts";
import { summaryLines } from "./summary.ts";
import { read, Tensor, type TensorLike } from "./tensor.ts";
import { toOptimizer, type Optimizer } from "./train.ts";
import { checkArgs, Reporter, type FitArgs, type History } from "./training.ts";

export interface CompileArgs {
  optimizer: string | Optimizer;
  loss: unknown;
  metrics?: unknown;
}

interface CompiledWith {
  readonly optimizer: Optimizer;
  readonly loss: LossName | Loss;
  readonly metrics: readonly Metric[];
  /** Which layers are trained. */
  readonly trains: string;
}

type Data = TensorLike | readonly Tensor[];
const SAVING = "Keep getWeights(), or encodeSafetensors() of deltaprop.";

/** A stack of layers; made by tf.sequential(). */
export class Sequential {
  readonly layers: Layer[] = [];
  name: string;
  /** Set in a callback it ends training. */
  stopTraining = false;
  isTraining = false;
  #recipe: CompiledWith | null = null;
  #core: CoreSequential | null = null;
  #compiled: CompiledWith | null = null;
  /** The numbers that the model of deltaprop has. */
  #synced: readonly Float32Array[] = [];

  constructor({ layers = [], name = "sequential_1" }: { layers?: readonly Layer[]; name?: string } = {}) {
    this.name = name;
    for (const layer of layers) this.add(layer);
  }

  /** Appends a layer, and draws its weights. @throws InputError if the first says not what comes in, or it does not fit */
  add(layer: Layer): void {
    if (!(layer instanceof Layer))
      throw unsupported("add() of what is no layer of tf.layers", "Make it by tf.layers.dense() and the like.");
    const before = this.layers.at(-1),
      input = before ? (before.outputShape.slice(1) as number[]) : layer.declared;
    if (!input)
      throw new InputError("sequential(): the first layer needs inputShape, such as tf.layers.dense({ units: 1, inputShape: " + "[4] }).");
    if (this.#core) throw new InputError("add(): layers must be added before fit().");
    const snake = layer.className.replace(/([a-z])([A-Z])|([A-Z]+)([A-Z][a-z])/g, "$1$3_$2$4").toLowerCase();
    const number = this.layers.filter(({ className }) => className === layer.className).length + 1;
    if (layer.name === "") layer.name = `${snake}_${layer.className}${number}`;
    layer.build(input);
    this.layers.push(layer);
  }

  get built(): boolean {
    return this.layers.length > 0;
  }
  get inputs(): { shape: (number | null)[] }[] {
    return [{ shape: this.layers[0]?.inputShape ?? [] }];
  }
  get outputs(): { shape: (number | null)[] }[] {
    return [{ shape: this.outputShape }];
  }
  get inputShape(): (number | null)[] {
    return this.#first().inputShape;
  }
  get outputShape(): (number | null)[] {
    this.#first();
    return this.layers.at(-1)!.outputShape;
  }
  /** Those that are trained first, as in TensorFlow.js. */
  get weights(): LayerWeight[] {
    return [...this.trainableWeights, ...this.nonTrainableWeights];
  }
  get trainableWeights(): LayerWeight[] {
    return this.layers.flatMap((layer) => layer.trainableWeights);
  }
  get nonTrainableWeights(): LayerWeight[] {
    return this.layers.flatMap((layer) => layer.nonTrainableWeights);
  }
  /** Sets it for all layers. */
  set trainable(value: boolean) {
    for (const layer of this.layers) layer.trainable = value;
  }
  get trainable(): boolean {
    return this.layers.some((layer) => layer.trainable);
  }
  get optimizer(): Optimizer {
    return this.#ready("optimizer").optimizer;
  }
  get loss(): LossName | Loss {
    return this.#ready("loss").loss;
  }
  get metricsNames(): string[] {
    return ["loss", ...this.#ready("metricsNames").metrics.map(({ key }) => key)];
  }
  countParams(): number {
    return this.layers.reduce((sum, layer) => sum + layer.countParams(), 0);
  }
  /** By its name or its place; where both are given the place counts. */
  getLayer(nameOrIndex: string | number | null, index?: number): Layer {
    const wanted = index ?? nameOrIndex,
      found = typeof wanted === "number" ? this.layers[wanted] : this.layers.find(({ name }) => name === wanted);
    if (!found)
      throw new InputError(
        `getLayer(): there is no layer ${String(wanted)}. There are ` + `${this.layers.map((layer) => layer.name).join(", ")}.`,
      );
    return found;
  }

  /** Prints a table of the layers, line by line. */
  summary(lineLength?: number, _positions?: readonly number[], printFn: (line: string) => void = console.log): void {
    for (const line of summaryLines(this.layers, lineLength)) printFn(line);
  }

  /** Chooses optimizer, loss and metrics. What is not here is refused now; whether the loss fits the last layer, by fit(). */
  compile({ optimizer, loss, metrics }: CompileArgs): void {
    const units = this.outputShape.at(-1)!,
      checked = toLoss(loss),
      list: unknown[] = metrics === undefined || metrics === null ? [] : [metrics].flat();
    this.#recipe = {
      optimizer: toOptimizer(optimizer),
      loss: checked,
      metrics: list.map((metric) => toMetric(metric, checked, units)),
      trains: this.#trains,
    };
  }

  /**
   * Trains.
   * @param x (rows, …) as the first layer takes them
   * @param y (rows, units), (rows) for one unit, or class indices (rows) or (rows, 1) for sparseCategoricalCrossentropy
   */
  async fit(x: Data, y: Data, args: FitArgs = {}): Promise<History> {
    const recipe = this.#ready("fit"),
      inputs = this.#inputs("fit()", x),
      targets = this.#targets("fit()", y, inputs.rows);
    checkArgs(args);
    const { epochs = 1, initialEpoch = 0, batchSize, validationSplit, validationData, classWeight, sampleWeight } = args,
      shuffle = args.shuffle ?? true;
    const validation = validationData && this.#pair(validationData),
      core = await this.#open(recipe);
    this.stopTraining = false;
    this.isTraining = true;
    try {
      const reporter = new Reporter({
        model: this,
        core,
        optimizer: recipe.optimizer,
        metrics: recipe.metrics,
        args,
        samples: inputs.rows,
        refresh: () => this.#refresh(core),
        penalty: () => this.#penalty(),
      });
      await core.fit(inputs.data, targets, {
        epochs: epochs - initialEpoch,
        batchSize,
        shuffle,
        callbacks: reporter.callbacks,
        onNaN: "ignore",
        classWeight: classWeight ? this.#known(classWeight) : undefined,
        sampleWeight: sampleWeight ? read("fit(): sampleWeight", sampleWeight, "float32").data : undefined,
        ...(validation ? { validationData: validation } : { validationSplit }),
      });
      await this.#refresh(core);
      return await reporter.finish();
    } finally {
      this.isTraining = false;
    }
  }

  /** One step on these rows. @returns the loss before it, with metrics an array */
  async trainOnBatch(x: Data, y: Data): Promise<number | number[]> {
    const { history } = await this.fit(x, y, { batchSize: this.#inputs("trainOnBatch()", x).rows, shuffle: false });
    const values = this.metricsNames.map((name) => history[name][0]);
    return values.length === 1 ? values[0] : values;
  }

  /** The answers (rows, …), at once. */
  predict(x: Data, args?: { batchSize?: number; verbose?: boolean }): Tensor;
  predict(x: Data): Tensor {
    const { data, rows } = this.#inputs("predict()", x),
      answers = forward(this.layers, data).data;
    return new Tensor({ dtype: "float32", shape: [rows, ...(this.outputShape.slice(1) as number[])], data: Float32Array.from(answers) });
  }
  predictOnBatch(x: Data): Tensor {
    return this.predict(x);
  }

  /** Loss, without penalties, and metrics over the rows, at once: a scalar, or an array of them. */
  evaluate(x: Data, y: Data, args?: { batchSize?: number; verbose?: number }): Tensor | Tensor[];
  evaluate(x: Data, y: Data): Tensor | Tensor[] {
    const { loss, metrics } = this.#ready("evaluate"),
      { data, rows } = this.#inputs("evaluate()", x),
      targets = this.#targets("evaluate()", y, rows);
    const answers: Answers = forward(this.layers, data),
      width = this.outputShape.at(-1)!;
    const all = [
      lossRows(typeof loss === "string" ? { name: loss } : loss, answers, targets, width),
      ...metrics.map(({ kind }) => metricRows(kind, targets, answers.data, width)),
    ];
    const scalars = all.map(
      (values) =>
        new Tensor({ dtype: "float32", shape: [], data: Float32Array.of(values.reduce((sum, value) => sum + value, 0) / values.length) }),
    );
    return scalars.length === 1 ? scalars[0] : scalars;
  }

  /** Kernel and bias of each layer, at once; moving statistics of batch normalizations come last. */
  getWeights(): Tensor[] {
    return this.weights.map((weight) => weight.read());
  }
  /** @throws InputError, with nothing changed, if number or shapes differ */
  setWeights(tensors: readonly Tensor[]): void {
    const all = this.weights;
    if (tensors.length !== all.length || tensors.some(({ shape }, i) => shape.join() !== all[i].shape.join())) {
      throw new InputError(
        `setWeights(): there are ${all.length} weights, of shapes ${all.map(({ shape }) => `[${shape.join(", " + "")}]`).join(", ")}; ` +
          `got ${tensors.map(({ shape }) => `[${shape.join(", ")}]`).join(", ")}.`,
      );
    }
    const given = tensors.map((tensor) => read("setWeights()", tensor, "float32"));
    given.forEach(({ data }, i) => {
      all[i].data = Float32Array.from(data);
    });
  }

  /** Frees what is on the device. */
  dispose(): void {
    this.#core?.dispose();
    this.#core = this.#compiled = null;
  }

  /**
   * Writes the layers and weights: to "indexeddb://name", "opfs://name", "downloads://name", "file://folder" (Node), or an IOHandler.
   * @throws UnsupportedError for other places, and for the optimizer, which deltaprop's own saveModel() keeps
   */
  async save(target: string | IOHandler, config: { includeOptimizer?: boolean } = {}): Promise<SaveResult> {
    if (config?.includeOptimizer)
      throw unsupported("model.save(): includeOptimizer", "Use saveModel() of deltaprop/files, which keeps it.");
    const core = this.#declare();
    await core.setWeights(this.#inOrder.map(({ shape, data }) => ({ shape, data })));
    return saveTo(core, target);
  }

  toJSON: (...given: never[]) => never = missing("model.toJSON()", SAVING);
  fitDataset: (...given: never[]) => never = missing("model.fitDataset()", "Give fit() all rows as tensors.");
  evaluateDataset: (...given: never[]) => never = missing("model.evaluateDataset()", "Give evaluate() all rows as tensors.");
  apply: (...given: never[]) => never = missing("model.apply()", "Use predict(); losses of one's own are not trained here.");

  /** Layer by layer, as deltaprop has them. */
  get #inOrder(): LayerWeight[] {
    return this.layers.flatMap((layer) => layer.weights);
  }

  get #trains(): string {
    return this.layers.map(({ trainable }) => trainable).join();
  }

  #first(): Layer {
    if (this.layers.length === 0) throw new InputError("the model has no layers yet. Add them by model.add(tf.layers.dense({ … })).");
    return this.layers[0];
  }

  #ready(where: string): CompiledWith {
    if (!this.#recipe) throw new InputError(`${where}: the model is not compiled. Call model.compile({ optimizer, loss }) first.`);
    return this.#recipe;
  }

  #inputs(where: string, given: Data): { data: Float32Array<ArrayBuffer>; rows: number } {
    const x = read(where, one(given), "float32"),
      wanted = this.inputShape.slice(1) as number[];
    if (x.shape.slice(1).join() !== wanted.join()) {
      throw new InputError(
        `${where}: x must be of shape [rows, ${wanted.join(", ")}]; got [${x.shape.join(", ")}]. Fix inputShape or ` + `the data.`,
      );
    }
    return { data: x.data as Float32Array<ArrayBuffer>, rows: x.shape[0] };
  }

  #targets(where: string, given: Data, rows: number): Float32Array | Int32Array {
    const loss = this.#ready(where).loss,
      labels = (typeof loss === "string" ? loss : loss.name) === "sparseCategoricalCrossentropy";
    const y = read(where, one(given), labels ? "int32" : "float32"),
      answers = this.outputShape.slice(1) as number[];
    const wanted = labels ? answers.slice(0, -1) : answers;
    if (y.shape[0] !== rows || y.data.length !== rows * sizeOf(wanted)) {
      throw new InputError(`${where}: y must be of shape [${[rows, ...wanted].join(", ")}]; got [${y.shape.join(", ")}].`);
    }
    return y.data as Float32Array | Int32Array;
  }

  #pair([x, y]: readonly [Data, Data]): [Float32Array, Float32Array | Int32Array] {
    const { data, rows } = this.#inputs("fit(): validationData", x);
    return [data, this.#targets("fit(): validationData", y, rows)];
  }

  /** TensorFlow.js takes weights for classes that there are not. */
  #known(weights: Readonly<Record<number, number>>): Record<number, number> {
    const units = this.outputShape.at(-1)!;
    return Object.fromEntries(Object.entries(weights).filter(([label]) => units === 1 || Number(label) < units));
  }

  #declare(): CoreSequential {
    this.#first();
    const input = this.layers[0].inputShape.slice(1) as number[],
      flattens = this.layers.findIndex(({ className }) => className === "Flatten");
    if (flattens > 0 && input.length > 1)
      throw unsupported("tf.layers.flatten() behind another layer", "Flatten first, or reshape the tensors.");
    const shape = flattens === 0 ? [sizeOf(input)] : input;
    let first: number[] | undefined = shape;
    return new CoreSequential({
      seed: Math.floor(Math.random() * 2 ** 32),
      layers: this.layers.flatMap((layer) => {
        const made = layer.core(first);
        if (made.length > 0) first = undefined;
        return made;
      }),
    });
  }

  /** The model of deltaprop with the weights of the host, compiled as this one is now. */
  async #open(recipe: CompiledWith): Promise<CoreSequential> {
    if (this.#compiled && this.#compiled.trains !== recipe.trains) {
      this.#core?.dispose();
      this.#core = this.#compiled = null;
      this.#synced = [];
    }
    const core = (this.#core ??= this.#declare()),
      weights = this.#inOrder;
    if (weights.some(({ data }, i) => data !== this.#synced[i])) {
      await core.setWeights(weights.map(({ shape: sizes, data }) => ({ shape: sizes, data })));
      this.#synced = weights.map(({ data }) => data);
    }
    if (this.#compiled !== recipe) {
      const { optimizer, loss, metrics } = recipe;
      await core.compile({
        optimizer: optimizer.core(optimizer.learningRate),
        loss,
        metrics: [...new Set(metrics.map(({ core: name }) => name))],
        backend: environment.backend,
      });
      this.#compiled = recipe;
    } else core.learningRate = recipe.optimizer.learningRate;
    return core;
  }

  async #refresh(core: CoreSequential): Promise<void> {
    const trained = await core.getWeights();
    this.#inOrder.forEach((weight, i) => {
      weight.data = trained[i].data;
    });
    this.#synced = trained.map(({ data }) => data);
  }

  #penalty(): number {
    const regularizers = this.layers.flatMap((layer) => layer.regularizers);
    return this.#inOrder.reduce((sum, { data }, i) => {
      const { l1, l2 } = regularizers[i] ?? NONE;
      return l1 === 0 && l2 === 0 ? sum : data.reduce((total, w) => total + l1 * Math.abs(w) + l2 * w * w, sum);
    }, 0);
  }
}

const NONE: Regularizer = { l1: 0, l2: 0 };

function one(given: Data): TensorLike {
  return Array.isArray(given) && given.length === 1 && given[0] instanceof Tensor ? given[0] : (given as TensorLike);
}

export const sequential = (options: { layers?: readonly Layer[]; name?: string } = {}): Sequential => new Sequential(options);

/**
 * Reads a layers model: from the address of its model.json, which it opens, "file://…/model.json" (Node), what save() wrote, files that the
 * user picked, or an IOHandler. Options of TensorFlow.js are without effect. @throws UnsupportedError naming a layer or option that is not here
 */
export async function loadLayersModel(source: LoadSource, options?: object): Promise<Sequential>;
export async function loadLayersModel(source: LoadSource): Promise<Sequential> {
  const core = await loadFrom(source),
    model = new Sequential({ layers: core.inside.stack.layers.map(layerOf) });
  const weights = (await core.getWeights()).map(({ shape, data }) => new Tensor({ dtype: "float32", shape, data }));
  let at = 0;
  for (const layer of model.layers) layer.setWeights(weights.slice(at, (at += layer.weights.length)));
  return model;
}
