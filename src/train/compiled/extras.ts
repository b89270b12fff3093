// What only some networks need, loaded for those when they are compiled.

import { loadResident } from "../../gpu/load-resident.ts";
import type { ActivationName } from "../../model/activations.ts";
import type { InitializerName } from "../../model/initializers.ts";
import type { LossName } from "../../model/losses.ts";
import { elementsOf, type Network, type Recipe } from "../../model/network.ts";
import type { OptimizerName } from "../../model/optimizers.ts";
import { MAX_RESIDENT_WEIGHTS } from "../../schedule/launch.ts";
import { DEFAULT_ADAPTER, needsBlocks } from "../../schedule/tiles.ts";
import type { Backend } from "../backend/backend.ts";

/** What train/compiled/uncommon.ts brings. */
export const UNCOMMON: ReadonlySet<string> = new Set<ActivationName | LossName | OptimizerName | InitializerName>([
  "leakyRelu", "elu", "softplus", "gelu", "geluTanh", "swish", "huber", "rmsprop", "adagrad",
  "glorotNormal", "heNormal", "lecunNormal", "randomNormal", "randomUniform", "orthogonal",
]);

/** The names of all that has a formula of its own. */
const namesIn = ({ stages, parameters }: Network): string[] =>
  [...stages.map((stage) => (stage.type === "activation" ? stage.activation : "")), ...parameters.map(({ initializer }) => initializer.name)];

/**
 * Needs no device, so it goes on while one is looked for.
 * @throws what the host says where the file cannot be loaded
 */
export async function loadUncommon(network: Network, recipe?: Recipe): Promise<void> {
  const names = [...namesIn(network), ...(recipe ? [recipe.optimizer.name, recipe.loss.name] : [])];
  const hasNorms = recipe?.optimizer.clipNorm ?? recipe?.optimizer.globalClipNorm;
  if (hasNorms || names.some((name) => UNCOMMON.has(name))) (await import("./uncommon.ts")).addUncommon();
}

/**
 * What plans with large products need on GPUs.
 * @param measures whether all cuts are to be tried, not only those that the plans choose
 * @throws what the host says where the file cannot be loaded
 */
export async function loadBlocks({ parameters, inputSteps }: Network, batch: number, { planAdapter }: Pick<Backend, "planAdapter">, measures: boolean): Promise<void> {
  const adapter = planAdapter ?? DEFAULT_ADAPTER;
  if (adapter.kind !== "gpu") return;
  const matrices = parameters.map(({ shape }) => shape).filter(({ length }) => length === 2);
  const isLarge = matrices.some(([fanIn, fanOut]) => needsBlocks(batch * inputSteps, fanOut, fanIn, adapter));
  if (measures || isLarge) (await import("../../schedule/blocks.ts")).addBlocks();
}

const loadRecurrent = () => import("./recurrent.ts");

export interface Extras {
  /** For networks with recurrent layers. */
  readonly recurrent?: Awaited<ReturnType<typeof loadRecurrent>>;
  /** For those whose training may stay on the device from step to step. */
  readonly resident?: Awaited<ReturnType<typeof loadResident>>;
}

/** @throws what the host says where a file cannot be loaded, the network gone for example */
export async function loadExtras({ sequences, parameters }: Network, { residentBytes }: Pick<Backend, "residentBytes">): Promise<Extras> {
  if (sequences) return { recurrent: await loadRecurrent() };
  const weights = parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  return residentBytes > 0 && weights <= MAX_RESIDENT_WEIGHTS ? { resident: await loadResident() } : {};
}
