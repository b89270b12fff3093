// The bundles of pages and contenders: files beside this one, or, in the single file of `npm run build:bench`, text within it.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** By name; set by what bench/vite.config.ts puts before the command. */
const embedded = (globalThis as { deltapropBench?: Readonly<Record<string, string>> }).deltapropBench;

export const isSingleFile = embedded !== undefined;

/** This command itself: it lies beside the others but is none of theirs. */
const self = (): string => basename(fileURLToPath(import.meta.url));

export async function readScripts(): Promise<Map<string, string>> {
  if (embedded) return new Map(Object.entries(embedded));
  const names = (await readdir(new URL(".", import.meta.url))).filter((name) => name.endsWith(".js") && name !== self());
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, import.meta.url), "utf8")] as const)));
}

/** A folder from which Node can import them, and how to be rid of it. */
export async function scriptFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  if (!embedded) return { path: fileURLToPath(new URL(".", import.meta.url)), remove: async () => {} };
  const path = await mkdtemp(join(tmpdir(), "deltaprop-bench-"));
  await writeFile(join(path, "package.json"), '{ "type": "module" }');
  for (const [name, text] of Object.entries(embedded)) await writeFile(join(path, name), text);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
