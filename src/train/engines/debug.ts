// compile({ debug }): logs what the backend runs, by console.log. 1: each plan when it is first made ready. 2: its launches, too, each with
// its tensors and equations. 3: how long steps take, and on a GPU with timestamp queries how long each launch takes. Loaded when asked for.

import { InputError } from "../../errors.ts";
import { StepQueue } from "../../gpu/queue.ts";
import { hasTimestamps, TimedExecutor } from "../../gpu/timed-executor.ts";
import { show } from "../../model/checks.ts";
import type { Plan } from "../../schedule/plan.ts";
import type { Backend, Runner } from "../backend/backend.ts";
import { Stopwatch } from "./debug-timing.ts";
import { loadFloat64 } from "../../lazy.ts";

export const LEVELS = [0, 1, 2, 3] as const;
export type DebugLevel = (typeof LEVELS)[number];

/** Starts with the name of the library, as its warnings do: the commands tell it from what a browser logs by that. */
const log = (text: string): void => console.log(`deltaprop: ${text}`);

/** The CPU backend evaluates the graph as it is: nothing was planned for it. */
function planText(plan: Plan, { kind }: Backend): string {
  return kind === "cpu"
    ? `${plan.graph.purpose} step, batch ${plan.batch}: ${plan.graph.ops.length} operations, one after the other in float64`
    : plan.toString();
}

/** The words for equations come with what compares them with float64: what inspectStep() and this say is the same. */
async function launchTexts(plan: Plan, { kind }: Backend): Promise<string[]> {
  const { describeStage, describeSteps } = await loadFloat64();
  return kind === "cpu" ? describeSteps(plan, plan.graph.ops) : plan.stages.flatMap((_, index) => describeStage(plan, index));
}

/** A runner that tells how long its steps take. */
function timed(runner: Runner, plan: Plan, kind: Backend["kind"]): Runner {
  const { executor } = runner,
    hasQueries = executor !== undefined && hasTimestamps(executor.device);
  const watch = new Stopwatch(plan, log, kind === "webgpu" ? "submit" : kind === "wasm" ? "call" : "step");
  if (executor && !hasQueries) log("this device has no timestamp queries, so only whole submits are timed");
  const queue = hasQueries ? new StepQueue(new TimedExecutor(executor, (...of) => watch.addLaunch(...of))) : runner;
  return {
    resultElements: runner.resultElements,
    executor,
    async run(steps, onResults, signal, onSubmitted) {
      let before = performance.now();
      try {
        return await queue.run(
          steps,
          (first, count, results) => {
            watch.addSteps(count, performance.now() - before);
            onResults(first, count, results);
            // What is done with the results is none of the step.
            before = performance.now();
          },
          signal,
          onSubmitted,
        );
      } finally {
        watch.tell();
      }
    },
    dispose: () => runner.dispose(),
  };
}

/** @throws InputError if it is none */
function checkLevel(level: unknown): DebugLevel {
  const found = LEVELS.find((each) => each === level);
  if (found === undefined) throw new InputError(`compile(): debug must be 0, 1, 2 or 3; got ${show(level)}.`);
  return found;
}

/** The backend that `open` gives, with a log of what it runs. @throws InputError before it is opened if the level is none */
export async function watch(given: unknown, open: () => Promise<Backend>): Promise<Backend> {
  const debug = checkLevel(given),
    backend = await open(),
    prepare = backend.prepare.bind(backend),
    told = new Set<string>();
  backend.debug = debug;
  backend.prepare = async (plan, data) => {
    const runner = await prepare(plan, data),
      text = planText(plan, backend);
    // Calls make the same plans again.
    if (!told.has(text))
      log([`${backend.kind}, ${backend.adapter}`, text, ...(debug >= 2 ? await launchTexts(plan, backend) : [])].join("\n"));
    told.add(text);
    return debug >= 3 ? timed(runner, plan, backend.kind) : runner;
  };
  return backend;
}
