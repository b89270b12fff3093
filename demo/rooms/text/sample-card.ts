// What the network writes now: the text, and how it is to be written.

import { button, sliderControl, type Control } from "../../lib/controls.ts";
import { element, uniqueId } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { TEMPERATURE } from "./config.ts";
import type { Expected, Sample, Wish } from "./messages.ts";
import type { TextWords } from "./texts.ts";
import { perplexityText } from "./transport.ts";

const LONGEST_PROMPT = 200;
/** Of the prompt, where there is little room. */
const SHOWN_PROMPT = 24;

export class SampleCard {
  readonly host: HTMLElement;
  readonly #words: Words<TextWords>;
  readonly #when = element("p", { class: "hint when" });
  readonly #begun = element("span", { class: "begun" });
  readonly #written = element("span", { id: "text-sample" });
  readonly #expects = element("h3", { id: uniqueId("expects") });
  readonly #next = element("ol", { role: "list", class: "next", "aria-labelledby": this.#expects.id });
  readonly #temperature: Control<number>;
  readonly #prompt = element("input", {
    type: "text",
    id: "text-prompt",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: LONGEST_PROMPT,
  });
  readonly #wrong = element("small", { class: "wrong", id: uniqueId("rule"), hidden: true });
  #vocabulary: ReadonlySet<string> = new Set();
  #unknown = "";
  #turn = 0;
  #sample: Sample | null = null;

  /** @param onWish another way to write, to be seen at once */
  constructor(words: Words<TextWords>, temperature: number, onWish: () => void) {
    this.#words = words;
    this.#temperature = sliderControl(
      { words, label: (now: TextWords) => now.temperature, hint: (now) => now.temperatureHint },
      TEMPERATURE,
      temperature,
      { places: 38, show: (value) => value.toFixed(2) },
      onWish,
    );
    this.#temperature.host.querySelector("input")!.id = "text-temperature";
    this.#temperature.host.querySelector("label")!.htmlFor = "text-temperature";
    this.#prompt.addEventListener("input", () => {
      if (this.#checkPrompt()) onWish();
    });
    const again = button(
      words,
      (now) => now.again,
      () => {
        this.#turn++;
        onWish();
      },
    );
    again.id = "text-again";
    const paper = words.attribute(
      element("div", { class: "paper", role: "group", tabindex: 0 }, element("p", {}, this.#begun, this.#written)),
      "aria-label",
      (now) => now.sampleLabel,
    );
    this.host = element(
      "section",
      { class: "card writes" },
      element(
        "header",
        {},
        words.show(element("h2"), (now) => now.writes),
        this.#when,
      ),
      paper,
      element("div", { class: "expected" }, this.#expects, this.#next),
      element(
        "div",
        { class: "ways" },
        this.#temperature.host,
        element(
          "div",
          { class: "control" },
          element(
            "div",
            { class: "control-head" },
            words.show(element("label", { for: this.#prompt.id }), (now) => now.prompt),
          ),
          this.#prompt,
          this.#wrong,
        ),
        again,
      ),
    );
    words.follow(this.#when, () => this.#show());
    words.follow(this.#wrong, () => {
      this.#wrong.textContent = words.now.unknown(JSON.stringify(this.#unknown));
    });
  }

  get temperature(): number {
    return this.#temperature.value;
  }

  set temperature(value: number) {
    this.#temperature.value = value;
  }

  /** Another text: what it may begin with, and does at first. */
  begin(vocabulary: readonly string[], prompt = this.#prompt.value): void {
    this.#vocabulary = new Set(vocabulary);
    this.#prompt.value = prompt;
    this.#checkPrompt();
  }

  get wish(): Wish {
    return { temperature: this.#temperature.value, prompt: this.#unknown === "" ? this.#prompt.value : "", turn: this.#turn };
  }

  set sample(sample: Sample) {
    this.#sample = sample;
    this.#show();
  }

  #checkPrompt(): boolean {
    this.#unknown = [...new Set(this.#prompt.value)].filter((character) => !this.#vocabulary.has(character)).join("");
    const allowed = this.#unknown === "";
    this.#wrong.hidden = allowed;
    this.#wrong.textContent = this.#words.now.unknown(JSON.stringify(this.#unknown));
    for (const [name, value] of [
      ["aria-invalid", "true"],
      ["aria-errormessage", this.#wrong.id],
    ]) {
      if (allowed) this.#prompt.removeAttribute(name);
      else this.#prompt.setAttribute(name, value);
    }
    return allowed;
  }

  #chance({ character, probability }: Expected): HTMLElement {
    const { now, language } = this.#words,
      bar = element("span", { class: "bar" });
    bar.style.height = `${100 * probability}%`;
    const names: Readonly<Record<string, string>> = { " ": now.space, "\n": now.lineBreak, "\t": now.tab };
    const shown = Object.hasOwn(names, character)
      ? element("span", { class: "glyph named" }, names[character])
      : element("span", { class: "glyph" }, character);
    return element(
      "li",
      {},
      element("span", { class: "share" }, language.percent(probability, 0)),
      element("span", { class: "column", "aria-hidden": "true" }, bar),
      shown,
    );
  }

  #show(): void {
    const { now, language } = this.#words,
      sample = this.#sample;
    if (!sample) return;
    const { steps, perplexity, prompt, text, temperature, next } = sample;
    this.#begun.textContent = text === null ? "" : prompt;
    // Where it begins with line breaks, the paper would begin empty.
    this.#written.textContent = text === null ? now.noSample : prompt === "" ? text.trimStart() : text;
    this.#when.textContent = steps === 0 ? now.untrained : now.afterSteps(language.number(steps), perplexityText(perplexity));
    this.#expects.textContent = prompt === "" ? now.expectsLine : now.expects([...prompt].slice(-SHOWN_PROMPT).join(""));
    this.#next.replaceChildren(...next.map((expected) => this.#chance(expected)));
    [this.host.dataset.steps, this.host.dataset.temperature] = [String(steps), String(temperature)];
  }
}
