// The command of the campaign: one run that measures a machine with a GPU, in under nine minutes.

import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { markdownOf } from "./markdown.ts";
import { performInProcess, performOneTask, TASK_FLAG } from "./process.ts";
import type { CampaignReport } from "./rows.ts";
import { runCampaign } from "./run.ts";
import { PARTS, partsOf } from "./tasks.ts";
import { PYTORCH_FILE, TESTS_FILE } from "./work.ts";
import { runCommand } from "../run-command.ts";

/** Set by what bench/campaign/vite.config.ts puts before the command. */
interface Embedded {
  /** The bundle of the GPU tests, and the names of its files. */
  readonly tests: string;
  readonly testFiles: readonly string[];
  readonly pytorch: string;
}

interface Flags {
  readonly quick: boolean;
  readonly patience: number;
  readonly parts?: string;
  readonly json: string;
  readonly markdown: string;
}

function factor(text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 1000)) throw new InvalidArgumentError(`It must be a number from 1 to 1000; got "${text}".`);
  return value;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Replaced as a whole, so that whoever stops the campaign finds a whole file. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}

async function unpack({ tests, pytorch }: Embedded): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "deltaprop-campaign-"));
  await writeFile(join(folder, TESTS_FILE), tests);
  await writeFile(join(folder, PYTORCH_FILE), pytorch);
  return folder;
}

async function main({ quick, patience, parts, json, markdown }: Flags): Promise<void> {
  const chosen = partsOf(parts),
    embedded = (globalThis as { deltapropCampaign?: Embedded }).deltapropCampaign;
  if (!embedded) throw new Error("this is a part of the campaign; npm run build:campaign makes the whole: dist-bench/campaign.mjs");
  const folder = await unpack(embedded);
  const save = async (report: CampaignReport) => {
    await replaceFile(json, `${JSON.stringify(report, null, 2)}\n`);
    await replaceFile(markdown, markdownOf(report));
  };
  try {
    const report = await runCampaign({
      parts: chosen,
      quick,
      patience,
      testFiles: embedded.testFiles,
      cpu: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
      save,
      say,
      now: () => performance.now(),
      perform: (task, tell, seconds) => performInProcess(task, folder, tell, seconds),
    });
    for (const { title, status, seconds } of report.parts) say(`${title}: ${status}, ${seconds.toFixed(0)} s`);
    say(`Written: ${json}, ${markdown}`);
    if (report.parts.some(({ status }) => status === "failed")) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const command = new Command("campaign")
  .description("Measure this machine's GPU: tests, ceilings, workloads beside jax-js and PyTorch, cuts, features and sizes.")
  .option("--quick", "less than a minute, to see that all works; no numbers to quote", false)
  .option("--parts <names>", `only these, with commas between them: ${PARTS.map(({ name }) => name).join(", ")}`)
  .option("--patience <factor>", "multiplies all limits of time: for software adapters", factor, 1)
  .option("--json <file>", "where all numbers go, after each task", "campaign.json")
  .option("--markdown <file>", "where the tables go, after each task", "campaign.md")
  .allowExcessArguments(false)
  .action(main);

if (process.argv[2] === TASK_FLAG) {
  performOneTask();
} else {
  runCommand(command, say);
}
