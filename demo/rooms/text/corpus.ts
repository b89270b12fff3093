// The text to learn: what it must be to be learnt, and what a guesser without memory would make of it.

import { vocabularyOf } from "../../../src/cli/characters.ts";

/** More would only make the page slow. */
export const MOST_CHARACTERS = 2_000_000;
/** Each has a row of weights and a place in every answer. */
export const MOST_DISTINCT = 3_000;

export interface Corpus {
  readonly text: string;
  /** Null for one of the visitor's own. */
  readonly title: string | null;
  /** Code points. */
  readonly characters: number;
  readonly vocabulary: readonly string[];
  /** Of who knows how often each character comes, and nothing else: e^H. */
  readonly unigram: number;
}

/** Why a text is refused, with the numbers that say so. */
export type Problem =
  | { readonly kind: "short"; readonly characters: number; readonly least: number }
  | { readonly kind: "long"; readonly characters: number; readonly most: number }
  | { readonly kind: "same"; readonly distinct: number }
  | { readonly kind: "many"; readonly distinct: number; readonly most: number }
  | { readonly kind: "binary"; readonly character: string };

/** Line ends of other systems, and the mark at the start of some files, are no characters to learn. */
export const tidy = (text: string): string => text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");

/** What no text holds: control characters, halves of pairs, and what stands for bytes that are no UTF-8. */
const BINARY = /[\p{Cs}\uFFFD]|(?![\n\t\f])\p{Cc}/u;

/** The end of a text is held out: the network never learns from it, so that it can be asked about what it has not read. */
const HELD_SHARE = 10;
/** @returns how many of so many characters */
export const heldOut = (characters: number): number => Math.floor(characters / HELD_SHARE);

/** So many characters leave one window of each row to learn from, one to be asked about, and an answer to the last of each. */
export function leastCharacters({ length, batch }: { readonly length: number; readonly batch: number }): number {
  const learnt = length * batch + 1;
  return Math.max(learnt + Math.floor((learnt - 1) / (HELD_SHARE - 1)), HELD_SHARE * (length + 1));
}

const codePoint = (character: string): string => `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;

function countsOf(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return counts;
}

/** e^H of how often each comes. */
const perplexityOf = (counts: ReadonlyMap<string, number>, characters: number): number =>
  Math.exp([...counts.values()].reduce((sum, count) => sum - (count / characters) * Math.log(count / characters), 0));

/** @returns the text with what is known of it, or why it cannot be learnt */
export function readCorpus(
  given: string,
  title: string | null,
  windows: { readonly length: number; readonly batch: number },
): Corpus | Problem {
  if (given.length > 2 * MOST_CHARACTERS) return { kind: "long", characters: given.length, most: MOST_CHARACTERS };
  const text = tidy(given),
    binary = BINARY.exec(text),
    least = leastCharacters(windows);
  if (binary) return { kind: "binary", character: codePoint(binary[0]) };
  const counts = countsOf(text),
    characters = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (characters > MOST_CHARACTERS) return { kind: "long", characters, most: MOST_CHARACTERS };
  if (characters < least) return { kind: "short", characters, least };
  // Of the characters that were found, not of the text once more: it may be long.
  const vocabulary = vocabularyOf([...counts.keys()].join(""));
  if (vocabulary.length < 2) return { kind: "same", distinct: vocabulary.length };
  if (vocabulary.length > MOST_DISTINCT) return { kind: "many", distinct: vocabulary.length, most: MOST_DISTINCT };
  return { text, title, characters, vocabulary, unigram: perplexityOf(counts, characters) };
}

export const isProblem = (read: Corpus | Problem): read is Problem => "kind" in read;
