// What the command line of `npm run kernels` says: a network, a mini-batch, what the plan is for, what is printed. Pure.

import { Argument, InvalidArgumentError, type Command } from "commander";
import { choice, DIGITS, numberIn, wholeNumber } from "../../src/cli/flag-values.ts";
import { ELEMENTWISE_ACTIVATIONS, type ActivationName } from "../../src/model/activations.ts";
import { LOSSES, type LossName } from "../../src/model/losses.ts";
import { OPTIMIZERS, type OptimizerName } from "../../src/model/optimizers.ts";
import type { Precision } from "../../src/schedule/precision.ts";
import { ADAPTERS, type AdapterName } from "./adapters.ts";

/** Kinds of recurrent layers, by the names that `deltaprop char-rnn --cell` takes. */
export const CELLS = ["rnn", "lstm", "gru"] as const;

export const PURPOSES = ["train", "evaluate", "predict"] as const;

/** What was typed, with the defaults of all that was not. */
export interface Flags {
  readonly batch: number;
  readonly adapter: AdapterName;
  readonly purpose: (typeof PURPOSES)[number];
  /** Of the hidden layers; undefined for relu, or tanh of recurrent ones. */
  readonly activation?: ActivationName;
  readonly loss: LossName;
  readonly optimizer: OptimizerName;
  readonly dropout: number;
  readonly l2: number;
  /** The hidden layers are recurrent, and every time step is answered. */
  readonly recurrent: boolean;
  /** Kind of the recurrent layers; with --recurrent alone. */
  readonly cell?: (typeof CELLS)[number];
  /** Time steps of a sequence; with --recurrent alone. */
  readonly timesteps?: number;
  /** x is stored as bytes. */
  readonly bytes: boolean;
  readonly precision: Precision;
  readonly fuse: boolean;
  /** From 1; all if left out. */
  readonly launch?: number;
  readonly wgsl: boolean;
}

export const DEFAULT_WIDTHS = [784, 128, 10];

/** "784-128-10", or with commas as --layers of `deltaprop train`. */
export function widths(text: string): number[] {
  const parts = text.split(/[-,]/);
  if (parts.length < 2 || !parts.every((part) => DIGITS.test(part) && Number.isSafeInteger(Number(part)) && Number(part) > 0)) {
    throw new InvalidArgumentError(
      "It must be two or more whole numbers ≥ 1 with hyphens or commas: features, hidden widths, outputs; " + "for example 784-128-10.",
    );
  }
  return parts.map(Number);
}

const fraction = numberIn("in [0, 1)", (value) => value >= 0 && value < 1);

const EXAMPLES = `
Examples:
  npm run kernels                                                  the plan and kernels of 784-128-10
  npm run --silent kernels -- 784-128-10 --launch 3 > update.wgsl  one kernel; all else in it is a comment
  npm run kernels -- 65-128-65 --recurrent --no-wgsl               the plan and the equations of a recurrent network
  npm run kernels -- 65-128-65 --recurrent --cell lstm             the same of an LSTM, with its kernels
  npm run kernels -- 4-3-2 --no-fuse                               every operation as a kernel of its own`;

/** Adds argument and flags to a command. */
export function addKernelOptions(command: Command): Command {
  return command
    .addArgument(new Argument("[widths]", "features, hidden widths and outputs").argParser(widths).default(DEFAULT_WIDTHS, "784-128-10"))
    .option("--batch <rows>", "mini-batch size", wholeNumber(1), 64)
    .addOption(
      choice("--adapter <name>", "what the plan is for: a GPU with WebGPU's default limits, or SwiftShader", ADAPTERS).default("gpu"),
    )
    .addOption(choice("--purpose <name>", "of the step", PURPOSES).default("train"))
    .addOption(choice("--activation <name>", "of the hidden layers (default: relu, or tanh with --recurrent)", ELEMENTWISE_ACTIVATIONS))
    .addOption(choice("--loss <name>", "decides the last activation, too", LOSSES).default("sparseCategoricalCrossentropy"))
    .addOption(choice("--optimizer <name>", "with its own defaults", OPTIMIZERS).default("adam"))
    .option("--dropout <rate>", "after each hidden layer", fraction, 0)
    .option(
      "--l2 <lambda>",
      "penalty λΣw² on every kernel",
      numberIn("≥ 0", (value) => value >= 0),
      0,
    )
    .option("--recurrent", "the hidden layers are recurrent, each time step with an answer", false)
    .addOption(choice("--cell <kind>", "of the recurrent layers, with --recurrent: simpleRNN, lstm or gru (default: rnn)", CELLS))
    .option("--timesteps <count>", "of a sequence, with --recurrent (default: 20)", wholeNumber(1))
    .option("--bytes", "x is stored as bytes, each worth 1/255", false)
    .addOption(choice("--precision <name>", "of what the forward pass leaves in memory", ["f32", "f16"]).default("f32"))
    .option("--no-fuse", "every operation as a launch of its own")
    .option("--launch <number>", "print this one alone, from 1", wholeNumber(1))
    .option("--no-wgsl", "leave the kernels out: plan and headings alone")
    .allowExcessArguments(false)
    .addHelpText("after", EXAMPLES);
}
