// The test digits: how many of each are taken for which, and the answers that were most wrong.

import { drawPixels, risingColours } from "../../lib/canvas.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { Theme } from "../../lib/theme.ts";
import type { Examination, Mistake } from "./inspect.ts";
import type { DigitsWords } from "./texts.ts";

/** A table of more is no help. */
const MOST_CLASSES = 12;

export class ConfusionView {
  readonly host: HTMLElement;
  readonly mistakes: HTMLElement;
  readonly #table = element("table", { class: "confusion" });
  readonly #score = element("p", { class: "hint", id: "digits-test" });
  readonly #list = element("ul", { class: "mistakes", role: "list" });
  #examined: Examination | null = null;
  readonly #end: () => void;

  constructor(
    readonly words: Words<DigitsWords>,
    theme: Theme,
  ) {
    this.host = element(
      "section",
      { class: "card" },
      words.show(element("h2"), ({ confusion }) => confusion),
      this.#score,
      element("div", { class: "table-box" }, this.#table),
    );
    this.mistakes = element(
      "section",
      { class: "card" },
      words.show(element("h2"), ({ mistakes }) => mistakes),
      words.show(element("p", { class: "hint" }), ({ mistakesNote }) => mistakesNote),
      this.#list,
    );
    words.follow(this.#table, () => this.#draw());
    this.#end = theme.onChange(() => this.#draw());
  }

  show(examined: Examination): void {
    this.#examined = examined;
    this.#draw();
  }

  dispose(): void {
    this.#end();
  }

  #draw(): void {
    if (!this.#examined) return;
    const { rows, correct, broken } = this.#examined,
      { now, language } = this.words;
    this.#score.textContent =
      now.testScore(language.percent(correct / rows, 2), language.number(rows)) +
      (broken > 0 ? ` ${now.testBroken(language.number(broken))}` : "");
    this.#score.dataset.correct = String(correct);
    this.#drawTable(this.#examined);
    this.#list.replaceChildren(...this.#examined.worst.map((mistake) => this.#mistake(mistake)));
    this.mistakes.classList.toggle("none", this.#examined.worst.length === 0);
  }

  #drawTable({ classes, counts }: Examination): void {
    this.#table.hidden = classes > MOST_CLASSES;
    if (classes > MOST_CLASSES) return;
    const { now } = this.words,
      names = Array.from({ length: classes }, (_, i) => i);
    const largest = (right: boolean) => Math.max(1, ...counts.filter((_, i) => (i % (classes + 1) === 0) === right));
    const full = largest(true),
      most = largest(false);
    const cell = (label: number, answer: number) => {
      const count = counts[label * classes + answer],
        right = label === answer;
      const title = now.confusionCell(label, answer, count);
      const made = element("td", { class: right ? "right" : "wrong", title }, count === 0 ? "" : String(count));
      // Few mistakes are to be seen beside many, too.
      made.style.setProperty("--share", `${Math.round(100 * Math.sqrt(count / (right ? full : most)) * (right ? 0.4 : 0.6))}%`);
      return made;
    };
    this.#table.replaceChildren(
      element("caption", { class: "unseen" }, now.confusionCaption),
      element("thead", {}, element("tr", {}, element("td"), ...names.map((name) => element("th", { scope: "col" }, String(name))))),
      element(
        "tbody",
        {},
        ...names.map((label) =>
          element("tr", {}, element("th", { scope: "row" }, String(label)), ...names.map((answer) => cell(label, answer))),
        ),
      ),
    );
  }

  #mistake({ image, label, answer, sure }: Mistake): HTMLElement {
    const { now, language } = this.words,
      side = Math.sqrt(image.length);
    const canvas = element("canvas", { role: "img", "aria-label": now.mistakeLabel(label, answer, language.percent(sure, 0)) });
    const colour = risingColours("--ink");
    drawPixels(canvas, image, side, side, (value) => colour(value / 255));
    return element(
      "li",
      {},
      canvas,
      element(
        "p",
        { "aria-hidden": "true" },
        element("b", {}, String(label)),
        " → ",
        element("b", { class: "wrong" }, String(answer)),
        ` ${language.percent(sure, 0)}`,
      ),
    );
  }
}
