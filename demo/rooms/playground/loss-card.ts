// "Lose the GPU": a button that takes the device away while the network learns, and what the library made of it.

import { button } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { PlaygroundWords } from "./texts.ts";

export class LossCard {
  readonly host: HTMLElement;
  readonly #words: Words<PlaygroundWords>;
  readonly #button: HTMLButtonElement;
  readonly #result = element("p", { class: "loss-result", "aria-live": "polite" });
  /** The step at which it was lost. */
  #lostAt: number | null = null;
  #now = 0;

  constructor(words: Words<PlaygroundWords>, onLose: () => void) {
    this.#words = words;
    this.#button = button(words, ({ loseStart }) => loseStart, onLose);
    this.#button.id = "playground-lose";
    this.host = element("section", { class: "card loss" }, element("header", {}, words.show(element("h2"), ({ lose }) => lose), this.#button),
      words.show(element("p", { class: "hint" }), ({ loseLead }) => loseLead), this.#result);
    words.follow(this.#result, () => this.#show());
  }

  /** On the CPU there is nothing to lose. */
  set possible(possible: boolean) {
    this.#button.disabled = !possible;
  }

  lost(step: number): void {
    this.#lostAt = step;
    this.host.dataset.lostAt = String(step);
    this.#show();
  }

  /** How far training is. */
  set steps(steps: number) {
    // Of another network it says nothing.
    if (steps < this.#now) this.#lostAt = null;
    const waits = this.#lostAt !== null && this.#now <= this.#lostAt;
    this.#now = steps;
    if (waits || this.#lostAt === null) this.#show();
  }

  #show(): void {
    const { now, language } = this.#words, at = this.#lostAt;
    this.#result.textContent = at === null ? "" : this.#now > at ? now.lostAndOn(language.number(at)) : now.lostNow(language.number(at));
  }
}
