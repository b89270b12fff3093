// The learning curve: the loss of every mini-batch, smoothed, and that of the test points.

import { FIRST_SMOOTHING, LineChart } from "../../lib/chart.ts";
import { sliderControl, switchControl } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { real } from "../../lib/share.ts";
import type { Theme } from "../../lib/theme.ts";
import type { PlaygroundWords } from "./texts.ts";
import type { Look } from "./trainer.ts";

export class Curves {
  readonly host: HTMLElement;
  readonly #loss: LineChart;
  /** Steps that the chart knows. */
  #steps = 0;

  constructor(words: Words<PlaygroundWords>, theme: Theme) {
    const { language } = words;
    this.#loss = new LineChart({ language, theme, name: () => words.now.lossChart, line: () => words.now.training,
      dots: () => words.now.validation, show: (value) => value.toFixed(4) });
    const smoothing = sliderControl({ words, label: (now: PlaygroundWords) => now.smoothing }, real(0, 0.99), FIRST_SMOOTHING,
      { places: 99, show: (value) => value.toFixed(2) }, (value) => { this.#loss.smoothing = value; });
    const logarithmic = switchControl({ words, label: (now: PlaygroundWords) => now.logarithmic }, false,
      (value) => { this.#loss.logarithmic = value; });
    const key = (name: "training" | "validation") => element("li", { class: name }, words.show(element("span"), (now) => now[name]));
    this.host = element("section", { class: "card curves" },
      element("header", {}, words.show(element("h2"), ({ curves }) => curves), element("ul", { class: "key", role: "list" }, key("training"), key("validation"))),
      this.#loss.host, element("div", { class: "chart-controls" }, smoothing.host, logarithmic.host));
  }

  add({ losses, steps, test }: Look): void {
    // Fewer steps than before: another network.
    if (steps < this.#steps || steps === 0) this.#loss.clear();
    this.#loss.addLine(losses);
    if (steps !== this.#steps && steps > 0) this.#loss.addDot(steps, test.loss);
    this.#steps = steps;
  }

  dispose(): void {
    this.#loss.dispose();
  }
}
