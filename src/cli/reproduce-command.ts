// `deltaprop reproduce`: two runs of Nielsen's book on all of MNIST, beside the figures that he reports.
// Source: M. Nielsen, Neural Networks and Deep Learning, chapter 1 (network.py) and chapter 3 (network2.py).

import type { Command } from "commander";
import { InputError } from "../errors.ts";
import { BACKENDS } from "./backends.ts";
import { loadData, rowsOf, type DataSet } from "./data.ts";
import type { JobHost } from "./fit-events.ts";
import { choice, fileName, wholeNumber } from "./flag-values.ts";
import type { JobEvent, JobRequest } from "./job.ts";
import type { ModelSpec } from "./model-spec.ts";
import { ENVIRONMENT } from "./options.ts";
import { decimals, describeAdapter, duration, percent } from "./progress.ts";
import { runOn, type Runtime } from "./run-on.ts";
import { stopOnSignals } from "./signals.ts";

interface ReproduceFlags {
  data: string;
  epochs: number;
  seed: number;
  runtime: Runtime;
  backend: JobRequest["backend"];
}

/** He trains on 50,000 digits and keeps 10,000 of the training files apart. */
const TRAINED = 50_000;
const KEPT = 10_000;
const BATCH_SIZE = 10;
const LAMBDA = 5;
const OUTPUTS = 10;

export interface Case {
  readonly title: string;
  readonly model: Omit<ModelSpec, "seed">;
  /** Which digits are classified after each epoch: the 10,000 test digits, or those kept apart. */
  readonly evaluatedOn: "test" | "kept";
  readonly reported: string;
  /** What we must reach to call it reproduced. */
  readonly least: number;
}

export const CASES: readonly Case[] = [
  {
    title: "network.py, [784, 30, 10], quadratic cost, η = 3.0",
    model: {
      layers: [784, 30, 10],
      activation: "sigmoid",
      loss: "halfSquaredError",
      optimizer: "sgd",
      learningRate: 3,
      dropout: 0,
      l2: 0,
      initialization: "normal",
    },
    evaluatedOn: "test",
    reported: "95.42 %",
    least: 0.948,
  },
  {
    // His cross-entropy sums over the 10 outputs and ours is their mean, as Keras': η is 10 times his 0.5, and λ/2n is
    // divided by 10, so that every update is his.
    title: "network2.py, [784, 100, 10], cross-entropy, η = 0.5, λ = 5.0",
    model: {
      layers: [784, 100, 10],
      activation: "sigmoid",
      loss: "binaryCrossentropy",
      optimizer: "sgd",
      learningRate: 0.5 * OUTPUTS,
      dropout: 0,
      l2: LAMBDA / (2 * TRAINED) / OUTPUTS,
      initialization: "scaledNormal",
    },
    evaluatedOn: "kept",
    reported: "97.92 %",
    least: 0.975,
  },
];

export interface Reproduced {
  readonly best: number;
  readonly bestEpoch: number;
  readonly last: number;
}

function digitsFor({ train, test }: DataSet, evaluatedOn: Case["evaluatedOn"]) {
  const places = (from: number, count: number) => Uint32Array.from({ length: count }, (_, i) => from + i);
  return {
    train: rowsOf(train, places(0, TRAINED)),
    test: evaluatedOn === "test" ? test : rowsOf(train, places(TRAINED, KEPT)),
    weights: null,
  };
}

async function runCase(
  { model, evaluatedOn }: Case,
  data: DataSet,
  flags: ReproduceFlags,
  host: Omit<JobHost, "emit">,
): Promise<Reproduced> {
  const accuracies: number[] = [];
  const emit = (event: JobEvent) => {
    if (event.type === "ready") console.log(describeAdapter(event, flags.runtime, flags.backend));
    if (event.type !== "epoch") return;
    accuracies.push(event.logs.val_accuracy);
    console.log(
      `epoch ${event.epoch + 1}/${flags.epochs}  loss ${decimals(event.logs.loss)}  ` +
        `right ${percent(event.logs.val_accuracy)}  ${duration(event.seconds)}`,
    );
  };
  const request: JobRequest = {
    model: { ...model, seed: flags.seed },
    backend: flags.backend,
    epochs: flags.epochs,
    batchSize: BATCH_SIZE,
    validation: "test",
    verifySteps: 0,
    checkpoints: null,
  };
  const { seconds } = await runOn(
    flags.runtime,
    { kind: "digits", request, data: digitsFor(data, evaluatedOn) },
    { ...host, emit },
    console.log,
  );
  console.log(`trained in ${duration(seconds)}`);
  const best = accuracies.reduce((a, b) => (b > a ? b : a), 0);
  return { best, bestEpoch: accuracies.indexOf(best) + 1, last: accuracies.at(-1) ?? 0 };
}

/** A Markdown table, as the README shows it: a test compares the two. */
export function table(outcomes: readonly (readonly [Case, Reproduced])[], epochs: number): string {
  return [
    `| network (${epochs} epochs, mini-batch ${BATCH_SIZE}) | Nielsen | deltaprop, best epoch | last epoch |`,
    "| --- | --- | --- | --- |",
    ...outcomes.map(
      ([{ title, reported }, { best, bestEpoch, last }]) =>
        `| ${title} | ${reported} | ${percent(best)} (epoch ${bestEpoch}) | ${percent(last)} |`,
    ),
  ].join("\n");
}

/** @returns the exit code: 0 if every run reached what it must, 1 if one did not, 128 + the signal if stopped */
export async function reproduceCommand(flags: ReproduceFlags): Promise<number> {
  const data = await loadData(flags.data);
  if (data.train.rows !== TRAINED + KEPT) {
    throw new InputError(
      `reproduce --data ${flags.data}: it takes all ${TRAINED + KEPT} training digits of MNIST; the ` + `folder has ${data.train.rows}.`,
    );
  }
  const stop = stopOnSignals(() => console.log("Stopping at the next step …"));
  const outcomes: [Case, Reproduced][] = [];
  try {
    for (const each of CASES) {
      console.log(`\n${each.title}`);
      outcomes.push([each, await runCase(each, data, flags, { signal: stop.signal })]);
      if (stop.signal.aborted) return stop.exitCode();
    }
  } catch (error) {
    if (!stop.isReason(error)) throw error;
    return stop.exitCode();
  } finally {
    stop.release();
  }
  console.log(`\n${table(outcomes, flags.epochs)}`);
  const missed = outcomes.filter(([{ least }, { best }]) => !(best >= least));
  for (const [{ title, least }, { best }] of missed) console.log(`missed: ${title}: ${percent(best)} < ${percent(least)}`);
  return missed.length > 0 ? 1 : 0;
}

export function addReproduceOptions(command: Command): Command {
  return command
    .requiredOption("--data <folder>", "all of MNIST as IDX files, gzipped or not", fileName)
    .option("--epochs <count>", "of each run", wholeNumber(1), 30)
    .option("--seed <number>", "of weights and shuffling", wholeNumber(0), 1)
    .addOption(choice("--backend <name>", "auto takes WebAssembly where there is no WebGPU, and says so", BACKENDS).default("auto"))
    .addOption(choice("--runtime <name>", "where WebGPU comes from", ["chrome", "node"]).default("chrome"))
    .addHelpText("after", ENVIRONMENT);
}
