// How the weights of each layer are spread, and the gradients of a mini-batch at them; and how many are no numbers any more.

import { drawHistogram } from "../../lib/canvas.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { cssColour, type Theme } from "../../lib/theme.ts";
import type { TensorHistogram } from "./inspect.ts";
import type { DigitsWords } from "./texts.ts";
import type { Histograms } from "./messages.ts";

const short = (value: number): string => (value === 0 ? "0" : Math.abs(value) < 0.01 ? value.toExponential(1) : value.toPrecision(2));

export class HistogramsView {
  readonly host: HTMLElement;
  readonly #rows = element("div", { class: "histograms" });
  #shown: Histograms | null = null;
  readonly #end: () => void;

  constructor(
    readonly words: Words<DigitsWords>,
    theme: Theme,
  ) {
    this.host = element(
      "section",
      { class: "card" },
      words.show(element("h2"), ({ histograms }) => histograms),
      words.show(element("p", { class: "hint" }), ({ histogramsNote }) => histogramsNote),
      this.#rows,
    );
    words.follow(this.#rows, () => this.#draw());
    this.#end = theme.onChange(() => this.#draw());
  }

  show(histograms: Histograms): void {
    this.#shown = histograms;
    this.#draw();
  }

  dispose(): void {
    this.#end();
  }

  #draw(): void {
    if (!this.#shown) return;
    const { weights, gradients } = this.#shown,
      { now } = this.words;
    const drawn: (() => void)[] = [];
    this.#rows.replaceChildren(
      ...weights.map((histogram, i) =>
        element(
          "div",
          { class: "layer" },
          element("h3", {}, now.layer(i + 1)),
          this.#one(now.weights, histogram, "--training", drawn),
          gradients ? this.#one(now.gradients, gradients[i], "--validation", drawn) : element("p", { class: "hint" }, now.noGradients),
        ),
      ),
    );
    // Once they have their sizes.
    for (const draw of drawn) draw();
  }

  #one(name: string, { counts, limit, broken }: TensorHistogram, colour: string, drawn: (() => void)[]): HTMLElement {
    const { now, language } = this.words,
      total = counts.reduce((a, b) => a + b, 0) + broken;
    const label = now.histogramLabel(name, language.number(total), short(limit), language.number(broken));
    const canvas = element("canvas", { role: "img", "aria-label": label });
    drawn.push(() => drawHistogram(canvas, { counts, low: -limit, high: limit }, cssColour(colour), cssColour("--edge")));
    return element(
      "figure",
      {},
      canvas,
      element(
        "figcaption",
        {},
        element("span", {}, `${name} ±${short(limit)}`),
        element("span", { class: broken > 0 ? "wrong" : "" }, now.broken(language.number(broken))),
      ),
    );
  }
}
