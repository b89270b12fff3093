// What only some networks need, loaded for those when they are compiled.

import { loadBlocks, loadPersistent, loadRecurrent, loadUncommon } from "../../lazy.ts";
import { levelsOf } from "../../graph/long-sums.ts";
import type { measuresOf } from "../../graph/measures.ts";
import { COMMON_DRAWS, type Draws } from "../../model/initializers.ts";
import { matchingActivation, takesLabels } from "../../model/losses.ts";
import { elementsOf, type Network, type Recipe } from "../../model/network.ts";
import { COMMON_FORMULAS, type Formulas } from "../../schedule/formulas.ts";
import { MAX_PERSISTENT_WEIGHTS } from "../../schedule/launch.ts";
import type { PlanFormulas } from "../../schedule/norm-writer.ts";
import type { PlanOptions } from "../../schedule/plan.ts";
import { DEFAULT_ADAPTER, needsBlocks } from "../../schedule/tiles.ts";
import type { Backend } from "../backend/backend.ts";
import type { More } from "./more.ts";

/** The formulas that kernels are written from, and those that weights start by. */
export interface Known {
  readonly formulas: PlanFormulas;
  readonly draws: Draws;
  /** What metrics are made of, for those that are not each the mean of one number a row. */
  readonly measures?: typeof measuresOf;
}

/** For networks that have nothing else. */
const COMMON: Known = { formulas: COMMON_FORMULAS, draws: COMMON_DRAWS };

function isCommon({ stages, parameters }: Network, recipe: Recipe | undefined): boolean {
  const {
    formulas: { values, losses, updates },
    draws,
  } = COMMON;
  if (stages.some((stage) => stage.type === "activation" && stage.activation !== "softmax" && !Object.hasOwn(values, stage.activation)))
    return false;
  if (parameters.some(({ initializer, regularizer }) => regularizer !== null || !Object.hasOwn(draws, initializer.name))) return false;
  if (!recipe) return true;
  const {
    optimizer: { name, clipNorm, clipValue, globalClipNorm },
    loss,
    metrics,
  } = recipe;
  const isRowMean = (metric: (typeof metrics)[number]): boolean =>
    metric === "accuracy" || (!takesLabels(loss) && (metric === "meanSquaredError" || metric === "meanAbsoluteError"));
  if (!metrics.every(isRowMean)) return false;
  return (
    Object.hasOwn(updates, name) &&
    (matchingActivation(loss) === "softmax" || Object.hasOwn(losses, loss.name)) &&
    !(clipNorm ?? clipValue ?? globalClipNorm ?? loss.labelSmoothing)
  );
}

/**
 * Needs no device, so it goes on while one is looked for.
 * @throws what the host says where the file cannot be loaded
 */
export const loadKnown = async (network: Network, recipe?: Recipe): Promise<Known> => (isCommon(network, recipe) ? COMMON : loadUncommon());

/** Whether it sums over very many numbers: the rows of a mini-batch, weights under a penalty, gradients under a norm. */
function hasLongSums({ parameters, inputSteps }: Network, recipe: Recipe | undefined, batch: number): boolean {
  const { clipNorm, globalClipNorm } = recipe?.optimizer ?? {},
    hasNorm = (clipNorm ?? globalClipNorm) !== undefined;
  return (
    levelsOf(batch * inputSteps) > 0 ||
    parameters.some(({ shape, regularizer }) => (hasNorm || regularizer !== null) && levelsOf(elementsOf(shape)) > 0)
  );
}

/**
 * What plans with long sums need, and on GPUs those with large products.
 * @param measures whether all cuts are to be tried, not only those that the plans choose
 * @throws what the host says where the file cannot be loaded
 */
export async function formulasOfSums(
  network: Network,
  recipe: Recipe | undefined,
  batch: number,
  { planAdapter }: Pick<Backend, "planAdapter">,
  measures: boolean,
): Promise<Pick<Formulas, "staged" | "blocks">> {
  const adapter = planAdapter ?? DEFAULT_ADAPTER,
    { parameters, inputSteps } = network;
  if (hasLongSums(network, recipe, batch)) return loadBlocks();
  if (adapter.kind !== "gpu") return {};
  const matrices = parameters.map(({ shape }) => shape).filter(({ length }) => length === 2);
  const isLarge = matrices.some(([fanIn, fanOut]) => needsBlocks(batch * inputSteps, fanOut, fanIn, adapter));
  return measures || isLarge ? loadBlocks() : {};
}

export interface Extras extends Omit<Known, "draws"> {
  /** For networks with recurrent layers or normalizations. */
  readonly recurrent?: More;
  /** For those whose training may stay on the device from step to step. */
  readonly persistent?: Awaited<ReturnType<typeof loadPersistent>>;
}

/** What a plan takes of all that. */
export const planExtras = ({
  recurrent,
  persistent,
  formulas,
}: Extras): Pick<PlanOptions, "formulas" | "sequences" | "writePersistent"> => ({
  formulas,
  writePersistent: persistent?.writePersistent,
  sequences: recurrent?.SEQUENCES,
});

/** @throws what the host says where a file cannot be loaded, the network gone for example */
export async function loadExtras(
  { sequences, stages, parameters }: Network,
  { persistentBytes }: Pick<Backend, "persistentBytes">,
  known: Omit<Known, "draws">,
): Promise<Extras> {
  const normalizes = stages.some(({ type }) => type === "normalize");
  if (sequences || normalizes) return { ...known, recurrent: await (await loadRecurrent()).more(normalizes) };
  const weights = parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  return persistentBytes > 0 && weights <= MAX_PERSISTENT_WEIGHTS ? { ...known, persistent: await loadPersistent() } : known;
}
