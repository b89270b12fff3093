// What the command line asks for: which contenders and workloads, how long, how often. Pure.

import { InvalidArgumentError } from "commander";
import { CONTENDERS, type ContenderInfo } from "./contenders.ts";
import { PRODUCTS } from "./products.ts";
import { RECURRENT } from "./recurrent.ts";
import type { Task } from "./run.ts";
import { WORKLOADS } from "./workloads.ts";

export const RUNTIMES = ["chrome", "firefox", "node"] as const;
export type Runtime = (typeof RUNTIMES)[number];

export interface Flags {
  readonly only: readonly string[];
  readonly quick: boolean;
  readonly runtime: Runtime;
  readonly roofline: boolean;
  readonly rounds?: number;
  readonly json?: string;
}

export interface Settings {
  readonly contenders: readonly ContenderInfo[];
  readonly workloads: readonly Task[];
  readonly rounds: number;
  readonly lossSteps: number;
  readonly seconds: number;
}

const TASKS: readonly Task[] = [...WORKLOADS, ...RECURRENT, ...PRODUCTS];

const FULL = { rounds: 3, lossSteps: 10, seconds: 1.5 };
/** To see that all works, not to quote: one short round, without what takes long on a software adapter. */
const QUICK = { rounds: 1, lossSteps: 3, seconds: 0.2 };
/** Left out of --quick unless --only asks for them. */
const SLOW = [
  "784-512-256-10",
  "784-128-10 b64 sgd",
  "2-64-64-1",
  "rnn 65-256",
  "lstm",
  "gru",
  "product 512",
  "product 1024",
  "product 2048",
  "product delta",
  "product xt",
  "wasm",
];

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number from 1.");
  return value;
}

export const collect = (name: string, before: readonly string[]): string[] => [...before, name];

/** What the words of --only choose: those whose names contain one; all where no word is about them. */
function chosen<T extends { name: string }>(items: readonly T[], words: readonly string[]): readonly T[] {
  const found = items.filter(({ name }) => words.some((word) => name.includes(word)));
  return found.length > 0 ? found : items;
}

const withoutSlow = <T extends { name: string }>(items: readonly T[], { quick, only }: Flags): readonly T[] =>
  items.filter(({ name }) => !quick || !SLOW.some((slow) => name.includes(slow) && !only.some((word) => name.includes(word))));

/** @throws InvalidArgumentError if a word of --only is part of no name */
export function settingsOf(flags: Flags): Settings {
  const names = [...new Set([...CONTENDERS, ...TASKS].map(({ name }) => name))];
  const unknown = flags.only.find((word) => !names.some((name) => name.includes(word)));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`--only ${unknown} must be part of a name. Known: ${names.join(", ")}.`);
  }
  const settings = flags.quick ? QUICK : FULL;
  return {
    ...settings,
    rounds: flags.rounds ?? settings.rounds,
    contenders: withoutSlow(chosen(CONTENDERS, flags.only), flags),
    workloads: withoutSlow(chosen(TASKS, flags.only), flags),
  };
}
