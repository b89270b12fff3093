// Writes the networks to files, has bench/peers/pytorch.py train them, and passes on what it tells.

import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { TOLERANCE } from "../agreement.ts";
import { makeRecurrentProblem, type RecurrentWorkload } from "../recurrent.ts";
import { ADAM, makeProblem, WORKLOADS, type Workload } from "../workloads.ts";
import { stepFlops, type Tell } from "./contest.ts";
import { paceOf } from "./pace.ts";
import { rememberedLosses } from "./reference.ts";
import type { Row } from "./rows.ts";
import { SEQUENCES, type Task } from "./tasks.ts";

/** Puts an array into a file and gives its name. */
type Write = (values: Float32Array | Uint8Array) => Promise<string>;

async function trainingTask(workload: Workload, write: Write): Promise<object> {
  const { x, y, labels, rows, weights } = makeProblem(workload),
    { widths } = workload,
    files = [];
  for (const { fanIn, fanOut, kernel, bias } of weights) {
    files.push({ fanIn, fanOut, kernel: await write(kernel), bias: await write(bias) });
  }
  return {
    ...workload,
    adam: ADAM,
    rows,
    features: widths[0],
    outputs: widths.at(-1),
    weights: files,
    flops: stepFlops(workload),
    x: await write(x),
    y: await write(y),
    labels: await write(labels),
  };
}

async function recurrentTask(workload: RecurrentWorkload, write: Write): Promise<object> {
  const { x, labels, rows, input, recurrent, recurrentBias, output } = makeRecurrentProblem(workload);
  const weights = {
    input: await write(input.kernel),
    bias: await write(input.bias),
    recurrent: await write(recurrent),
    recurrentBias: recurrentBias && (await write(recurrentBias)),
    output: await write(output.kernel),
    outputBias: await write(output.bias),
  };
  return { ...workload, optimizer: "adam", adam: ADAM, rows, weights, flops: null, x: await write(x), labels: await write(labels) };
}

async function writeTasks(folder: string, quick: boolean): Promise<void> {
  let count = 0;
  const write: Write = async (values) => {
    const name = `${count++}.bin`;
    await writeFile(join(folder, name), values);
    return name;
  };
  const { rounds, seconds, lossSteps } = paceOf(quick),
    tasks: object[] = [];
  for (const workload of quick ? [WORKLOADS[0]] : [...WORKLOADS, ...SEQUENCES]) {
    const task = await (workload.kind === "training" ? trainingTask(workload, write) : recurrentTask(workload, write));
    const steps = workload.kind === "recurrent" ? Math.min(lossSteps, workload.mostLosses) : lossSteps;
    tasks.push({ ...task, reference: await rememberedLosses(dirname(folder), workload, steps) });
  }
  await writeFile(join(folder, "tasks.json"), JSON.stringify({ pace: { rounds, seconds, tolerance: TOLERANCE }, tasks }));
}

/** Windows calls it python. */
const PYTHON = process.platform === "win32" ? "python" : "python3";

/** Why PyTorch cannot be asked; null if it can. */
function missing(): string | null {
  const { error, status } = spawnSync(PYTHON, ["-c", "import torch"], { stdio: "ignore" });
  if (error) return `there is no ${PYTHON} here`;
  return status === 0 ? null : `${PYTHON} has no torch. To have it measured: ${PYTHON} -m pip install torch`;
}

/**
 * Lines of JSON become rows. Its standard input stays open as long as this process lives: by that it knows when to end.
 * @throws Error with the script's last words if it ends with an error
 */
async function listen(script: string, folder: string, tell: Tell): Promise<void> {
  const child = spawn(PYTHON, [script, folder], { stdio: ["pipe", "pipe", "pipe"] });
  let words = "";
  child.stderr.on("data", (data: Buffer) => {
    words = (words + data.toString()).slice(-2000);
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  for await (const line of createInterface({ input: child.stdout })) tell(JSON.parse(line) as Row);
  const code = await ended;
  if (code !== 0) throw new Error(`pytorch.py ended with ${code}: ${words.trim().split("\n").at(-1)}`);
}

export async function askPyTorch({ quick }: Task, script: string, tell: Tell): Promise<void> {
  const reason = missing();
  if (reason !== null) {
    return tell({ kind: "agreement", workload: "all", contender: "PyTorch", status: "not here", difference: null, says: reason });
  }
  const folder = await mkdtemp(join(dirname(script), "networks-"));
  try {
    await writeTasks(folder, quick);
    await listen(script, folder, tell);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
