// The text to learn: a file, or the project's own sources; and its characters (code points) as numbers.

import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FormatError, InputError } from "../errors.ts";
import { count } from "./progress.ts";

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
  const bytes = await readFile(path).catch((error: Error) => {
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
    throw new InputError("--text is missing: without it the project's own sources are read, which only a checkout has. " +
      "Give --text FILE.");
  }
  const texts = await Promise.all(names.map((name) => readFile(join(folder, "src", name), "utf8")));
  return { text: texts.join("\n"), source: `the project's own sources: ${count(names.length)} files of src/; --text names another` };
}

/** @param path null for the project's own sources. @throws InputError or FormatError, saying what to do */
export const loadText = (path: string | null): Promise<Text> => (path === null ? readOwnSources() : readTextFile(path));

const codeOf = (character: string): number => character.codePointAt(0)!;

/** The distinct characters in the order of their code points. */
export const vocabularyOf = (text: string): string[] => [...new Set(text)].sort((a, b) => codeOf(a) - codeOf(b));

/** A character by its picture, if it has one, and its code point. */
const named = (character: string): string => `${JSON.stringify(character)} (U+${codeOf(character).toString(16).toUpperCase().padStart(4, "0")})`;

const PLACES_OF_A_BYTE = 256;

/** The text as places in the vocabulary. @throws InputError naming the first character that is not in it, and its line */
export function placesOf(text: string, vocabulary: readonly string[], where: string): Uint8Array | Uint32Array {
  const places = new Map(vocabulary.map((character, place) => [character, place]));
  const found = vocabulary.length <= PLACES_OF_A_BYTE ? new Uint8Array(text.length) : new Uint32Array(text.length);
  let characters = 0, line = 1;
  for (const character of text) {
    const place = places.get(character);
    if (place === undefined) {
      throw new InputError(`${where}: line ${count(line)} has the character ${named(character)}, which the loaded model does not ` +
        `know; it knows ${vocabulary.length} others. Take it out of the text, or train without --load.`);
    }
    if (character === "\n") line++;
    found[characters++] = place;
  }
  return found.slice(0, characters);
}

/** @throws InputError unless there is a window for every row, and an answer to its last character */
export function checkTextFits(characters: number, length: number, batchSize: number, where: string): void {
  const least = length * batchSize + 1;
  if (characters >= least) return;
  throw new InputError(`${where}: --batch ${batchSize} windows of --length ${length} take at least ${count(least)} characters; the text ` +
    `has ${count(characters)}. Give a longer text, or smaller --length or --batch.`);
}
