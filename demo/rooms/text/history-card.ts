// Samples from the first, which is noise, to the latest: how far the network has come.

import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { Sample } from "./messages.ts";
import type { TextWords } from "./texts.ts";
import { perplexityText } from "./transport.ts";

const SHOWN = 180;

export class HistoryCard {
  readonly host: HTMLElement;
  readonly #words: Words<TextWords>;
  readonly #list = element("ol", { role: "list", class: "samples", tabindex: 0 });
  #samples: Sample[] = [];

  constructor(words: Words<TextWords>) {
    this.#words = words;
    words.attribute(this.#list, "aria-label", (now) => now.historyLabel);
    words.follow(this.#list, () => this.#list.replaceChildren(...this.#samples.map((sample) => this.#item(sample))));
    this.host = element(
      "section",
      { class: "card history" },
      words.show(element("h2"), (now) => now.history),
      words.show(element("p", { class: "hint" }), (now) => now.historyHint),
      this.#list,
    );
  }

  clear(): void {
    this.#samples = [];
    this.#list.replaceChildren();
  }

  add(sample: Sample): void {
    this.#samples.push(sample);
    this.#list.append(this.#item(sample));
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #item({ steps, perplexity, prompt, text }: Sample): HTMLElement {
    const { now, language } = this.#words,
      shown = [...(text ?? now.noSample)].slice(0, SHOWN).join("");
    return element(
      "li",
      {},
      element(
        "p",
        { class: "moment" },
        element("strong", {}, now.historyStep(language.number(steps))),
        steps === 0 ? null : element("span", {}, now.historyPerplexity(perplexityText(perplexity))),
      ),
      element("p", { class: "said" }, element("span", { class: "begun" }, prompt), shown.replace(/\s+/g, " ")),
    );
  }
}
