// English and 简体中文. Each room brings its own texts; a switch of the language changes them where they stand, so that
// training goes on and nothing that was typed is lost.

export const LANGUAGES = { en: "English", zh: "简体中文" } as const;
export type LanguageCode = keyof typeof LANGUAGES;

/** A text, or a function that makes one of numbers and names. */
type Text = string | ((...values: never[]) => string);

export interface Texts<T> {
  readonly en: T;
  readonly zh: T;
}

/** Both dictionaries of a room: the compiler holds them to the same keys, and their functions to the same values. */
export const defineTexts = <T extends Readonly<Record<string, Text>>>(en: T, zh: NoInfer<T>): Texts<T> => ({ en, zh });

const STORED = "deltaprop.language";
const isLanguage = (value: unknown): value is LanguageCode => typeof value === "string" && Object.hasOwn(LANGUAGES, value);

/** Storage may be forbidden (private windows, file:): then nothing is remembered. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // As said above.
  }
}

function firstLanguage(): LanguageCode {
  const stored = recall(STORED);
  if (isLanguage(stored)) return stored;
  return navigator.languages.some((tag) => tag.toLowerCase().startsWith("zh")) && !navigator.language.toLowerCase().startsWith("en")
    ? "zh"
    : "en";
}

export class Language {
  #code = firstLanguage();
  readonly #listeners = new Set<() => void>();

  constructor() {
    this.#apply();
  }

  get code(): LanguageCode {
    return this.#code;
  }

  choose(code: LanguageCode): void {
    this.#code = code;
    remember(STORED, code);
    this.#apply();
    for (const listener of this.#listeners) listener();
  }

  /** @returns what ends it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The words of one room in whatever language is chosen. */
  words<T>(texts: Texts<T>): Words<T> {
    return new Words(this, texts);
  }

  number(value: number, options: Intl.NumberFormatOptions = {}): string {
    return value.toLocaleString(this.#code === "zh" ? "zh-CN" : "en", options);
  }

  percent(share: number, digits = 1): string {
    if (!Number.isFinite(share)) return "–";
    return `${(100 * share).toFixed(digits)}${this.#code === "zh" ? "" : " "}%`;
  }

  #apply(): void {
    document.documentElement.lang = this.#code === "zh" ? "zh-Hans" : "en";
  }
}

/** One room's texts. What is shown by it follows the language until dispose(). */
export class Words<T> {
  readonly #updates = new Map<Node, Map<string, () => void>>();
  readonly #end: () => void;

  constructor(
    readonly language: Language,
    readonly texts: Texts<T>,
  ) {
    this.#end = language.onChange(() => {
      for (const updates of this.#updates.values()) for (const update of updates.values()) update();
    });
  }

  get now(): T {
    return this.texts[this.language.code];
  }

  /** The text of an element, now and after each switch; in the place of what it showed before. */
  show<E extends Element>(node: E, pick: (words: T) => string): E {
    return this.#follow(node, "", () => {
      node.textContent = pick(this.now);
    });
  }

  /** The same for an attribute. */
  attribute<E extends Element>(node: E, name: string, pick: (words: T) => string): E {
    return this.#follow(node, name, () => node.setAttribute(name, pick(this.now)));
  }

  /** Runs now and after each switch. */
  follow<E extends Node>(node: E, update: () => void): E {
    return this.#follow(node, "*", update);
  }

  /** For elements that go away before their room does. */
  forget(node: Node): void {
    this.#updates.delete(node);
  }

  dispose(): void {
    this.#end();
    this.#updates.clear();
  }

  #follow<E extends Node>(node: E, key: string, update: () => void): E {
    const updates = this.#updates.get(node) ?? new Map<string, () => void>();
    updates.set(key, update);
    this.#updates.set(node, updates);
    update();
    return node;
  }
}
