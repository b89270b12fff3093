// What a GPU is good for: two lanes against the CPU, and what the same training came to on both; and what happens without it.

import { button } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { RaceRound } from "./race.ts";
import type { DigitsWords } from "./texts.ts";

export class RaceView {
  readonly host: HTMLElement;
  readonly #start: HTMLButtonElement;
  readonly #lose: HTMLButtonElement;
  readonly #lanes = element("div", { class: "lanes" });
  readonly #result = element("p", { id: "digits-race", role: "status" });
  #round: RaceRound | null = null;

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

  /** Only a run that goes on can show how it goes on. */
  set canLose(can: boolean) {
    this.#lose.disabled = !can;
  }

  set disabled(disabled: boolean) {
    this.#start.disabled = disabled;
  }

  /** @param round null before the first */
  show(round: RaceRound | null): void {
    this.#round = round;
    this.#draw();
  }

  #draw(): void {
    const round = this.#round, { now, language } = this.words;
    this.#lanes.hidden = round === null;
    if (!round) {
      this.#result.textContent = "";
      return;
    }
    const fastest = Math.max(round.gpu, round.cpu), share = round.steps / round.of;
    this.#lanes.replaceChildren(...(["gpu", "cpu"] as const).map((name) => {
      const bar = element("span", { class: `bar ${name}` });
      bar.style.width = `${(100 * share * round[name]) / fastest}%`;
      return element("div", { class: "lane" }, element("span", {}, name.toUpperCase()), element("span", { class: "track" }, bar),
        element("span", { class: "share" }, now.stepsPerSecond(language.number(round[name], { maximumSignificantDigits: 3 }))));
    }));
    this.#result.textContent = now.raceResult(language.number(round.steps), round.difference.toExponential(1), round.largest.toPrecision(2)) +
      (round.done ? ` ${now.raceFactor((round.gpu / round.cpu).toPrecision(2))}` : "");
    this.#result.dataset.done = String(round.done);
  }
}
