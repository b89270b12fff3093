// The model that users hold: declare, compile, fit, evaluate, predict. Checks what it is given, then hands it to the loop.

import { InputError } from "../errors.ts";
import { checkFlag, checkOptions } from "../model/checks.ts";
import type { Draws } from "../model/initializers.ts";
import type { Layer } from "../model/layers.ts";
import { initialParameters, recipeForAnswers, resolveRecipe, type Network, type Recipe } from "../model/network.ts";
import type { Schedule } from "../model/schedules.ts";
import { LayerStack } from "../model/stack.ts";
import type { GradientReport } from "../reference/gradient-check.ts";
import type { Plan } from "../schedule/plan.ts";
import { copyArguments, validate } from "./call/validate.ts";
import type { BackendKind, Floats } from "./backend/backend.ts";
import type { Call } from "./call/call.ts";
import type { Compiled } from "./compiled/compiled.ts";
import type { Dataset, Features, InputOptions, Targets } from "./data/data.ts";
import type { WeightOptions } from "./data/sample-weights.ts";
import { isHandle, type DatasetHandle, type LabelledDatasetHandle } from "./data/dataset.ts";
import { loadKnown } from "./compiled/extras.ts";
import type { History } from "./loop/history.ts";
import { withDefaults, type DatasetFitOptions, type FitOptions, type Logs, type RunOptions } from "./call/fit-options.ts";
import type { StepInspection } from "./float64/inspect.ts";
import { Gate, Lifecycle, SerialQueue } from "./call/lifecycle.ts";
import { loadFloat64, loadValidation } from "../lazy.ts";
import { compileFailed, openCompiled } from "./open-compiled.ts";
import {
  DEFAULT_BATCH,
  OPTIONS,
  type BackendOptions,
  type CompileOptions,
  type DataOptions,
  type EvaluateOptions,
  type SequentialOptions,
  type VerifyOptions,
} from "./call/options.ts";
import { scoped } from "./call/scope.ts";
import { checkStop } from "./loop/steering.ts";
import { summarize } from "./summary.ts";
import { answer, assess, EVALUATION_BATCH, train, type Trainer } from "./training.ts";
import type { VerifyReport } from "./float64/verify.ts";
import { fromWeights, toWeights, type GivenWeight, type Weight } from "./call/weights.ts";

/** Layers one after the other; make one with sequential(). */
export class Sequential {
  readonly #stack: LayerStack;
  /** Weights to compile with; null means the initial ones. Once there is a backend it knows better. */
  #given: ReadonlyMap<string, Floats> | null = null;
  #compiled: Compiled | null = null;
  /** What is compiled can predict only: no compile() has given a loss yet. */
  #predictsOnly = false;
  /** There was a compile(), well or not. */
  #asked = false;
  readonly #compiling = new SerialQueue();
  readonly #life = new Lifecycle();
  readonly #gate = new Gate();

  /** @throws InputError if a layer does not fit the one before it, or the first does not say what comes in */
  constructor(options: SequentialOptions) {
    const { layers = [], seed = 0 } = checkOptions("sequential()", options, OPTIONS.sequential);
    this.#stack = new LayerStack(layers, seed);
  }

  /**
   * Appends a layer, before compile(), predict() and setWeights(); the model is then that of `layers` with it at the end. Whether the
   * layers are a whole network is checked when it is first used: a dropout may come last for now.
   * @throws InputError if it does not fit the layer before it
   */
  add(layer: Layer): this {
    this.#life.checkAlive("add");
    if (this.#compiled || this.#given || this.#compiling.underWay) {
      throw new InputError("add(): layers must be added before compile(), predict() and setWeights(). Make a new model with sequential().");
    }
    this.#stack.append(layer);
    return this;
  }

  /** The layers as they were declared, in order; getLayer() gives one with its weights. */
  get layers(): readonly Layer[] {
    return this.#stack.layers;
  }

