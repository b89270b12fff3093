// What compile() makes: recipe, backend and how far training is.

import { buildGraph, FLOAT_FEATURES, type FeatureFormat } from "../../graph/build.ts";
import type { Measures } from "../../graph/measures.ts";
import type { Graph } from "../../graph/types.ts";
import type { Network, Recipe } from "../../model/network.ts";
import { rateAt, toSchedule, type Schedule } from "../../model/schedules.ts";
import { Plan, type PlanOptions } from "../../schedule/plan.ts";
import type { Choices } from "../../schedule/tuning.ts";
import type { Backend, Floats } from "../backend/backend.ts";
import { formulasOfSums, planExtras, type Extras } from "./extras.ts";
import { DeviceDatasets } from "../limits/device-dataset.ts";
import { DeviceSession, lossBehind, type Opened } from "../recovery/device-session.ts";
import { SerialQueue } from "../call/lifecycle.ts";
import { loadRecovery, loadRecurrent } from "../../lazy.ts";
import type { Progress } from "../loop/passes.ts";
import type { Readout } from "../data/batches.ts";
import type { DataShape } from "../data/shape.ts";
import type { Carried } from "../data/states.ts";
import { Steering } from "../loop/steering.ts";

export class Compiled {
  readonly progress: Progress = { steps: 0, epochs: 0, stateRows: 0 };
  /** Whose states predict() carries on. */
  readonly predicted: Carried = { stateRows: 0 };
  /** What steps leave. */
  readonly readout: Readout & Partial<Measures>;
  /** What data must fit. */
  readonly shape: DataShape;
  /** Data sets on the backend, with the runners made for them. */
  readonly deviceDatasets = new DeviceDatasets(this);
  /** As compile() was given it, with its learning rate. */
  readonly declared: Recipe;
  /** What was measured so far. */
  #choices: Choices = new Map();
  readonly #tuning = new SerialQueue();
  readonly session: DeviceSession;
  readonly steering = new Steering();
  /** Told of resetStates(), for training that goes on elsewhere. */
  onReset: () => void = () => {};

  /** @param shownBatch mini-batches of the last fit(), and of the plan that people are shown */
  constructor(
    readonly network: Network,
    public recipe: Recipe,
    opened: Opened,
    public extras: Extras,
    public shownBatch: number,
    readonly autotune = false,
  ) {
    this.declared = recipe;
    const names = ["loss", ...recipe.metrics];
    this.readout = { names, means: names.length, ...extras.measures?.(network, recipe) };
    this.shape = { ...network, checks: extras.recurrent?.checks };
    this.session = new DeviceSession(opened, this.progress, () => this.deviceDatasets.dispose());
  }

  get backend(): Backend {
    return this.session.backend;
  }

  /** Of the next step. */
  get learningRate(): number {
    return rateAt(this.recipe.optimizer.learningRate, this.steering.told ?? this.progress.steps);
  }

  /** From the next step on, in a fit() under way too: its journal knows which steps had another. */
  setLearningRate(learningRate: number | Schedule): void {
    this.restoreLearningRate(toSchedule("model", learningRate));
    this.steering.change();
  }

  /** What the learning rate was set to after compile(); null if it was not. */
  get assignedRate(): Schedule | null {
    return this.recipe === this.declared ? null : this.recipe.optimizer.learningRate;
  }

  /** Where no step is under way. @param rate what assignedRate was */
  restoreLearningRate(rate: Schedule | null): void {
    this.recipe =
      rate === null
        ? this.declared
        : Object.freeze({ ...this.recipe, optimizer: Object.freeze({ ...this.recipe.optimizer, learningRate: rate }) });
  }

  /**
   * Does the work while the backend is kept. Where the GPU was lost, or is lost meanwhile, the work is done (again) on another one.
   * @throws DeviceLostError if there is none, or if it is lost again and again
   */
  use<T>(where: string, work: () => Promise<T>): Promise<T> {
    const { session } = this;
    return session.hold(async () => {
      for (;;) {
        if (this.backend.isLost) await this.#recover(where);
        const { backend } = this;
        try {
          return await work();
        } catch (error) {
          if (!(await lossBehind(error, backend))) throw error;
        }
      }
    });
  }

