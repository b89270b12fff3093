// Builds the command line as `npm run build:js` does, into a folder of its own, and runs it as a process.

import { spawn } from "node:child_process";
import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createBuilder } from "vite";
import { writeTinyDigits } from "./tiny-digits.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface BuiltCli {
  /** Runs to the end; `during` sees the process and its output as it grows. */
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The built file. */
  readonly script: string;
  remove(): Promise<void>;
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly during?: During;
  readonly cwd?: string;
}

type During = (output: string, kill: (signal: NodeJS.Signals) => void, pid: number) => void;

/** Inside node_modules, so that the optional packages are found from there. */
export async function buildCli(): Promise<BuiltCli> {
  const cache = `${ROOT}node_modules/.cache`;
  await mkdir(cache, { recursive: true });
  const outDir = await mkdtemp(`${cache}/deltaprop-cli-`);
  const environment = { build: { outDir } };
  const builder = await createBuilder({
    root: ROOT,
    configFile: `${ROOT}vite.config.ts`,
    logLevel: "error",
    environments: { client: environment, page: environment, cli: environment },
  });
  await builder.buildApp();
  return {
    run: (args, options) => run(`${outDir}/cli.js`, args, options),
    script: `${outDir}/cli.js`,
    remove: () => rm(outDir, { recursive: true }),
  };
}

function run(script: string, args: readonly string[], { env, during, cwd }: RunOptions = {}) {
  return new Promise<Ran>((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        output[name] += text;
        during?.(output.stdout + output.stderr, (signal) => child.kill(signal), child.pid!);
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
  });
}

/** The command, and a folder of small digits for it. */
export async function buildCliWithDigits(): Promise<{ cli: BuiltCli; folder: string; remove: () => Promise<void> }> {
  const cli = await buildCli(),
    folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
  await writeTinyDigits(folder);
  const remove = async () => {
    await cli.remove();
    await rm(folder, { recursive: true });
  };
  return { cli, folder, remove };
}
