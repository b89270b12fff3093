// Opens what a model runs on: a backend with the weights and the optimizer's states.

import { InputError } from "../errors.ts";
import type { Draws } from "../model/initializers.ts";
import { elementsOf, type Network, type Recipe } from "../model/network.ts";
import { packWeights } from "../schedule/places.ts";
import type { Floats, State } from "./backend/backend.ts";
import { Compiled } from "./compiled/compiled.ts";
import { initialStates } from "../model/initial-states.ts";
import { loadExtras, loadKnown } from "./compiled/extras.ts";
import { asOutOfMemory } from "./data/host-memory.ts";
import type { Failure } from "./call/lifecycle.ts";
import { openBackend, reopenBackend } from "./engines/open-backend.ts";
import type { BackendOptions } from "./call/options.ts";

interface CompileRequest {
  /** The call, for errors. */
  readonly where: string;
  readonly network: Network;
  readonly recipe: Recipe;
  readonly options: BackendOptions;
  readonly autotune: boolean;
  readonly shownBatch: number;
  /** Gives the weights to start from; called when the formulas of their initializers are there. */
  readonly weights: (draws: Draws) => Promise<ReadonlyMap<string, Floats>>;
  /** @throws InputError if the model was disposed meanwhile */
  readonly checkAlive: () => void;
}

/** From here on drawing them takes longer than finding a device. */
const MANY_WEIGHTS = 2 ** 24;

const countWeights = ({ parameters }: Network): number => parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);

/** @throws OutOfMemoryError if the weights do not fit the device or the host; what openBackend() throws */
export async function openCompiled({
  where,
  network,
  recipe,
  options,
  autotune,
  shownBatch,
  weights,
  checkAlive,
}: CompileRequest): Promise<Compiled> {
  const elements = countWeights(network),
    opening = openBackend(options, network, recipe, autotune);
  const sizes = network.parameters.map(({ symbol, shape }) => [symbol, elementsOf(shape)] as const);
  // Many weights are not drawn before it is known that the device can hold them.
  const fits =
    elements > MANY_WEIGHTS
      ? opening.then(({ maxBytes }) => {
          packWeights(sizes, maxBytes);
        })
      : null;
  // Formulas are loaded and the weights drawn while the browser looks for a device.
  const starting = Promise.all([loadKnown(network, recipe), fits]).then(async ([known]) => ({
    known,
    weights: await weights(known.draws),
  }));
  const [opened, start] = await Promise.allSettled([opening, starting]);
  if (opened.status === "rejected") throw opened.reason;
  const backend = opened.value;
  try {
    checkAlive();
    if (start.status === "rejected") throw start.reason;
    const state: State = new Map([...start.value.weights, ...initialStates(network, recipe.optimizer)]);
    const [extras] = await Promise.all([loadExtras(network, backend, start.value.known), backend.write(state)]);
    const compiled = new Compiled(
      network,
      recipe,
      { backend, state, reopen: () => reopenBackend(backend.kind, options) },
      extras,
      shownBatch,
      autotune,
    );
    await compiled.prepare(shownBatch);
    checkAlive();
    return compiled;
  } catch (error) {
    backend.dispose();
    throw asOutOfMemory(error, `${where}(): ${elements} weights with their optimizer states`, 4 * elements, "Use fewer units.");
  }
}

/** What other calls throw after a compile() that failed. */
export const compileFailed = (where: string, { error }: Failure): InputError =>
  new InputError(
    `${where}: the model is not compiled as asked, because compile() failed. ` + (error instanceof Error ? error.message : String(error)),
    { cause: error },
  );
