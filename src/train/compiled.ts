// What compile() makes: recipe, backend and how far training is. The backend is freed after the last call that uses it.

import { GpuError } from "../errors.ts";
import { buildGraph, FLOAT_FEATURES, type FeatureFormat } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { elementsOf, type Network, type Recipe } from "../model/network.ts";
import { optimizerStates, type Optimizer } from "../model/optimizers.ts";
import { Plan } from "../schedule/plan.ts";
import type { Choices } from "../schedule/tuning.ts";
import type { Backend, Floats } from "./backend.ts";
import { loadBlocks, type Extras } from "./extras.ts";
import { Holdings } from "./holding.ts";
import { Turns } from "./lifecycle.ts";
import type { Progress } from "./passes.ts";
import type { Shape } from "./shape.ts";
import type { Carried } from "./states.ts";

export class Compiled {
  readonly progress: Progress = { steps: 0, epochs: 0, stateRows: 0 };
  /** Whose states predict() carries on. */
  readonly predicted: Carried = { stateRows: 0 };
  /** "loss" and the metrics, in the order in which steps leave them. */
  readonly names: readonly string[];
  /** What data must fit. */
  readonly shape: Shape;
  /** Data sets on the backend, with the runners made for them. */
  readonly holdings = new Holdings(this);
  /** What was measured so far. */
  #choices: Choices = new Map();
  readonly #tuning = new Turns();
  #uses = 0;
  #retired = false;

  constructor(readonly network: Network, readonly recipe: Recipe, readonly backend: Backend, readonly extras: Extras, readonly autotune = false) {
    this.names = ["loss", ...recipe.metrics];
    this.shape = { ...network, checks: extras.recurrent?.checks };
  }

  /** Keeps the backend until the work is done, also if it is retired meanwhile. @throws GpuError if the GPU is lost */
  async use<T>(where: string, work: () => Promise<T>): Promise<T> {
    if (this.backend.isLost) {
      throw new GpuError(`${where}(): the GPU was lost, and with it the weights that were there. Call compile() again: it ` +
        "starts from the last ones that getWeights() or setWeights() saw, else from the initial ones.");
    }
    this.#uses++;
    try {
      return await work();
    } finally {
      this.#uses--;
      this.#freeUnused();
    }
  }

  /** No new use comes: frees the backend as soon as those under way are over. */
  retire(): void {
    this.#retired = true;
    this.#freeUnused();
  }

  graph(purpose: Graph["purpose"], format: FeatureFormat): Graph {
    return buildGraph(this.network, this.recipe, purpose, format, this.extras.recurrent?.graph);
  }

  /** As the model of costs and what was measured so far make it. */
  plan(purpose: Graph["purpose"], batch: number, format: FeatureFormat = FLOAT_FEATURES): Plan {
    return this.#planWith(purpose, batch, format, this.#choices);
  }

  /** The plan to run: measures first what it needs, if compile() was told to. */
  async tunedPlan(purpose: Graph["purpose"], batch: number, format: FeatureFormat): Promise<Plan> {
    await loadBlocks(this.network, batch, this.backend, this.autotune);
    if (this.autotune) await this.#tuning.take(() => this.#tune((choices) => this.#planWith(purpose, batch, format, choices)));
    return this.plan(purpose, batch, format);
  }

  /** Nothing depends on it but speed: where it fails the model's choice stays. */
  async #tune(planWith: (choices: Choices) => Plan): Promise<void> {
    try {
      this.#choices = await this.backend.tune?.(planWith, this.#choices) ?? this.#choices;
    } catch (error) {
      if (!this.backend.isLost) {
        console.warn(`deltaprop: autotune failed, so the products are cut by the model of costs. (${error instanceof Error ? error.message : String(error)})`);
      }
    }
  }

  #planWith(purpose: Graph["purpose"], batch: number, format: FeatureFormat, choices: Choices): Plan {
    const { maxBuffers, maxBytes, residentBytes, places: weights, planAdapter: adapter, precision } = this.backend;
    const { recurrent, resident } = this.extras;
    return new Plan(this.graph(purpose, format), {
      batch, maxBuffers, maxBytes, residentBytes, weights, adapter, choices, precision,
      writeResident: resident?.writeResident, sequences: recurrent?.SEQUENCES,
    });
  }

  /** All states of stateful layers are 0 in the next mini-batch. */
  resetStates(): void {
    this.progress.stateRows = this.predicted.stateRows = 0;
  }

  readWeights(where: string): Promise<Map<string, Floats>> {
    return this.use(where, () => this.backend.read(this.network.parameters.map(({ symbol }) => symbol)));
  }

  #freeUnused(): void {
    if (!this.#retired || this.#uses > 0) return;
    this.holdings.dispose();
    this.backend.dispose();
  }
}

/** What the optimizer keeps beside the weights, as it starts. */
export function initialStates(network: Network, optimizer: Optimizer): Map<string, Floats> {
  return new Map(network.parameters.flatMap(({ symbol, shape }) => optimizerStates(optimizer)
    .map(({ name, initial }) => [`${name}_${symbol}`, new Float32Array(elementsOf(shape)).fill(initial)] as const)));
}
