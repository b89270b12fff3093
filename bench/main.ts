// `npm run bench`: deltaprop and its peers on the same training steps and products, in one runtime, on one adapter.

import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { Command, Option } from "commander";
import { collect, RUNTIMES, settingsOf, wholeNumber, type Flags } from "./arguments.ts";
import { isSingleFile } from "./built-files.ts";
import type { Host } from "./host.ts";
import { ANSWER_FLAG, answerOneQuestion } from "./node-child.ts";
import { openHost } from "./open-host.ts";
import { rooflineText, type RooflineResult } from "./roofline/report.ts";
import { runBenchmark } from "./run.ts";
import { workloadTable } from "./table.ts";
import { runCommand } from "./run-command.ts";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** @returns the report that --json writes */
async function compare(host: Host, flags: Flags): Promise<object> {
  const settings = settingsOf(flags),
    { rounds, seconds, lossSteps } = settings;
  const workloads = await runBenchmark(host, { ...settings, say });
  for (const report of workloads) process.stdout.write(`\n${workloadTable(report)}\n`);
  if (flags.quick) process.stdout.write("\n--quick: short, noisy runs. Leave it away for numbers to quote.\n");
  return { rounds, seconds, lossSteps, workloads };
}

async function roofline(host: Host, flags: Flags): Promise<object> {
  const tasks = settingsOf(flags).workloads.map(({ name }) => name),
    pace = flags.quick ? "quick" : "full";
  const result = await host.ask<RooflineResult>({ kind: "roofline", bundle: "roofline.js", pace, tasks });
  process.stdout.write(`${rooflineText(result)}\n`);
  return result;
}

async function main(flags: Flags): Promise<void> {
  settingsOf(flags); // refuses wrong names before anything is launched
  const host = await openHost(flags.runtime, say);
  try {
    const machine = { ...(await host.describe()), cpu: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}` };
    say(`${machine.runtime}, ${machine.adapter}, ${machine.cpu}`);
    const report = {
      date: new Date().toISOString(),
      ...machine,
      quick: flags.quick,
      ...(await (flags.roofline ? roofline : compare)(host, flags)),
    };
    if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, null, 2)}\n`);
  } finally {
    await host.close();
  }
}

const command = new Command("bench")
  .description("Compare deltaprop with other libraries. What they compute is compared first.")
  .addOption(new Option("--runtime <name>", "where to run").choices(RUNTIMES).default(isSingleFile ? "node" : "chrome"))
  .option("--only <name>", "contenders or workloads whose name contains this; may be repeated", collect, [])
  .option("--quick", "less than a minute, to see that all works", false)
  .option("--rounds <count>", "timed rounds, each on fresh pages", wholeNumber)
  .option("--roofline", "in place of a comparison: each kernel of deltaprop against what the adapter reaches", false)
  .option("--json <file>", "write all numbers there")
  .allowExcessArguments(false)
  .action(main);

if (process.argv[2] === ANSWER_FLAG) {
  answerOneQuestion();
} else {
  runCommand(command, say);
}
