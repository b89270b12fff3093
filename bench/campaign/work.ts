// Hands a task to the file that knows its part. Runs in the process of the task, which has navigator.gpu.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { roofline } from "../roofline/roofline.ts";
import { WORKLOADS } from "../workloads.ts";
import { PRODUCTS } from "../products.ts";
import { describeHere } from "./adapter.ts";
import { timeCandidates } from "./candidates.ts";
import { contest } from "./contest.ts";
import { tryFeatures } from "./features.ts";
import { askPyTorch } from "./pytorch.ts";
import type { Row, TestRow } from "./rows.ts";
import { trySize } from "./sizes.ts";
import type { Task } from "./tasks.ts";

/** What the bundle of the GPU tests exports (test/campaign/tests.ts). */
interface TestsBundle {
  runFile(name: string): Promise<Omit<TestRow, "kind">>;
}

export const TESTS_FILE = "tests.mjs",
  PYTORCH_FILE = "pytorch.py";

async function runTests({ name }: Task, folder: string, tell: (row: Row) => void): Promise<void> {
  const bundle = (await import(/* @vite-ignore */ pathToFileURL(join(folder, TESTS_FILE)).href)) as TestsBundle;
  tell({ kind: "test", ...(await bundle.runFile(name)) });
}

async function runRoofline({ quick }: Task, tell: (row: Row) => void): Promise<void> {
  const all = [...WORKLOADS, ...PRODUCTS].map(({ name }) => name),
    tasks = quick ? ["2-8-1 b4 sgd"] : all;
  const pace = quick ? "quick" : "full";
  await roofline({ kind: "roofline", bundle: "roofline.js", pace, tasks }, (result) => tell({ kind: "roofline", result }));
}

export async function work(task: Task, folder: string, tell: (row: Row) => void): Promise<void> {
  switch (task.part) {
    case "adapter":
      return tell(await describeHere());
    case "tests":
      return runTests(task, folder, tell);
    case "roofline":
      return runRoofline(task, tell);
    case "workloads":
      return contest(task, folder, tell);
    case "autotune":
      return timeCandidates(task, tell);
    case "features":
      return tryFeatures(task, folder, tell);
    case "sizes":
      return trySize(task, folder, tell);
    case "pytorch":
      return askPyTorch(task, join(folder, PYTORCH_FILE), tell);
  }
}