  async #recover(where: string): Promise<void> {
    await this.session.recover(where);
    (await loadRecovery()).tellOfLoss(where, this.backend, this.session.snapshot, this.network.stateful ? this.predicted : null);
  }

  graph(purpose: Graph["purpose"], format: FeatureFormat): Graph {
    return buildGraph(this.network, this.recipe, purpose, format, this.extras.recurrent?.graph, this.readout.columns);
  }

  /** As the model of costs and what was measured so far make it. */
  plan(purpose: Graph["purpose"], batch: number, format: FeatureFormat = FLOAT_FEATURES): Plan {
    return this.planOf(this.graph(purpose, format), batch);
  }

  /** The plan of a graph that was made of one of the network. */
  planOf(graph: Graph, batch: number, options: Partial<PlanOptions> = {}): Plan {
    return this.#planWith(graph, batch, this.#choices, options);
  }

  /** What writes it was loaded by compile() or the last fit(), so it can be had at once. */
  get shownPlan(): Plan {
    return this.plan("train", this.shownBatch);
  }

  /** Loads what plans with mini-batches of that size, of such data, need. */
  async prepare(batch: number, format?: FeatureFormat): Promise<void> {
    const blocks = await formulasOfSums(this.network, this.recipe, batch, this.backend, this.autotune);
    if (format?.weighted && !this.extras.recurrent) this.extras = { ...this.extras, recurrent: await (await loadRecurrent()).more(false) };
    this.extras = { ...this.extras, formulas: { ...this.extras.formulas, ...blocks } };
  }

  /** The plan to run: measures first what it needs, if compile() was told to. */
  async tunedPlan(purpose: Graph["purpose"], batch: number, format: FeatureFormat): Promise<Plan> {
    await this.prepare(batch, format);
    // What does not fit is not measured.
    const plan = this.plan(purpose, batch, format),
      { graph } = plan;
    if (!this.autotune) return plan;
    await this.#tuning.run(() => this.#tune((choices) => this.#planWith(graph, batch, choices)));
    return this.planOf(graph, batch);
  }

  /** Nothing depends on it but speed: where it fails the model's choice stays. */
  async #tune(planWith: (choices: Choices) => Plan): Promise<void> {
    try {
      this.#choices = (await this.backend.tune?.(planWith, this.#choices)) ?? this.#choices;
    } catch (error) {
      if (!this.backend.isLost) console.warn("deltaprop: autotune failed, so the products are cut by the model of costs.", error);
    }
  }

  #planWith(graph: Graph, batch: number, choices: Choices, options: Partial<PlanOptions> = {}): Plan {
    const { maxBuffers, maxBytes, persistentBytes, places: weights, planAdapter: adapter, precision, program } = this.backend;
    return new Plan(graph, {
      batch,
      maxBuffers,
      maxBytes,
      persistentBytes,
      weights,
      adapter,
      choices,
      precision,
      program,
      ...planExtras(this.extras),
      ...options,
    });
  }

  /** All states of stateful layers are 0 in the next mini-batch. */
  resetStates(): void {
    this.progress.stateRows = this.predicted.stateRows = 0;
    this.onReset();
  }

  /** The weights on the backend, or those of the snapshot where its GPU is lost. */
  async readWeights(): Promise<Map<string, Floats>> {
    const { session, backend } = this,
      symbols = this.network.parameters.map(({ symbol }) => symbol);
    try {
      if (!backend.isLost) return await session.hold(() => backend.read(symbols));
    } catch (error) {
      if (!(await lossBehind(error, backend))) throw error;
    }
    await session.settled();
    return new Map(symbols.map((symbol) => [symbol, Float32Array.from(session.snapshot.state.get(symbol) ?? [])]));
  }
}
