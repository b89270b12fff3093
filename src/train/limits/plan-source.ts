// Where the data sets on a device get their plans from: the compiled model.

import type { FeatureFormat } from "../../graph/build.ts";
import type { Graph } from "../../graph/types.ts";
import type { Plan, PlanOptions } from "../../schedule/plan.ts";
import type { Backend, DeviceData, Runner } from "../backend/backend.ts";
import type { Dataset } from "../data/data.ts";

export type Purpose = "train" | "evaluate" | "predict";

/** A backend and the plans of the model that it runs. */
export interface PlanSource {
  readonly backend: Backend;
  graph(purpose: Purpose, format: FeatureFormat): Graph;
  plan(purpose: Purpose, batch: number, format: FeatureFormat): Plan;
  tunedPlan(purpose: Purpose, batch: number, format: FeatureFormat): Promise<Plan>;
  planOf(graph: Graph, batch: number, options?: Partial<PlanOptions>): Plan;
}

/** What a call wants to run on. */
export interface RunnerRequest {
  readonly purpose: Purpose;
  readonly dataset: Dataset;
  /** Rows of a full mini-batch. */
  readonly batch: number;
  /** Orders of the rows. */
  readonly slots: number;
}

/** A runner, what takes its orders, and how both are freed. */
export interface OnData {
  readonly runner: Runner;
  readonly data: Pick<DeviceData, "dataset" | "setOrder">;
  readonly free: () => void;
}
