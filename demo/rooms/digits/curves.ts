// The learning curves: loss and accuracy of every mini-batch, smoothed, and of validation.

import { chartControls, type ChartControls } from "../../lib/chart-controls.ts";
import { LineChart } from "../../lib/chart.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { Theme } from "../../lib/theme.ts";
import type { DigitsWords } from "./texts.ts";
import type { Progress, Validation } from "./messages.ts";

export class Curves {
  readonly host: HTMLElement;
  readonly #loss: LineChart;
  readonly #accuracy: LineChart;
  readonly #controls: ChartControls;

  constructor(words: Words<DigitsWords>, theme: Theme) {
    const { language } = words,
      series = { line: () => words.now.training, dots: () => words.now.validation };
    this.#loss = new LineChart({ ...series, language, theme, name: () => words.now.lossChart, show: (value) => value.toFixed(3) });
    this.#accuracy = new LineChart({
      ...series,
      language,
      theme,
      name: () => words.now.accuracyChart,
      range: [0, 1],
      show: (value) => language.percent(value),
    });
    this.#controls = chartControls(language, [this.#loss, this.#accuracy], [this.#loss]);
    const key = (name: "training" | "validation") =>
      element(
        "li",
        { class: name },
        words.show(element("span"), (now) => now[name]),
      );
    const chart = (title: "lossChart" | "accuracyChart", { host }: LineChart) =>
      element(
        "div",
        { class: "curve" },
        words.show(element("h3"), (now) => now[title]),
        host,
      );
    this.host = element(
      "section",
      { class: "card curves" },
      element(
        "header",
        {},
        words.show(element("h2"), ({ curves }) => curves),
        element("ul", { class: "key", role: "list" }, key("training"), key("validation")),
      ),
      element("div", { class: "two" }, chart("lossChart", this.#loss), chart("accuracyChart", this.#accuracy)),
      this.#controls.host,
    );
  }

  add({ losses, accuracies }: Progress): void {
    this.#loss.addLine(losses);
    this.#accuracy.addLine(accuracies);
  }

  validated({ steps, loss, accuracy }: Validation): void {
    this.#loss.addDot(steps, loss);
    this.#accuracy.addDot(steps, accuracy);
  }

  clear(): void {
    this.#loss.clear();
    this.#accuracy.clear();
  }

  dispose(): void {
    this.#loss.dispose();
    this.#accuracy.dispose();
    this.#controls.dispose();
  }
}
