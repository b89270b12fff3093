// GPU against CPU: a button, two bars that grow, and what came of it.

import { button } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { Lap } from "../../lib/race.ts";
import { short } from "./format.ts";
import type { PlaygroundWords } from "./texts.ts";

const RUNNERS = ["webgpu", "cpu"] as const;

export class RaceCard {
  readonly host: HTMLElement;
  readonly #words: Words<PlaygroundWords>;
  readonly #start: HTMLButtonElement;
  readonly #rows = Object.fromEntries(RUNNERS.map((name) => [name, { bar: element("span", { class: "bar" }), speed: element("span", { class: "speed" }, "–") }])) as
    Record<(typeof RUNNERS)[number], { bar: HTMLElement; speed: HTMLElement }>;
  readonly #result = element("p", { class: "race-result", "aria-live": "polite" });
  #lap: Lap | null = null;
  #done = false;

  /** @param run races and tells of laps; resolves with the last one */
  constructor(words: Words<PlaygroundWords>, run: (onLap: (lap: Lap) => void) => Promise<Lap | null>) {
    this.#words = words;
    this.#start = button(words, ({ raceStart }) => raceStart, () => { void this.#run(run); });
    this.#start.id = "playground-race";
    const line = (name: (typeof RUNNERS)[number]) => element("li", { "data-runner": name }, words.show(element("span", { class: "name" }), (now) => now[name]),
      element("span", { class: "track", "aria-hidden": "true" }, this.#rows[name].bar), this.#rows[name].speed);
    this.host = element("section", { class: "card race" }, element("header", {}, words.show(element("h2"), ({ race }) => race), this.#start),
      words.show(element("p", { class: "hint" }), ({ raceLead }) => raceLead), element("ul", { role: "list" }, ...RUNNERS.map(line)), this.#result);
    words.follow(this.#result, () => this.#show());
  }

  /** There is nobody to race against. */
  noGpu(): void {
    this.#start.disabled = true;
    this.#words.show(this.#result, ({ raceNoGpu }) => raceNoGpu);
  }

  async #run(run: (onLap: (lap: Lap) => void) => Promise<Lap | null>): Promise<void> {
    this.#start.disabled = true;
    [this.#lap, this.#done] = [null, false];
    this.#show();
    this.#result.textContent = this.#words.now.raceUnderWay;
    try {
      const lap = await run((now) => {
        this.#lap = now;
        this.#show();
      });
      this.#lap = lap ?? this.#lap;
      this.#done = lap !== null;
    } finally {
      this.#start.disabled = false;
      this.#show();
    }
  }

  #show(): void {
    const { now, language } = this.#words, lap = this.#lap;
    const most = lap ? Math.max(lap.stepsPerSecond.webgpu, lap.stepsPerSecond.cpu) : 1;
    for (const name of RUNNERS) {
      const speed = lap?.stepsPerSecond[name] ?? 0;
      this.#rows[name].bar.style.width = `${(100 * speed) / most}%`;
      this.#rows[name].speed.textContent = lap ? `${language.number(Number(speed.toPrecision(3)), { maximumFractionDigits: 0 })} / s` : "–";
    }
    if (!lap || !this.#done) {
      if (!this.#start.disabled) this.#result.textContent = "";
      return;
    }
    this.host.dataset.difference = String(lap.difference);
    this.#result.textContent = now.raceResult(language.number(lap.steps), (lap.stepsPerSecond.webgpu / lap.stepsPerSecond.cpu).toPrecision(2), short(lap.difference));
  }
}
