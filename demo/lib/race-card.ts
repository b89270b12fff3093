// GPU against CPU: a button, two bars that grow, and what came of it.

import "./trials.css";
import { button } from "./controls.ts";
import { element } from "./dom.ts";
import { short } from "./format.ts";
import { defineTexts, type Language, type Words } from "./i18n.ts";
import type { Lap } from "./race.ts";

const RUNNERS = ["webgpu", "cpu"] as const;

const texts = defineTexts({
  race: "GPU against CPU",
  raceLead: "The same network from the same seed learns on both, for as many steps each.",
  raceStart: "Race", raceUnderWay: "Racing …", webgpu: "GPU (WebGPU, float32)", cpu: "CPU (float64 reference)",
  raceResult: (steps: string, times: string, difference: string) => `After ${steps} steps each, the GPU was ${times} times as fast; the largest difference of a weight is ${difference}.`,
  raceNoGpu: "There is no WebGPU here, so there is no race.",
}, {
  race: "GPU 对 CPU",
  raceLead: "同一网络、同一种子,在两者上各学习同样多的步数。",
  raceStart: "开始比赛", raceUnderWay: "比赛中……", webgpu: "GPU(WebGPU,float32)", cpu: "CPU(float64 参考实现)",
  raceResult: (steps: string, times: string, difference: string) => `各 ${steps} 步之后,GPU 速度是 CPU 的 ${times} 倍;权重最大差异为 ${difference}。`,
  raceNoGpu: "这里没有 WebGPU,因此没有比赛。",
});

export class RaceCard {
  readonly host: HTMLElement;
  readonly #words: Words<(typeof texts)["en"]>;
  readonly #start: HTMLButtonElement;
  readonly #rows = Object.fromEntries(RUNNERS.map((name) => [name, { bar: element("span", { class: "bar" }), speed: element("span", { class: "speed" }, "–") }])) as
    Record<(typeof RUNNERS)[number], { bar: HTMLElement; speed: HTMLElement }>;
  readonly #result = element("p", { class: "race-result", "aria-live": "polite" });
  #lap: Lap | null = null;
  #done = false;

  /**
   * @param room what the ids of its controls begin with
   * @param run races and tells of laps; resolves with the last one, or null where it failed and that was told
   */
  constructor(language: Language, room: string, run: (onLap: (lap: Lap) => void) => Promise<Lap | null>) {
    const words = this.#words = language.words(texts);
    this.#start = button(words, ({ raceStart }) => raceStart, () => { void this.#run(run); });
    this.#start.id = `${room}-race`;
    const line = (name: (typeof RUNNERS)[number]) => element("li", { "data-runner": name }, words.show(element("span", { class: "name" }), (now) => now[name]),
      element("span", { class: "track", "aria-hidden": "true" }, this.#rows[name].bar), this.#rows[name].speed);
    this.host = element("section", { class: "card race-card" }, element("header", {}, words.show(element("h2"), ({ race }) => race), this.#start),
      words.show(element("p", { class: "hint" }), ({ raceLead }) => raceLead), element("ul", { role: "list" }, ...RUNNERS.map(line)), this.#result);
    words.follow(this.#result, () => this.#show());
  }

  /** There is nobody to race against. */
  noGpu(): void {
    this.#start.disabled = true;
    this.#words.show(this.#result, ({ raceNoGpu }) => raceNoGpu);
  }

  dispose(): void {
    this.#words.dispose();
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
      this.#rows[name].speed.textContent = lap ? `${language.number(Number(speed.toPrecision(3)))} / s` : "–";
    }
    if (!lap || !this.#done) {
      if (!this.#start.disabled) this.#result.textContent = "";
      return;
    }
    this.host.dataset.difference = String(lap.difference);
    this.#result.textContent = now.raceResult(language.number(lap.steps), (lap.stepsPerSecond.webgpu / lap.stepsPerSecond.cpu).toPrecision(2), short(lap.difference));
  }
}
