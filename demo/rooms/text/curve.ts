// The learning curve: the perplexity of every mini-batch, smoothed, over what guessers reach who know less.

import { chartControls, type ChartControls } from "../../lib/chart-controls.ts";
import { LineChart } from "../../lib/chart.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { Theme } from "../../lib/theme.ts";
import type { Corpus } from "./corpus.ts";
import type { HeldOut } from "./messages.ts";
import type { TextWords } from "./texts.ts";
import { perplexityText } from "./transport.ts";

export class Curve {
  readonly host: HTMLElement;
  readonly #chart: LineChart;
  readonly #controls: ChartControls;
  #corpus: Corpus | null = null;

  constructor(words: Words<TextWords>, theme: Theme) {
    const { language } = words;
    this.#chart = new LineChart({
      language,
      theme,
      name: () => words.now.perplexity,
      line: () => words.now.training,
      dots: () => words.now.held,
      show: perplexityText,
      height: 300,
      levels: () =>
        this.#corpus
          ? [
              { name: words.now.uniform, value: this.#corpus.vocabulary.length },
              { name: words.now.unigram, value: this.#corpus.unigram },
            ]
          : [],
    });
    this.#controls = chartControls(language, [this.#chart]);
    const key = (name: "training" | "held") =>
      element(
        "li",
        { class: name === "held" ? "validation" : name },
        words.show(element("span"), (now) => now[name]),
      );
    this.host = element(
      "section",
      { class: "card curve" },
      element(
        "header",
        {},
        words.show(element("h2"), ({ curve }) => curve),
        element("ul", { class: "key", role: "list" }, key("training"), key("held")),
      ),
      words.show(element("p", { class: "hint" }), ({ curveHint }) => curveHint),
      this.#chart.host,
      this.#controls.host,
    );
  }

  /** What its levels are of. */
  set levels(corpus: Corpus) {
    this.#corpus = corpus;
    this.#chart.redraw();
  }

  clear(): void {
    this.#chart.clear();
  }

  add(perplexities: Float32Array): void {
    this.#chart.addLine(perplexities);
  }

  validated({ steps, perplexity }: HeldOut): void {
    this.#chart.addDot(steps, perplexity);
  }

  dispose(): void {
    this.#chart.dispose();
    this.#controls.dispose();
  }
}
