// Finds Deno, or gets it: DELTAPROP_DENO, the PATH, what was got before, then the npm package `deno` into node_modules/.cache.
// It is no dependency: some 130 MB for one host of the tests.

import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

/** The first whose WebGPU runs all tests is not known; this one does. */
const VERSION = "2.9.6";
const CACHE = resolve("node_modules/.cache/deltaprop-deno");
const run = promisify(execFile);

export interface Deno {
  readonly path: string;
  readonly version: string;
}

/** The version if the program starts. */
async function startDeno(path: string): Promise<Deno | null> {
  try {
    const { stdout } = await run(path, ["--version"], { timeout: 30_000 });
    const version = /^deno (\S+)/.exec(stdout);
    return version && { path, version: `Deno ${version[1]}` };
  } catch {
    return null;
  }
}

/** The program lies in the package of this platform. */
function cached(): string[] {
  const folder = join(CACHE, "node_modules", "@deno");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => join(folder, name, process.platform === "win32" ? "deno.exe" : "deno"));
}

/** @throws Error in words for the table */
export async function findDeno(say: (line: string) => void): Promise<Deno> {
  const given = process.env.DELTAPROP_DENO;
  const candidates = async (paths: readonly string[]): Promise<Deno | null> => {
    for (const path of paths) {
      const deno = await startDeno(path);
      if (deno) return deno;
    }
    return null;
  };
  if (given) {
    const deno = await candidates([given]);
    if (!deno) throw new Error(`DELTAPROP_DENO must name a Deno that starts; got ${given}`);
    return deno;
  }
  const installed = await candidates(["deno", ...cached()]);
  if (installed) return installed;
  say(`Getting Deno ${VERSION} from npm, for this and later runs …`);
  await mkdir(CACHE, { recursive: true });
  // Its install script only copies the program out of the package of the platform.
  const npm = ["install", "--prefix", CACHE, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", `deno@${VERSION}`];
  await run(process.platform === "win32" ? "npm.cmd" : "npm", npm, { timeout: 300_000 }).catch(
    (error: { stderr?: string; message: string }) => {
      throw new Error(`npm install deno@${VERSION} fails: ${(error.stderr ?? error.message).trim().split("\n")[0]}`);
    },
  );
  const gotten = await candidates(cached());
  if (!gotten) throw new Error(`deno@${VERSION} has no program that starts on ${process.platform} ${process.arch}`);
  return gotten;
}
