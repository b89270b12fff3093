// "Lose the GPU": a button that takes the device away while the network learns, and what the library made of it.

import "./trials.css";
import { button } from "./controls.ts";
import { element } from "./dom.ts";
import { defineTexts, type Language, type Words } from "./i18n.ts";

const texts = defineTexts(
  {
    lose: "Lose the GPU",
    loseStart: "Take it away",
    loseLead:
      "Destroys the GPU device in the middle of training, as a reset driver or a sleeping laptop would. The library notices, takes another one and goes on.",
    lostNow: (step: string) => `The GPU was lost after step ${step}. Looking for another …`,
    lostAndOn: (step: string) =>
      `The GPU was lost after step ${step}. Training went on from there on another one, bit for bit as if nothing had happened.`,
  },
  {
    lose: "模拟 GPU 丢失",
    loseStart: "模拟丢失",
    loseLead: "在训练途中销毁 GPU 设备，就像驱动重置或笔记本休眠那样。库会察觉、换一个设备，然后继续。",
    lostNow: (step: string) => `第 ${step} 步之后 GPU 丢失。正在寻找另一个……`,
    lostAndOn: (step: string) => `第 ${step} 步之后 GPU 丢失。训练已在另一个设备上从那里继续，逐位一致，如同什么都没有发生。`,
  },
);

export class LossCard {
  readonly host: HTMLElement;
  readonly #words: Words<(typeof texts)["en"]>;
  readonly #button: HTMLButtonElement;
  readonly #result = element("p", { class: "loss-result", "aria-live": "polite" });
  /** The step at which it was lost. */
  #lostAt: number | null = null;
  #now = 0;

  /** @param room what the ids of its controls begin with */
  constructor(language: Language, room: string, onLose: () => void) {
    const words = (this.#words = language.words(texts));
    this.#button = button(words, ({ loseStart }) => loseStart, onLose);
    this.#button.id = `${room}-lose`;
    this.host = element(
      "section",
      { class: "card loss" },
      element(
        "header",
        {},
        words.show(element("h2"), ({ lose }) => lose),
        this.#button,
      ),
      words.show(element("p", { class: "hint" }), ({ loseLead }) => loseLead),
      this.#result,
    );
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

  dispose(): void {
    this.#words.dispose();
  }

  #show(): void {
    const { now, language } = this.#words,
      at = this.#lostAt;
    this.#result.textContent = at === null ? "" : this.#now > at ? now.lostAndOn(language.number(at)) : now.lostNow(language.number(at));
  }
}
