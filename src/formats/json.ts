// JSON as RFC 8259 has it, read into Maps, with what JSON.parse lets through refused: a key given twice in one object.
// Keys keep their order and "__proto__" is a key like any other. For small headers; not a fast parser.

import { FormatError } from "../errors.ts";

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export type JsonObject = Map<string, JsonValue>;

/** Deep enough for any header, and shallow enough that hostile nesting cannot overflow the stack. */
const MAX_DEPTH = 32;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const WORDS = [
  ["true", true],
  ["false", false],
  ["null", null],
] as const;

class Reader {
  #at = 0;

  constructor(
    readonly text: string,
    readonly where: string,
  ) {}

  fail(what: string): never {
    throw new FormatError(`${this.where}: not valid JSON at character ${this.#at}: ${what}.`);
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (match === null) return null;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  /** Skips space, then takes the character if it comes next. */
  #accept(character: string): boolean {
    this.#take(SPACE);
    if (this.text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** Finds the closing quote by hand (a pattern would exhaust its stack on a string of many megabytes). */
  #string(): string {
    if (!this.#accept('"')) this.fail("a string was expected");
    const start = this.#at - 1;
    while (this.#at < this.text.length && this.text[this.#at] !== '"') this.#at += this.text[this.#at] === "\\" ? 2 : 1;
    const literal = this.text.slice(start, ++this.#at);
    try {
      return JSON.parse(literal) as string;
    } catch {
      this.#at = start;
      return this.fail("a string that does not end or has a bad character or escape");
    }
  }

  #object(depth: number): JsonObject {
    const entries: JsonObject = new Map();
    if (this.#accept("}")) return entries;
    do {
      const key = this.#string();
      if (entries.has(key)) this.fail(`the key ${JSON.stringify(key)} is given twice`);
      if (!this.#accept(":")) this.fail('":" was expected');
      entries.set(key, this.value(depth + 1));
    } while (this.#accept(","));
    return this.#accept("}") ? entries : this.fail('"," or "}" was expected');
  }

  #array(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    if (this.#accept("]")) return items;
    do {
      items.push(this.value(depth + 1));
    } while (this.#accept(","));
    return this.#accept("]") ? items : this.fail('"," or "]" was expected');
  }

  value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) this.fail(`more than ${MAX_DEPTH} levels of nesting`);
    if (this.#accept("{")) return this.#object(depth);
    if (this.#accept("[")) return this.#array(depth);
    if (this.text[this.#at] === '"') return this.#string();
    const number = this.#take(NUMBER);
    if (number !== null) return Number(number);
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.fail("a value was expected");
  }

  end(): void {
    this.#take(SPACE);
    if (this.#at < this.text.length) this.fail("something follows the value");
  }
}

/** @throws FormatError where `text` is not JSON, repeats a key, or nests more than 32 levels */
export function parseJson(text: string, where: string): JsonValue {
  const reader = new Reader(text, where);
  const value = reader.value(0);
  reader.end();
  return value;
}
