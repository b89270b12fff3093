// The campaign as a whole: part after part, task after task, each within its time, the report saved after every task.

import type { CampaignReport, PartReport, Row, TaskReport } from "./rows.ts";
import { tasksOf, type Part, type PartName, type Task } from "./tasks.ts";

export interface CampaignOptions {
  readonly parts: readonly (Part & { readonly name: PartName })[];
  readonly quick: boolean;
  /** All limits are multiplied by this; 1 on a GPU. */
  readonly patience: number;
  readonly testFiles: readonly string[];
  readonly cpu: string;
  /**
   * Runs one task and resolves when it is done; rows come as they are told.
   * @throws OutOfTime after so many seconds, by when it has ended the task; Error if the task failed
   */
  readonly perform: (task: Task, tell: (row: Row) => void, seconds: number) => Promise<void>;
  /** Called after each task with all that is known. */
  readonly save: (report: CampaignReport) => Promise<void>;
  readonly say: (line: string) => void;
  /** Milliseconds on any clock. */
  readonly now: () => number;
}

export class OutOfTime extends Error {}

const LEAST_SECONDS = 1;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split("\n")[0];

/** A line for the task, and one for each thing that failed in it, by name. */
function lineOf({ name, status, says, rows }: TaskReport): string {
  const tests = rows.filter((row) => row.kind === "test");
  const failed = rows.flatMap((row) =>
    row.kind === "test"
      ? row.failed
      : row.kind === "agreement" && row.status !== "agrees"
        ? [{ name: `${row.workload}, ${row.contender}`, error: `${row.status}: ${row.says}` }]
        : [],
  );
  const counts = tests.length === 0 ? "" : ` (${tests[0].passed} passed, ${failed.length} failed, ${tests[0].notRun.length} not run)`;
  const mark = tests.length > 0 ? "FAILED " : "";
  return [
    `  ${name}: ${status}${counts}${says && `: ${says}`}`,
    ...failed.map((one) => `    ${mark}${one.name}: ${messageOf(one.error)}`),
  ].join("\n");
}

async function runTask(task: Task, report: TaskReport, seconds: number, { perform, now }: CampaignOptions): Promise<void> {
  const started = now();
  try {
    await perform(task, (row) => report.rows.push(row), seconds);
    report.status = "done";
  } catch (error) {
    report.status = error instanceof OutOfTime ? "out of time" : "failed";
    report.says = messageOf(error);
  }
  report.seconds = (now() - started) / 1000;
}

const PEER = /^(jax-js|PyTorch)/;

/** A test that failed; deltaprop computing something else, or nothing. What peers cannot do is in the tables. */
const isFailure = (row: Row): boolean =>
  row.kind === "test"
    ? row.failed.length > 0
    : row.kind === "agreement" && ["wrong", "failed"].includes(row.status) && !PEER.test(row.contender);

/** Of its tasks the worst that happened to any. */
function statusOf({ tasks }: PartReport): PartReport["status"] {
  if (tasks.some(({ status, rows }) => status === "failed" || rows.some(isFailure))) return "failed";
  return tasks.every(({ status }) => status === "done") ? "done" : "out of time";
}

async function runPart(part: CampaignOptions["parts"][number], report: CampaignReport, options: CampaignOptions): Promise<void> {
  const { quick, patience, testFiles, now, save, say } = options,
    started = now();
  const limit = patience * part.seconds[quick ? "quick" : "full"];
  const tasks = tasksOf(part.name, quick, testFiles);
  const own: PartReport = {
    name: part.name,
    title: part.title,
    status: "running",
    seconds: 0,
    tasks: tasks.map(({ name }) => ({ name, status: "not started", says: "", seconds: 0, rows: [] })),
  };
  report.parts.push(own);
  say(`${part.title} (at most ${limit} s)`);
  for (const [i, task] of tasks.entries()) {
    const left = limit - (now() - started) / 1000;
    if (left < LEAST_SECONDS) own.tasks[i].says = `the ${limit} s of its part were over`;
    else await runTask(task, own.tasks[i], Math.min(left, patience * part.taskSeconds), options);
    own.seconds = (now() - started) / 1000;
    say(lineOf(own.tasks[i]));
    await save(report);
  }
  own.status = statusOf(own);
  await save(report);
}

/**
 * A part that fails or runs out of time says so in the report; the others go on.
 * @throws Error if there is no adapter, without which there is nothing to measure
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const report: CampaignReport = { date: new Date().toISOString(), quick: options.quick, cpu: options.cpu, parts: [] };
  for (const part of options.parts) {
    await runPart(part, report, options);
    const [first] = report.parts;
    if (part.name === "adapter" && first.status !== "done") throw new Error(first.tasks[0].says);
  }
  return report;
}
