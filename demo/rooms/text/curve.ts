// The learning curve: the perplexity of every mini-batch, smoothed, over what guessers reach who know less.

import { FIRST_SMOOTHING, LineChart } from "../../lib/chart.ts";
import { sliderControl, switchControl } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { real } from "../../lib/share.ts";
import type { Theme } from "../../lib/theme.ts";
import type { Corpus } from "./corpus.ts";
import type { TextWords } from "./texts.ts";
import { perplexityText } from "./transport.ts";

export class Curve {
  readonly host: HTMLElement;
  readonly #chart: LineChart;
  #corpus: Corpus | null = null;

  constructor(words: Words<TextWords>, theme: Theme) {
    const { language } = words;
    this.#chart = new LineChart({ language, theme, name: () => words.now.perplexity, line: () => words.now.network, show: perplexityText, height: 300,
      levels: () => (this.#corpus ? [
        { name: words.now.uniform, value: this.#corpus.vocabulary.length }, { name: words.now.unigram, value: this.#corpus.unigram },
      ] : []) });
    const smoothing = sliderControl({ words, label: (now: TextWords) => now.smoothing }, real(0, 0.99), FIRST_SMOOTHING,
      { places: 99, show: (value) => value.toFixed(2) }, (value) => { this.#chart.smoothing = value; });
    const logarithmic = switchControl({ words, label: (now: TextWords) => now.logarithmic }, false, (value) => { this.#chart.logarithmic = value; });
    this.host = element("section", { class: "card curve" },
      element("header", {}, words.show(element("h2"), ({ curve }) => curve)),
      words.show(element("p", { class: "hint" }), ({ curveHint }) => curveHint),
      this.#chart.host, element("div", { class: "chart-controls" }, smoothing.host, logarithmic.host));
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

  dispose(): void {
    this.#chart.dispose();
  }
}
