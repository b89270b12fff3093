// Each task in a process of its own, which runs this same command: one that hangs, crashes or loses its device takes no other along.

import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { giveWebgpu } from "../../src/cli/node-webgpu.ts";
import { hearGpuErrors, throwGpuErrors } from "../gpu-errors.ts";
import { giveBenchWebgpu } from "../node-webgpu.ts";
import { fromText, toText } from "../protocol.ts";
import type { Row } from "./rows.ts";
import { OutOfTime } from "./run.ts";
import type { Task } from "./tasks.ts";
import { work } from "./work.ts";

export const TASK_FLAG = "--campaign-task";

interface ToChild {
  readonly task: Task;
  /** Where the bundle of the tests and the script for PyTorch lie. */
  readonly folder: string;
}

/** What a process sends: rows as text, then that it is done or why it is not. */
type FromChild = { readonly row: string } | { readonly done: true } | { readonly error: string };

/** @throws OutOfTime, and Error with what the process says or how it ended */
export async function performInProcess(task: Task, folder: string, tell: (row: Row) => void, seconds: number): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), [TASK_FLAG], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let words = "";
  child.stderr?.on("data", (data: Buffer) => {
    words = (words + data.toString()).slice(-2000);
  });
  try {
    await ended(child, { task, folder } satisfies ToChild, tell, seconds, () => words);
  } finally {
    child.kill("SIGKILL");
  }
}

function ended(child: ChildProcess, message: ToChild, tell: (row: Row) => void, seconds: number, words: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new OutOfTime(`not done after ${seconds.toFixed(0)} s`)), 1000 * seconds);
    const settle = (action: () => void) => {
      clearTimeout(timer);
      action();
    };
    child.on("message", (sent: FromChild) => {
      if ("row" in sent) tell(fromText(sent.row) as Row);
      else settle(() => ("error" in sent ? reject(new Error(sent.error)) : resolve()));
    });
    child.on("error", (error) => settle(() => reject(error)));
    child.on("exit", (code, signal) =>
      settle(() => {
        const last = words().trim().split("\n").at(-1);
        reject(new Error(`its process ended early (${signal ?? `exit code ${code}`})${last ? `: ${last}` : ""}`));
      }),
    );
    child.send(message);
  });
}

/** Tests get what the project node-gpu gives them, and make errors on purpose. */
async function perform(task: Task, folder: string, tell: (row: Row) => void): Promise<void> {
  if (task.part === "tests") {
    await giveWebgpu();
    return work(task, folder, tell);
  }
  await giveBenchWebgpu();
  hearGpuErrors();
  await work(task, folder, tell);
  throwGpuErrors();
}

/** Waits for the task that performInProcess() sends. */
export function performOneTask(): void {
  // Whoever asked has ended: Dawn alone would keep this process.
  process.on("disconnect", () => process.exit(1));
  process.once("message", ({ task, folder }: ToChild) => {
    const send = (sent: FromChild) => void process.send!(sent);
    perform(task, folder, (row) => send({ row: toText(row) })).then(
      () => send({ done: true }),
      (error: unknown) => send({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
}
