// `npm run test:hosts`: the tests under test/gpu in Chrome, Firefox, Node and Deno, one after the other, and a table of what
// came of it; with --differences also how far the same training comes apart between them.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { tmpdir } from "node:os";
import { Argument, Command } from "commander";
import { differencesText } from "./differences.ts";
import { HOSTS, startHost, type HostName, type Started } from "./hosts.ts";
import { OUTCOME_FILE, type Outcome } from "./outcome.ts";
import type { Sample } from "./sample.ts";
import { exitCode, reportText, type HostReport } from "./table.ts";

/** What hosts differ in: every kernel alone and every variant compiled, recurrent layers, worked cases, data on the device, several devices. */
const QUICK = ["adapter", "gpu/kernels/", "gpu/recurrent.test", "gpu/worked/", "conformance", "gpu/api/fit", "gpu/api/devices"];

interface Flags {
  readonly only: readonly string[];
  readonly quick: boolean;
  readonly all: boolean;
  readonly differences: boolean;
  readonly tests: boolean;
}

const say = (line: string) => console.error(line);
const words = (error: unknown) => (error instanceof Error ? error.message : String(error)).split("\n")[0];

/** @param files parts of their paths; none for all. @returns null if the process ended without an outcome */
async function runTests(
  { command, project, env }: Started,
  files: readonly string[],
): Promise<{ code: number | null; outcome: Outcome | null }> {
  const folder = await mkdtemp(join(tmpdir(), "deltaprop-hosts-")),
    file = join(folder, "outcome.json");
  const [program, ...args] = [
    ...command,
    "run",
    "--project",
    project,
    "--reporter=default",
    "--reporter=./test/support/outcome-reporter.ts",
    ...files,
  ];
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      // Its lines go to standard error; standard output is the table's.
      const child = spawn(program, args, { env: { ...env, [OUTCOME_FILE]: file }, stdio: ["ignore", 2, 2] });
      child.on("error", reject);
      child.on("close", resolve);
    });
    return {
      code,
      outcome: await readFile(file, "utf8").then(
        (text) => JSON.parse(text) as Outcome,
        () => null,
      ),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the adapter is called, or, where the host keeps that to itself, which driver it was given. */
function adapterOf({ sample, env }: Started): string {
  return sample.adapter || `unnamed (VK_DRIVER_FILES=${env.VK_DRIVER_FILES ?? ""})`;
}

/** @param sampled is given what the host's sample came to */
async function visit(
  host: HostName,
  { only, quick, differences, tests }: Flags,
  sampled: (weights: Sample["weights"]) => void,
): Promise<HostReport | null> {
  const start = performance.now(),
    seconds = () => (performance.now() - start) / 1000;
  let started: Started;
  try {
    started = await startHost(host, differences, { built: dirname(fileURLToPath(import.meta.url)), say });
  } catch (error) {
    return { host, state: "not run", says: words(error), seconds: seconds() };
  }
  const { version } = started,
    adapter = adapterOf(started);
  say(`\n${host}: ${version}, ${adapter}`);
  if (differences) sampled(started.sample.weights);
  if (!tests) return null;
  const { code, outcome } = await runTests(started, quick ? [...QUICK, ...only] : only);
  if (!outcome) return { host, state: "broken off", says: `its process ended with ${code}`, version, adapter, seconds: seconds() };
  // What Vitest calls a failure is one, also where no test says so.
  const failed = code !== 0 && outcome.failed.length === 0 ? [`Vitest ended with ${code}`] : outcome.failed;
  return { host, state: "ran", outcome: { ...outcome, failed }, version, adapter, seconds: seconds() };
}

async function main(hosts: readonly HostName[], flags: Flags): Promise<void> {
  const reports: HostReport[] = [],
    samples: [HostName, Sample["weights"]][] = [];
  for (const host of hosts) {
    const report = await visit(host, flags, (weights) => samples.push([host, weights]));
    if (report) reports.push(report);
  }
  if (reports.length > 0) console.log(`\n${reportText(reports)}`);
  if (flags.differences) console.log(`\n${differencesText(samples)}`);
  process.exitCode = flags.tests ? exitCode(reports, flags.all) : Number(samples.length < hosts.length);
}

await new Command("npm run test:hosts --")
  .description("Runs the GPU tests in Chrome, Firefox, Node and Deno and prints what passed where.")
  .addArgument(new Argument("[hosts...]", "where; default all").choices(HOSTS))
  .option("--only <files...>", "test files whose path contains one of these words", [])
  .option("--quick", "the test files that say most of a host, for CI", false)
  .option("--all", "a host that cannot be started is a failure", false)
  .option("--differences", "also train two small networks in each host and compare their weights", false)
  .option("--no-tests", "run no tests: with --differences alone")
  .action((hosts: HostName[], flags: Flags) => main(hosts.length > 0 ? hosts : HOSTS, flags))
  .parseAsync();
