// The text to learn: a file, or the project's own sources.

import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FormatError, InputError } from "../errors.ts";
import { quoted } from "./characters.ts";
import { count } from "./progress.ts";
import { readFileAtMost } from "./regular-file.ts";

/** What fits a text of JavaScript. */
const MAX_BYTES = 2 ** 28;

export interface Text {
  readonly text: string;
  /** Where it came from, for the user. */
  readonly source: string;
}

function decoded(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError(`${where}: the file must be text in UTF-8 and is not. Convert it, or name another file.`);
  }
}

async function readTextFile(path: string): Promise<Text> {
  const bytes = await readFileAtMost(path, MAX_BYTES).catch((error: Error) => {
    throw new InputError(`--text ${path}: the file cannot be read: ${error.message}`);
  });
  const text = decoded(bytes, `--text ${path}`);
  if (text === "") throw new InputError(`--text ${path}: the file is empty. Name a file with text to learn.`);
  return { text, source: path };
}

/** The folder of the package that this file was built into, going up from it. */
async function ownFolder(): Promise<string | null> {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const json = await readFile(join(folder, "package.json"), "utf8").catch(() => null);
    if (json !== null && (JSON.parse(json) as { name?: unknown }).name === "deltaprop") return folder;
    if (folder === dirname(folder)) return null;
  }
}

/** The TypeScript files of src/, which a checkout has and an installed package has not. */
async function readOwnSources(): Promise<Text> {
  const folder = await ownFolder();
  const entries = folder === null ? [] : await readdir(join(folder, "src"), { recursive: true }).catch(() => []);
  const names = entries.filter((name) => name.endsWith(".ts")).sort();
  if (folder === null || names.length === 0) {
    throw new InputError(
      "--text is missing: without it the project's own sources are read, which only a checkout has. " + "Give --text FILE.",
    );
  }
  const texts = await Promise.all(names.map((name) => readFile(join(folder, "src", name), "utf8")));
  return { text: texts.join("\n"), source: `the project's own sources: ${count(names.length)} files of src/; --text names another` };
}

/** @param path null for the project's own sources. @throws InputError or FormatError, saying what to do */
export const loadText = (path: string | null): Promise<Text> => (path === null ? readOwnSources() : readTextFile(path));

/** @throws InputError unless there are two characters to tell apart, a window for every row, and an answer to its last character */
export function checkTextFits(characters: number, vocabulary: readonly string[], length: number, batchSize: number, where: string): void {
  if (vocabulary.length < 2) {
    throw new InputError(
      `${where}: the text is ${count(characters)} times the character ${quoted(vocabulary[0])}, and the next one is always the same. ` +
        "Give a text of at least two different characters.",
    );
  }
  const least = length * batchSize + 1;
  if (characters >= least) return;
  throw new InputError(
    `${where}: --batch ${batchSize} windows of --length ${length} take at least ${count(least)} characters; the text ` +
      `has ${count(characters)}. Give a longer text, or smaller --length or --batch.`,
  );
}
