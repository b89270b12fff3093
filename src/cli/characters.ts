// A text as numbers: its characters (code points), each by its place in the vocabulary. Pure, for the command and the page.

import { InputError } from "../errors.ts";

const codeOf = (character: string): number => character.codePointAt(0)!;

/** The distinct characters in the order of their code points. */
export const vocabularyOf = (text: string): string[] => [...new Set(text)].sort((a, b) => codeOf(a) - codeOf(b));

/** A character by its picture, if it has one, and its code point. */
/** A text in quotation marks, with escapes for whatever would steer a terminal. */
export const quoted = (text: string): string =>
  JSON.stringify(text).replace(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`);

const named = (character: string): string => `${quoted(character)} (U+${codeOf(character).toString(16).toUpperCase().padStart(4, "0")})`;

const PLACES_OF_A_BYTE = 256;

/** The text as places in the vocabulary. @throws InputError naming the first character that is not in it, and its line */
export function placesOf(text: string, vocabulary: readonly string[], where: string): Uint8Array | Uint32Array {
  const places = new Map(vocabulary.map((character, place) => [character, place]));
  const found = vocabulary.length <= PLACES_OF_A_BYTE ? new Uint8Array(text.length) : new Uint32Array(text.length);
  let characters = 0,
    line = 1;
  for (const character of text) {
    const place = places.get(character);
    if (place === undefined) {
      throw new InputError(
        `${where}: line ${line.toLocaleString("en-US")} has the character ${named(character)}, which the loaded model does not ` +
          `know; it knows ${vocabulary.length} others. Take it out of the text, or train without --load.`,
      );
    }
    if (character === "\n") line++;
    found[characters++] = place;
  }
  return found.slice(0, characters);
}
