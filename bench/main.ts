// `npm run bench`: deltaprop and its peers on the same training steps, in one browser, on one adapter.

import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import { CONTENDERS } from "./contenders.ts";
import { Host } from "./host.ts";
import { runBenchmark, type RunOptions } from "./run.ts";
import { workloadTable } from "./table.ts";
import { WORKLOADS } from "./workloads.ts";

interface Flags {
  readonly only: readonly string[];
  readonly quick: boolean;
  readonly rounds?: number;
  readonly json?: string;
}

const FULL = { rounds: 3, lossSteps: 10, seconds: 1.5 };
/** To see that all works, not to quote: one short round, without what takes long on a software adapter. */
const QUICK = { rounds: 1, lossSteps: 3, seconds: 0.2 };
/** Left out of --quick unless --only asks for them. */
const SLOW = ["784-512-256-10", "784-128-10 b64 sgd", "2-64-64-1", "wasm"];

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number from 1.");
  return value;
}

const collect = (name: string, before: readonly string[]): string[] => [...before, name];

/** What the words of --only choose: those whose names contain one; all where no word is about them. */
function chosen<T extends { name: string }>(items: readonly T[], words: readonly string[]): readonly T[] {
  const found = items.filter(({ name }) => words.some((word) => name.includes(word)));
  return found.length > 0 ? found : items;
}

const withoutSlow = <T extends { name: string }>(items: readonly T[], { quick, only }: Flags): readonly T[] =>
  items.filter(({ name }) => !quick || !SLOW.some((slow) => name.includes(slow) && !only.some((word) => name.includes(word))));

function checkWords(words: readonly string[]): void {
  const names = [...CONTENDERS, ...WORKLOADS].map(({ name }) => name);
  const unknown = words.find((word) => !names.some((name) => name.includes(word)));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`--only ${unknown} must be part of a name. Known: ${names.join(", ")}.`);
  }
}

async function main(flags: Flags): Promise<void> {
  checkWords(flags.only);
  const settings = flags.quick ? QUICK : FULL, say = (line: string) => void process.stderr.write(`${line}\n`);
  const options: RunOptions = {
    ...settings, say, rounds: flags.rounds ?? settings.rounds,
    contenders: withoutSlow(chosen(CONTENDERS, flags.only), flags), workloads: withoutSlow(chosen(WORKLOADS, flags.only), flags),
  };
  const host = await Host.open(say);
  try {
    const machine = { ...await host.describe(), cpu: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}` };
    say(`${machine.browser}, ${machine.adapter}, ${machine.cpu}`);
    const workloads = await runBenchmark(host, options), { rounds, seconds, lossSteps } = options;
    for (const report of workloads) process.stdout.write(`\n${workloadTable(report)}\n`);
    if (flags.quick) process.stdout.write("\n--quick: short, noisy runs. Leave it away for numbers to quote.\n");
    const report = { date: new Date().toISOString(), ...machine, quick: flags.quick, rounds, seconds, lossSteps, workloads };
    if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
  } finally {
    await host.close();
  }
}

new Command("bench")
  .description("Compare deltaprop with other libraries in headless Chrome. Losses are compared first.")
  .option("--only <name>", "contenders or workloads whose name contains this; may be repeated", collect, [])
  .option("--quick", "less than a minute, to see that all works", false)
  .option("--rounds <count>", "timed rounds, each on fresh pages", wholeNumber)
  .option("--json <file>", "write all numbers there")
  .allowExcessArguments(false)
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
