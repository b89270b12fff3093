// A lane for each engine, and what the same training came to on each; and what happens when the GPU is lost.

import { button } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { ENGINE_NAMES } from "../../lib/race-card.ts";
import { factorsOf, type Lap } from "../../lib/race.ts";
import type { DigitsWords } from "./texts.ts";

export class RaceView {
  readonly host: HTMLElement;
  readonly #start: HTMLButtonElement;
  readonly #lose: HTMLButtonElement;
  readonly #lanes = element("div", { class: "lanes" });
  readonly #result = element("p", { id: "digits-race", role: "status" });
  #lap: Lap | null = null;
  #done = false;

  constructor(readonly words: Words<DigitsWords>, onStart: () => void, onLose: () => void) {
    this.#start = button(words, ({ race }) => race, onStart);
    this.#start.id = "digits-race-start";
    this.#lose = button(words, ({ lose }) => lose, onLose);
    this.#lose.id = "digits-lose";
    this.canLose = false;
    this.host = element("section", { class: "card race" }, words.show(element("h2"), ({ raceTitle }) => raceTitle),
      words.show(element("p", { class: "hint" }), ({ raceNote }) => raceNote), this.#lanes, this.#result, this.#start,
      words.show(element("p", { class: "hint" }), ({ loseNote }) => loseNote), this.#lose);
    words.follow(this.#lanes, () => this.#draw());
  }

  /** Where messages about a lost GPU belong. */
  get loseRow(): HTMLElement {
    return this.#lose;
  }

  /** Only a run that goes on can show how it goes on. */
  set canLose(can: boolean) {
    this.#lose.disabled = !can;
  }

  set disabled(disabled: boolean) {
    this.#start.disabled = disabled;
  }

  /** @param lap null before the first */
  show(lap: Lap | null, done = false): void {
    [this.#lap, this.#done] = [lap, done];
    this.#draw();
  }

  /** There is no next lap. */
  finish(): void {
    this.show(this.#lap, true);
  }

  #draw(): void {
    const lap = this.#lap, { now, language } = this.words;
    this.#lanes.hidden = lap === null;
    this.#result.dataset.done = String(this.#done);
    if (!lap) {
      this.#result.textContent = "";
      return;
    }
    const fastest = Math.max(...lap.runners.map(({ stepsPerSecond }) => stepsPerSecond));
    this.#lanes.replaceChildren(...lap.runners.map(({ engine, stepsPerSecond: rate }) => {
      const bar = element("span", { class: `bar ${engine}` });
      bar.style.width = `${(100 * rate) / fastest}%`;
      return element("div", { class: "lane" }, element("span", {}, ENGINE_NAMES[engine]), element("span", { class: "track" }, bar),
        element("span", { class: "share" }, now.stepsPerSecond(language.number(rate, { maximumSignificantDigits: 3 }))));
    }));
    const factors = this.#done ? factorsOf(lap).map(({ engine, factor }) => ` ${now.raceFactor(ENGINE_NAMES[engine], language.number(Number(factor)))}`) : [];
    this.#result.textContent = now.raceResult(language.number(lap.steps), lap.difference.toExponential(1)) + factors.join("");
  }
}
