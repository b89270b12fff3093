// The GPU tests as a bundle (bench/campaign): runs one file and tells what passed, failed and did not run.

import { startTests, type File, type Task, type Test, type VitestRunner } from "@vitest/runner";

export interface FileOutcome {
  readonly passed: number;
  readonly failed: readonly { readonly name: string; readonly error: string }[];
  readonly notRun: readonly { readonly name: string; readonly reason: string }[];
}

/** Vite writes the imports here when it bundles. */
const FILES = (import.meta as unknown as { glob(pattern: string): Record<string, () => Promise<unknown>> }).glob("../gpu/**/*.test.ts");

/** As vitest.config.ts has them for GPU tests. */
const TIMEOUT = 60_000;

const config: VitestRunner["config"] = {
  root: "/",
  setupFiles: [],
  name: undefined,
  passWithNoTests: false,
  testNamePattern: undefined,
  allowOnly: false,
  sequence: { shuffle: false, concurrent: false, seed: 0, hooks: "stack", setupFiles: "list" },
  chaiConfig: undefined,
  maxConcurrency: 1,
  testTimeout: TIMEOUT,
  hookTimeout: TIMEOUT,
  retry: 0,
  includeTaskLocation: false,
  tags: [],
  tagsFilter: undefined,
  strictTags: false,
};

const testsOf = (task: Task): Test[] => (task.type === "test" ? [task] : task.tasks.flatMap(testsOf));
const nameOf = ({ suite, name }: Task): string =>
  suite && suite.type === "suite" && !("filepath" in suite) ? `${nameOf(suite)} > ${name}` : name;
const words = (task: Task): string => (task.result?.errors ?? []).map(({ message }) => message).join("\n") || "failed without a word";

/** Groups whose hooks failed: their tests may have passed, or never begun. */
const failedGroups = (task: Task): Task[] =>
  task.type === "test" ? [] : [...(task.result?.errors?.length ? [task] : []), ...task.tasks.flatMap(failedGroups)];

function outcomeOf(file: File): FileOutcome {
  const tests = testsOf(file),
    failed = [...tests.filter(({ result }) => result?.state === "fail"), ...failedGroups(file)];
  const notRun = tests.filter(({ result }) => result?.state !== "pass" && result?.state !== "fail");
  return {
    passed: tests.filter(({ result }) => result?.state === "pass").length,
    failed: failed.map((task) => ({ name: nameOf(task), error: words(task) })),
    notRun: notRun.map((test) => ({ name: nameOf(test), reason: reasonOf(test) })),
  };
}

/** Tests say why when they leave off by themselves; the others are those of workers (describe.runIf(hasWorkers)). */
function reasonOf({ result, mode }: Test): string {
  const { note } = (result ?? {}) as { note?: string };
  if (note) return note;
  return mode === "skip" ? "it needs a page or its workers, which Node does not have" : "what came before it failed";
}

/** @param name as in test/gpu, without its ending: "api-fit", "slow/predict" @throws Error for a name of no file */
export async function runFile(name: string): Promise<FileOutcome> {
  const load = FILES[`../gpu/${name}.test.ts`] as (() => Promise<unknown>) | undefined;
  if (!load) throw new Error(`no test file ${name}`);
  const [file] = await startTests([name], { config, importFile: load });
  return outcomeOf(file);
}
