// From flags to the plan that compile() would make: declares the network, builds the graph of one step, plans its launches. No GPU.

import { InputError } from "../../src/errors.ts";
import { buildGraph } from "../../src/graph/build.ts";
import { RECURRENT_ACTIVATIONS, type RecurrentActivation } from "../../src/model/activations.ts";
import { gru, lstm } from "../../src/model/gated.ts";
import { dense, dropout, type Layer } from "../../src/model/layers.ts";
import { matchingActivation, toLoss } from "../../src/model/losses.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { simpleRNN } from "../../src/model/recurrent.ts";
import { l2 } from "../../src/model/regularizers.ts";
import { Plan } from "../../src/schedule/plan.ts";
import type { Adapter } from "../../src/schedule/tiles.ts";
import { formulasOfSums, loadExtras, loadKnown, planExtras } from "../../src/train/compiled/extras.ts";
import { PLAN_ADAPTERS } from "./adapters.ts";
import type { Flags } from "./arguments.ts";

const DEFAULT_TIMESTEPS = 20;

/** @throws InputError if it is none of those that a recurrent layer takes */
function recurrentActivation({ activation = "tanh" }: Flags): RecurrentActivation {
  const found = RECURRENT_ACTIVATIONS.find((name) => name === activation);
  if (found === undefined) {
    throw new InputError(
      `--activation ${activation} is not one of a recurrent layer, which takes ${RECURRENT_ACTIVATIONS.join(", ")}. ` +
        "Choose one of these, or leave --recurrent out.",
    );
  }
  return found;
}

const LAYERS = { rnn: simpleRNN, lstm, gru } as const;

/** @throws InputError if a flag says something about sequences and there are none */
function checkRecurrent(widths: readonly number[], { recurrent, timesteps, cell }: Flags): void {
  if (timesteps !== undefined && !recurrent) {
    throw new InputError(
      "--timesteps is the length of a sequence, and only --recurrent networks take sequences. Add --recurrent, or leave it out.",
    );
  }
  if (cell !== undefined && !recurrent) {
    throw new InputError(
      `--cell ${cell} is the kind of the recurrent layers, and only --recurrent networks have any. Add --recurrent, or leave it out.`,
    );
  }
  if (recurrent && widths.length < 3) {
    throw new InputError(
      `--recurrent makes the hidden layers recurrent, and ${widths.join("-")} has none. Give a hidden width, for example 65-128-65.`,
    );
  }
}

/** @throws InputError if flags contradict each other or a layer breaks a rule of the library */
export function layersOf(widths: readonly number[], flags: Flags): Layer[] {
  checkRecurrent(widths, flags);
  const kernelRegularizer = flags.l2 > 0 ? l2(flags.l2) : null,
    hidden = widths.slice(1, -1);
  const shapeAt = (i: number) => (i > 0 ? undefined : flags.recurrent ? [flags.timesteps ?? DEFAULT_TIMESTEPS, widths[0]] : [widths[0]]);
  const layers = hidden.flatMap((units, i): Layer[] => {
    const layer = flags.recurrent
      ? LAYERS[flags.cell ?? "rnn"]({
          units,
          activation: recurrentActivation(flags),
          returnSequences: true,
          kernelRegularizer,
          inputShape: shapeAt(i),
        })
      : dense({ units, activation: flags.activation ?? "relu", kernelRegularizer, inputShape: shapeAt(i) });
    return flags.dropout > 0 ? [layer, dropout({ rate: flags.dropout })] : [layer];
  });
  const activation = matchingActivation(toLoss(flags.loss)) ?? "linear";
  return [...layers, dense({ units: widths[widths.length - 1], activation, kernelRegularizer, inputShape: shapeAt(hidden.length) })];
}

const ofClasses = (flags: Flags): boolean => matchingActivation(toLoss(flags.loss)) !== null;

/** @throws InputError, UnsupportedError and OutOfMemoryError as compile() and fit() would */
export async function planOf(widths: readonly number[], flags: Flags): Promise<Plan> {
  const { batch, purpose, fuse, precision } = flags,
    network = resolveNetwork(layersOf(widths, flags), 0);
  const recipe = resolveRecipe(network, { optimizer: flags.optimizer, loss: flags.loss, metrics: ofClasses(flags) ? ["accuracy"] : [] });
  const adapter: Adapter = PLAN_ADAPTERS[flags.adapter],
    persistentBytes = fuse ? adapter.workgroupBytes : 0;
  const [known, blocks] = await Promise.all([
    loadKnown(network, recipe),
    formulasOfSums(network, recipe, batch, { planAdapter: adapter }, false),
  ]);
  const extras = await loadExtras(network, { persistentBytes }, { ...known, formulas: { ...known.formulas, ...blocks } });
  const graph = buildGraph(
    network,
    recipe,
    purpose,
    { type: flags.bytes ? "uint8" : "float32", scale: flags.bytes ? 1 / 255 : 1 },
    extras.recurrent?.graph,
  );
  return new Plan(graph, {
    batch,
    fuse,
    adapter,
    precision,
    persistentBytes,
    ...planExtras(extras),
  });
}
