// What the network reads: the text as it stands, and a place to paste another.

import { button, fileButton } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { Corpus, Problem } from "./corpus.ts";
import type { TextWords } from "./texts.ts";

/** More than there is room for. */
const EXCERPT = 1_500;

export interface TextCardEvents {
  readonly onLearn: (text: string) => void;
  readonly onFile: (file: File) => void;
  readonly onBack: () => void;
}

export class TextCard {
  readonly host: HTMLElement;
  readonly #words: Words<TextWords>;
  readonly #title = element("strong");
  readonly #counts = element("span", { id: "text-counts" });
  readonly #excerpt = element("blockquote");
  readonly #paste = element("textarea", {
    id: "text-paste",
    rows: 5,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "text-paste-hint",
  });
  readonly #wrong = element("p", { class: "wrong", id: "text-problem", role: "alert" });
  readonly #back: HTMLButtonElement;
  /** Where messages about a text that was given belong. */
  readonly learnRow: HTMLElement;
  #corpus: Corpus | null = null;
  #problem: Problem | null = null;

  constructor(words: Words<TextWords>, { onLearn, onFile, onBack }: TextCardEvents) {
    this.#words = words;
    const learn = button(
      words,
      (now) => now.learn,
      () => onLearn(this.#paste.value),
    );
    learn.id = "text-learn";
    this.#back = button(words, (now) => now.back, onBack, "plain");
    this.#back.id = "text-back";
    this.learnRow = element(
      "div",
      { class: "pair" },
      learn,
      fileButton(
        words,
        (now) => now.open,
        ".txt,.md,text/plain",
        false,
        ([file]) => onFile(file),
      ),
    );
    this.host = element(
      "section",
      { class: "card reads" },
      words.show(element("h2"), (now) => now.text),
      element("p", { class: "which" }, this.#title, this.#counts),
      this.#excerpt,
      this.#back,
      element(
        "details",
        {},
        words.show(element("summary"), (now) => now.useOwn),
        element(
          "div",
          { class: "control" },
          element(
            "div",
            { class: "control-head" },
            words.show(element("label", { for: this.#paste.id }), (now) => now.paste),
          ),
          this.#paste,
          words.show(element("small", { id: "text-paste-hint" }), (now) => now.pasteHint),
        ),
        this.learnRow,
      ),
      this.#wrong,
    );
    words.follow(this.#title, () => this.#show());
    words.follow(this.#wrong, () => this.#tell());
  }

  set corpus(corpus: Corpus) {
    this.#corpus = corpus;
    this.problem = null;
    this.#show();
  }

  set problem(problem: Problem | null) {
    this.#problem = problem;
    if (problem) this.#paste.setAttribute("aria-invalid", "true");
    else this.#paste.removeAttribute("aria-invalid");
    this.#tell();
  }

  #tell(): void {
    this.#wrong.hidden = this.#problem === null;
    this.#wrong.textContent = this.#problem ? this.#words.now.problem(reasonFor(this.#problem, this.#words)) : "";
  }

  #show(): void {
    const { now, language } = this.#words,
      corpus = this.#corpus;
    if (!corpus) return;
    const { title, text, characters, vocabulary } = corpus;
    this.#title.textContent = title ?? now.ownText;
    this.#counts.textContent = now.counts(language.number(characters), language.number(vocabulary.length));
    this.#excerpt.textContent = `${[...text.slice(0, 2 * EXCERPT)].slice(0, EXCERPT).join("").trimEnd()} …`;
    this.#back.hidden = title !== null;
  }
}

/** What is wrong with a text, in words. */
export function reasonFor(problem: Problem, { now, language }: Words<TextWords>): string {
  const number = (value: number) => language.number(value);
  switch (problem.kind) {
    case "short":
      return now.tooShort(number(problem.characters), number(problem.least));
    case "long":
      return now.tooLong(number(problem.characters), number(problem.most));
    case "same":
      return now.allSame;
    case "many":
      return now.tooMany(number(problem.distinct), number(problem.most));
    case "binary":
      return now.binary(problem.character);
  }
}
