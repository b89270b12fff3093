// `npm run bench`: deltaprop and its peers on the same training steps and products, in one runtime, on one adapter.

import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { Command, Option } from "commander";
import { collect, RUNTIMES, settingsOf, wholeNumber, type Flags } from "./arguments.ts";
import { isSingleFile } from "./built-files.ts";
import { openHost } from "./host.ts";
import { ANSWER_FLAG, answerOneQuestion } from "./node-child.ts";
import { runBenchmark } from "./run.ts";
import { workloadTable } from "./table.ts";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(flags: Flags): Promise<void> {
  const settings = settingsOf(flags), host = await openHost(flags.runtime, say);
  try {
    const machine = { ...await host.describe(), cpu: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}` };
    say(`${machine.runtime}, ${machine.adapter}, ${machine.cpu}`);
    const workloads = await runBenchmark(host, { ...settings, say }), { rounds, seconds, lossSteps } = settings;
    for (const report of workloads) process.stdout.write(`\n${workloadTable(report)}\n`);
    if (flags.quick) process.stdout.write("\n--quick: short, noisy runs. Leave it away for numbers to quote.\n");
    const report = { date: new Date().toISOString(), ...machine, quick: flags.quick, rounds, seconds, lossSteps, workloads };
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
  .option("--json <file>", "write all numbers there")
  .allowExcessArguments(false)
  .action(main);

if (process.argv[2] === ANSWER_FLAG) {
  answerOneQuestion();
} else {
  command.parseAsync().catch((error: unknown) => {
    say(`error: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
