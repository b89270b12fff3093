// The learning curve: the loss of every mini-batch, smoothed, and that of the test points.

import { chartControls, type ChartControls } from "../../lib/chart-controls.ts";
import { LineChart } from "../../lib/chart.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { Theme } from "../../lib/theme.ts";
import type { PlaygroundWords } from "./texts.ts";
import type { Look } from "./messages.ts";

export class Curves {
  readonly host: HTMLElement;
  readonly #loss: LineChart;
  readonly #controls: ChartControls;
  /** Steps that the chart knows. */
  #steps = 0;

  constructor(words: Words<PlaygroundWords>, theme: Theme) {
    const { language } = words;
    this.#loss = new LineChart({
      language,
      theme,
      name: () => words.now.lossChart,
      line: () => words.now.training,
      dots: () => words.now.validation,
      show: (value) => value.toFixed(4),
    });
    this.#controls = chartControls(language, [this.#loss], [this.#loss], true);
    const key = (name: "training" | "validation") =>
      element(
        "li",
        { class: name },
        words.show(element("span"), (now) => now[name]),
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
      this.#loss.host,
      this.#controls.host,
    );
  }

  /** The step that is looked back at; null for none. */
  set mark(step: number | null) {
    this.#loss.mark = step;
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
    this.#controls.dispose();
  }
}
