// Which engine trains a network faster here, where no model of costs can say: each trains the same steps from the same weights on
// made-up rows, turn by turn, on a backend of its own that is disposed afterwards.

import { buildGraph } from "../../graph/build.ts";
import type { StepScalars } from "../../graph/types.ts";
import { takesLabels } from "../../model/losses.ts";
import { elementsOf, type Network, type Recipe } from "../../model/network.ts";
import { ratesAt } from "../../model/optimizers.ts";
import { Plan } from "../../schedule/plan.ts";
import { ownOrder, type Backend } from "../backend/backend.ts";
import { initialStates } from "../../model/initial-states.ts";
import type { Dataset } from "../data/data.ts";
import { formulasOfSums, loadExtras, loadKnown, planExtras } from "../compiled/extras.ts";
import { DEFAULT_BATCH } from "../call/options.ts";

export interface TimedRunner {
  /** Trains so many steps, from step 0 on. */
  run(steps: number): Promise<unknown>;
  dispose(): void;
}

/** A turn is so long that what starting takes does not count, or has so many steps. */
const TURN_MILLISECONDS = 20,
  MOST_STEPS = 4096;
const ROUNDS = 3;
/** The second engine must be so many times as fast: less is noise. */
const MARGIN = 1.05;

/** Rows like any others, of small numbers. */
function rowsFor({ inputWidth, inputSteps, vocabulary, outputWidth, outputSteps }: Network, { loss }: Recipe): Dataset {
  const rows = DEFAULT_BATCH,
    numbers = (length: number) => Float32Array.from({ length }, (_, i) => ((i * 7919) % 1009) / 1009);
  const whole = (length: number, below: number) => Uint32Array.from({ length }, (_, i) => (i * 7919) % below);
  const inputs = rows * inputSteps * inputWidth,
    answers = rows * outputSteps;
  return {
    rows,
    format: { type: vocabulary === null ? "float32" : "uint32", scale: 1 },
    x: vocabulary === null ? numbers(inputs) : whole(inputs, vocabulary),
    y: takesLabels(loss) ? whole(answers, outputWidth) : numbers(answers * outputWidth),
  };
}

/** The network on a backend that nobody else uses. The runner disposes it. */
export async function prepareRunner(backend: Backend, network: Network, recipe: Recipe): Promise<TimedRunner> {
  try {
    const [known, blocks] = await Promise.all([loadKnown(network, recipe), formulasOfSums(network, recipe, DEFAULT_BATCH, backend, false)]);
    const extras = await loadExtras(network, backend, { ...known, formulas: { ...known.formulas, ...blocks } });
    const { maxBuffers, maxBytes, persistentBytes, planAdapter: adapter, program } = backend,
      dataset = rowsFor(network, recipe);
    const small = (length: number) => Float32Array.from({ length }, (_, i) => (((i * 7919) % 1009) / 1009 - 0.5) / 16);
    await backend.write(
      new Map([
        ...network.parameters.map(({ symbol, shape }) => [symbol, small(elementsOf(shape))] as const),
        ...initialStates(network, recipe.optimizer),
      ]),
    );
    const plan = new Plan(
      buildGraph(network, recipe, "train", dataset.format, extras.recurrent?.graph, extras.measures?.(network, recipe).columns),
      {
        batch: dataset.rows,
        maxBuffers,
        maxBytes,
        persistentBytes,
        adapter,
        program,
        weights: backend.places,
        ...planExtras(extras),
      },
    );
    const data = await backend.upload(dataset, 1);
    data.setOrder(ownOrder(dataset.rows), 0);
    const prepared = await backend.prepare(plan, data);
    const step = (number: number): StepScalars => ({ rows: dataset.rows, offset: 0, step: number, ...ratesAt(recipe.optimizer, number) });
    return {
      run: (steps) =>
        prepared.run(
          Array.from({ length: steps }, (_, i) => step(i)),
          () => {},
        ),
      dispose() {
        prepared.dispose();
        data.dispose();
        backend.dispose();
      },
    };
  } catch (error) {
    backend.dispose();
    throw error;
  }
}

/**
 * Whether the second of two engines is clearly faster: of `ROUNDS` turns of as many steps each, the quickest counts.
 * @param now milliseconds on any clock
 */
export async function isSecondFaster(
  [first, second]: readonly [TimedRunner, TimedRunner],
  now = () => performance.now(),
): Promise<boolean> {
  const time = async (runner: TimedRunner, steps: number): Promise<number> => {
    const began = now();
    await runner.run(steps);
    return now() - began;
  };
  let steps = 1;
  // Both finish compiling, and the quicker one says how many steps a turn has.
  for (;;) {
    const quicker = Math.min(await time(first, steps), await time(second, steps));
    if (quicker >= TURN_MILLISECONDS || steps >= MOST_STEPS) break;
    steps *= 2;
  }
  const best = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, runner] of [first, second].entries()) best[i] = Math.min(best[i], await time(runner, steps));
  }
  return best[0] > MARGIN * best[1];
}