  /**
   * Chooses optimizer, loss, metrics and backend. Weights are kept if there are any; the optimizer starts afresh. Calls
   * that come before it is done wait for it. Where it fails, what was compiled before stays.
   * @throws InputError if the loss does not fit the last layer or while training; UnsupportedError without WebGPU or, for
   * precision "f16", without its feature "shader-f16"; OutOfMemoryError if the weights do not fit the GPU
   */
  compile(options: CompileOptions): Promise<void> {
    this.#asked = true;
    return this.#compiling.run(() => this.#compile(options));
  }

  async #compile(options: CompileOptions): Promise<void> {
    this.#life.checkAlive("compile");
    const network = this.#stack.declared("compile");
    options = checkOptions("compile()", options, OPTIONS.compile);
    this.#life.checkFree("compile");
    const recipe = resolveRecipe(network, options),
      autotune = checkFlag("compile()", "autotune", options.autotune, false);
    await this.#open("compile", network, recipe, options, autotune);
    this.#predictsOnly = false;
  }

  async #open(where: string, network: Network, recipe: Recipe, options: BackendOptions = {}, autotune = false): Promise<void> {
    const compiled = await openCompiled({
      where,
      network,
      recipe,
      options,
      autotune,
      shownBatch: this.#compiled?.shownBatch ?? DEFAULT_BATCH,
      weights: (draws) => this.#weightsToStartFrom(network, draws),
      checkAlive: () => this.#life.checkAlive(where),
    });
    this.#compiled?.session.retire();
    this.#compiled = compiled;
  }

  /** Those of the backend before; the last good ones if its GPU was lost. */
  async #weightsToStartFrom(network: Network, draws: Draws): Promise<ReadonlyMap<string, Floats>> {
    if (this.#compiled) this.#given = await this.#compiled.readWeights();
    return this.#given ?? initialParameters(network, draws);
  }

  /**
   * Trains for some epochs or steps, going on from the last fit(). A mini-batch over a limit of the device is computed in chunks.
   * @param x (rows × features); for sequences (rows × steps × features), or whole numbers (rows × steps) with inputVocabulary
   * @param y class indices (rows) for sparseCategoricalCrossentropy, else targets (rows × outputs); or the same for every time step
   * @throws InputError before anything is trained; OutOfMemoryError; GpuError; what a callback throws. An abort is no error.
   */
  fit(x: Features, y: Targets, options?: FitOptions): Promise<History>;
  /** The same on data that stay on the device from call to call. @param data what dataset(x, y) gave */
  fit(data: LabelledDatasetHandle, options?: DatasetFitOptions): Promise<History>;
  fit(x: Features | DatasetHandle, y?: Targets | FitOptions, last?: FitOptions): Promise<History> {
    return this.fitBy(train, x, y, last);
  }

  /** @internal fit() by another trainer. */
  async fitBy(trainer: Trainer, x: Features | DatasetHandle, y?: Targets | FitOptions, last?: FitOptions): Promise<History> {
    if (this.#compiling.underWay) ({ x, y, last } = await this.#settled({ method: "fit", x, y, last }));
    const compiled = this.#ready("fit"),
      { shape, recipe } = compiled;
    const { signal: abort } = ((isHandle(x) ? y : last) ?? {}) as FitOptions;
    return this.#life.exclusively("fit", () =>
      this.#gate.guard(abort, () =>
        compiled.session.hold(() =>
          scoped(async (keep) => {
            const taken = await validate<RunOptions>({
                method: "fit",
                x,
                y,
                last,
                shape,
                loss: recipe.loss,
                trainee: { model: this, compiled },
              }),
              checked = withDefaults(taken.options);
            const history = await trainer(compiled, keep, {
              ...taken,
              recipe,
              checked,
              signal: this.#life.stopSignal(abort),
              gate: this.#gate,
            });
            this.#life.checkAlive("fit");
            const { callbacks: { final } = {} } = taken;
            if (final) await compiled.use("fit", () => compiled.session.write(final));
            return history;
          }),
        ),
      ),
    );
  }

  /** One step on these rows, whatever their number; x and y as for fit(). @returns loss and metrics before it. @throws what fit() throws */
  async trainOnBatch(x: Features, y: Targets, options?: InputOptions & WeightOptions): Promise<Logs> {
    const { history } = await this.fit(x, y, { ...options, batchSize: 2 ** 31, shuffle: false });
    return Object.fromEntries(Object.entries(history).map(([name, [value]]) => [name, value]));
  }

  /**
   * Lets fit() stand still at the next step boundary, until resume(); other calls go on meanwhile. Abort and dispose() end fit()
   * also while it stands still. Harmless where nothing is trained. Callbacks may await it: no step is under way while fit() waits for one.
   * @returns resolves when no step is under way, or when resume() or the end of fit() came first
   */
  pause(): Promise<void> {
    return this.#gate.close();
  }

  /** Lets fit() go on after pause(). Harmless where it does not stand still. */
  resume(): void {
    this.#gate.open();
  }

  /** Loss (penalties included) and metrics, averaged over the rows; x, y and weights as for fit(). @throws InputError on bad data */
  evaluate(x: Features, y: Targets, options?: EvaluateOptions): Promise<Logs>;
  /** The same on what dataset(x, y) gave. */
  evaluate(data: LabelledDatasetHandle, options?: Omit<EvaluateOptions, "scale" | "sampleWeight">): Promise<Logs>;
  async evaluate(x: Features | DatasetHandle, y?: Targets | EvaluateOptions, last?: EvaluateOptions): Promise<Logs> {
    if (this.#compiling.underWay) ({ x, y, last } = await this.#settled({ method: "evaluate", x, y, last }));
    const compiled = this.#ready("evaluate"),
      { shape, recipe } = compiled;
    return compiled.session.hold(async () => {
      const { data, options } = await validate<EvaluateOptions>({ method: "evaluate", x, y, last, shape, loss: recipe.loss });
      const { rows } = data.dataset,
        batchSize = Math.min(options.batchSize ?? EVALUATION_BATCH, rows);
      shape.checks?.checkStateful("evaluate()", shape, rows, batchSize, null);
      return compiled.use("evaluate", () => scoped((keep) => assess(compiled, keep, data, batchSize)));
    });
  }

  /**
   * The network's answers, (rows × outputs) row-major, or (rows × steps × outputs): logits if the loss takes logits. Stateful
   * layers go on from the predict() before, until resetStates(). It needs no compile(): without one, weights are those of setWeights()
   * or the initial ones, and the backend is that of compile()'s default: WebGPU, or else the CPU.
   * @param x as for fit(), or what dataset() gave, with or without y
   * @throws InputError on bad data
   */
  predict(x: Features, options?: DataOptions): Promise<Floats>;
  predict(data: DatasetHandle, options?: Omit<DataOptions, "scale">): Promise<Floats>;
  async predict(x: Features | DatasetHandle, last?: DataOptions): Promise<Floats> {
    if (this.#compiling.underWay || !this.#compiled) ({ x, last } = await this.#settled({ method: "predict", x, y: undefined, last }));
    const compiled = this.#ready("predict", true),
      { shape, recipe } = compiled;
    return compiled.session.hold(async () => {
      const { data, options } = await validate<DataOptions>({ method: "predict", x, y: undefined, last, shape, loss: recipe.loss });
      const { rows } = data.dataset,
        batchSize = Math.min(options.batchSize ?? EVALUATION_BATCH, rows);
      shape.checks?.checkStateful("predict()", shape, rows, batchSize, compiled.predicted);
      return compiled.use("predict", () => scoped((keep) => answer(compiled, keep, data, batchSize)));
    });
  }

  /**
   * Copies of the weights, layer by layer, kernel (fanIn, fanOut), recurrent kernel (units, units), bias (fanOut).
   * Where the GPU is lost they are the last good ones: those after the last fit(), within one at most some seconds old.
   * @throws InputError after dispose()
   */
  async getWeights(): Promise<Weight[]> {
    while (this.#compiling.underWay) await this.#compiling.over();
    this.#life.checkAlive("getWeights");
    const network = this.#stack.declared("getWeights");
    return toWeights(
      network,
      (await this.#compiled?.readWeights()) ?? this.#given ?? initialParameters(network, (await loadKnown(network)).draws),
    );
  }

  /**
   * Replaces the weights by what getWeights() of the same network gave. The optimizer's states stay as they are.
   * @throws InputError, with nothing changed, if they do not fit or while training; GpuError if the GPU is lost
   */
  async setWeights(weights: readonly GivenWeight[]): Promise<void> {
    this.#life.checkAlive("setWeights");
    const network = this.#stack.declared("setWeights"),
      values = fromWeights(network, weights);
    while (this.#compiling.underWay) await this.#compiling.over();
    this.#life.checkAlive("setWeights");
    this.#life.checkFree("setWeights");
    if (!values) throw (await loadValidation()).weightsRefusal(network, weights);
    const compiled = this.#compiled;
    await compiled?.use("setWeights", () => compiled.session.write(values));
    this.#given = values;
  }

  /**
   * Runs training steps on the GPU and compares every tensor that the plan keeps in memory with the float64 reference, within rounding
   * bounds. Weights, optimizer and step counter are put back afterwards.
   * @throws InputError on bad data, or if the model is compiled for the CPU
   */
  verify(x: Features, y: Targets, options?: VerifyOptions): Promise<VerifyReport>;
  verify(data: LabelledDatasetHandle, options?: Omit<VerifyOptions, "scale">): Promise<VerifyReport>;
  verify(x: Features | DatasetHandle, y?: Targets | VerifyOptions, last?: VerifyOptions): Promise<VerifyReport> {
    return this.#look("verify", x, y, last, (float64, ...given) => float64.verifySteps(...given));
  }

  /**
   * One training step taken apart: every z, a, δ, ∂C/∂W, ∂C/∂b and new weight, as the GPU computed it and as float64 does from the same
   * numbers, with the bound of rounding. All rows are one mini-batch. Each equation has its own launch; weights, optimizer and step
   * counter are put back afterwards. On the CPU there is the reference alone.
   * @throws InputError on bad data, or while training
   */
  inspectStep(x: Features, y: Targets, options?: InputOptions & WeightOptions): Promise<StepInspection>;
  inspectStep(data: LabelledDatasetHandle): Promise<StepInspection>;
  inspectStep(x: Features | DatasetHandle, y?: Targets | InputOptions, last?: InputOptions): Promise<StepInspection> {
    return this.#look("inspectStep", x, y, last, (float64, compiled, dataset) => float64.inspectTrainingStep(compiled, dataset));
  }

  /**
   * Backpropagation against central differences, in float64, for every weight: how far is ∂C/∂θ from (C(θ+h) − C(θ−h))/2h?
   * All rows are one mini-batch. It takes a few forward passes for each weight, so use a small network and a few rows.
   * @throws InputError on bad data
   */
  gradientCheck(x: Features, y: Targets, options?: InputOptions & WeightOptions): Promise<GradientReport>;
  gradientCheck(data: LabelledDatasetHandle): Promise<GradientReport>;
  gradientCheck(x: Features | DatasetHandle, y?: Targets | InputOptions, last?: InputOptions): Promise<GradientReport> {
    return this.#look("gradientCheck", x, y, last, (float64, compiled, dataset) => float64.checkModelGradients(compiled, dataset));
  }

  /**
   * Stateful layers start from 0 again: with the next mini-batch of fit() that is not under way yet, and with the next predict().
   * In fit() from callbacks, such as onEpochBegin. Harmless where no layer is stateful, or nothing was trained yet.
   */
  resetStates(): void {
    this.#compiled?.resetStates();
  }

  /** Returns a table of the layers, their output shapes and parameters as a string of several lines; prints nothing. */
  summary(): string {
    return summarize(this.#stack.declared("summary"));
  }

  /** The plan of a training step of the last fit()'s batch size (else 32). @throws OutOfMemoryError, UnsupportedError if over a limit */
  get plan(): Plan {
    return this.#ready("plan").shownPlan;
  }

  /** η of the next step, once compiled: what the schedule gives there. */
  get learningRate(): number {
    return this.#ready("learningRate").learningRate;
  }

  /**
   * Another η, a number ≥ 0 or a schedule, from the next step on. Set in a callback it counts from the mini-batch behind the one that the
   * callback was told of, whatever the GPU was doing. What the optimizer has gathered stays, and so does its count of steps, from
   * which a schedule reads. @throws InputError if it is neither
   */
  set learningRate(rate: number | Schedule) {
    this.#ready("learningRate").setLearningRate(rate);
  }

  /** @internal For entries beside this one: what was declared, what compile() made of it, and who uses it. */
  get inside() {
    return { stack: this.#stack, compiled: this.#compiled, life: this.#life };
  }

  /** Whether the fit() under way, or the last one, was told to end; false again when the next begins. */
  get stopTraining(): boolean {
    return this.#compiled?.steering.stopped ?? false;
  }

  /**
   * True ends the fit() under way: set in a callback, behind the mini-batch or epoch that the callback was told of. As with an abort
   * fit() resolves, and an epoch under way is not counted; one that is complete is.
   * @throws InputError if it is no boolean, or true while no fit() is under way
   */
  set stopTraining(stop: boolean) {
    checkStop(stop, this.#life.training && this.#compiled !== null);
    this.#compiled?.steering.stop(stop);
  }

  /** "webgpu", "wasm" or "cpu", once compiled; after predict() without compile() the one that it found. */
  get backend(): BackendKind {
    return this.#ready("backend", true).backend.kind;
  }

  /** What the model runs on, for people. */
  get adapter(): string {
    return this.#ready("adapter", true).backend.adapter;
  }

  /**
   * Frees everything on the device, as soon as calls under way are done; a fit() stops at a step boundary and rejects.
   * Twice is harmless; using the model afterwards is an error.
   */
  dispose(): void {
    this.#life.dispose();
    this.#gate.open();
    this.#compiled?.session.retire();
    this.#compiled = null;
  }

  /**
   * Waits for a compile() under way. The first predict() of a model without one opens a backend.
   * @returns the call with its arrays as they were when it came
   * @throws InputError with the error of compile() as the cause if that fails
   */
  async #settled<C extends Pick<Call, "method" | "x" | "y" | "last">>(given: C): Promise<C> {
    const { method } = given,
      call = copyArguments(given);
    for (;;) {
      if (this.#compiling.underWay) {
        const failure = await this.#compiling.over();
        this.#life.checkAlive(method);
        if (failure && this.#asked) throw compileFailed(method, failure);
      } else if (method === "predict" && !this.#compiled && !(this.#asked && this.#compiling.failure)) {
        this.#life.checkAlive(method);
        const network = this.#stack.declared(method);
        await this.#compiling.run(() =>
          this.#open(method, network, recipeForAnswers()).then(() => {
            this.#predictsOnly = true;
          }),
        );
      } else return call;
    }
  }

  /** What single steps are looked at with is loaded for it. */
  async #look<R>(
    method: "verify" | "inspectStep" | "gradientCheck",
    x: unknown,
    y: unknown,
    last: unknown,
    look: (float64: Awaited<ReturnType<typeof loadFloat64>>, compiled: Compiled, dataset: Dataset, options: VerifyOptions) => Promise<R>,
  ): Promise<R> {
    if (this.#compiling.underWay) ({ x, y, last } = await this.#settled({ method, x, y, last }));
    const compiled = this.#ready(method),
      { shape, recipe } = compiled;
    const work = () =>
      compiled.session.hold(async () => {
        const { data, options } = await validate<VerifyOptions>({ method, x, y, last, shape, loss: recipe.loss });
        return compiled.use(method, async () => look(await loadFloat64(), compiled, data.dataset, options));
      });
    // The others train.
    return method === "gradientCheck" ? work() : this.#life.exclusively(method, work);
  }

  /** @param predicts it is enough that the model can predict */
  #ready(where: string, predicts = false): Compiled {
    this.#life.checkAlive(where);
    if (this.#compiled && (predicts || !this.#predictsOnly)) return this.#compiled;
    if (this.#asked && this.#compiling.failure) throw compileFailed(where, this.#compiling.failure);
    throw new InputError(`${where}: the model is not compiled. Call await model.compile({ optimizer, loss }) first.`);
  }
}
