// A race of the engines: a button, a bar for each that grows, and what came of it.

import "./trials.css";
import { button } from "./controls.ts";
import { element } from "./dom.ts";
import { ENGINE_TEXTS } from "./engine-control.ts";
import { ENGINES, type Engine } from "./engines.ts";
import { short } from "./format.ts";
import { defineTexts, type Language, type Words } from "./i18n.ts";
import { factorsOf, isDecided, LEAST_TIMED, type Lap } from "./race.ts";

const texts = defineTexts(
  {
    race: "Race of the engines",
    raceLead:
      "The same network from the same seed learns on each, in turns, for as many steps: float32 on WebGPU and WebAssembly, float64 on the CPU, which is the reference.",
    raceStart: "Race",
    raceUnderWay: "Racing …",
    raceFactor: (engine: string, factor: string) => `${engine} was ${factor} times as fast as the float64 reference`,
    raceJoin: ", ",
    raceResult: (steps: string, factors: string, difference: string) =>
      `After ${steps} steps each, ${factors}; the largest difference of a weight from it is ${difference}.`,
    raceUndecided: (timed: string, least: string, difference: string) =>
      `Only ${timed} steps were timed in the time of a race; it takes ${least} to say which engine is faster. The largest difference of a weight from the float64 reference is ${difference}.`,
    raceAlone: "There is neither WebGPU nor WebAssembly here, so there is no race.",
  },
  {
    race: "引擎赛跑",
    raceLead: "同一网络、同一种子，轮流在每个引擎上学习同样多的步数：WebGPU 与 WebAssembly 用 float32，CPU 用 float64，是参考实现。",
    raceStart: "开始比赛",
    raceUnderWay: "比赛中……",
    raceFactor: (engine: string, factor: string) => `${engine} 的速度是 float64 参考实现的 ${factor} 倍`,
    raceJoin: "，",
    raceResult: (steps: string, factors: string, difference: string) =>
      `各 ${steps} 步之后，${factors}；权重与参考实现的最大差异为 ${difference}。`,
    raceUndecided: (timed: string, least: string, difference: string) =>
      `比赛时间内只计时了 ${timed} 步；至少要 ${least} 步才能判断快慢。权重与 float64 参考实现的最大差异为 ${difference}。`,
    raceAlone: "这里既没有 WebGPU 也没有 WebAssembly，因此没有比赛。",
  },
);

export const ENGINE_NAMES: Readonly<Record<Engine, string>> = { webgpu: "WebGPU", wasm: "WebAssembly", cpu: "CPU" };

interface Row {
  readonly host: HTMLElement;
  readonly bar: HTMLElement;
  readonly speed: HTMLElement;
}

export class RaceCard {
  readonly host: HTMLElement;
  readonly #words: Words<(typeof texts)["en"]>;
  readonly #names: Words<(typeof ENGINE_TEXTS)["en"]>;
  readonly #start: HTMLButtonElement;
  readonly #rows: ReadonlyMap<Engine, Row>;
  readonly #result = element("p", { class: "race-result", "aria-live": "polite" });
  #lap: Lap | null = null;
  #done = false;
  #racing = false;

  /**
   * @param room what the ids of its controls begin with
   * @param run races and tells of laps; resolves with the last one, or null where it failed and that was told
   */
  constructor(language: Language, room: string, run: (onLap: (lap: Lap) => void) => Promise<Lap | null>) {
    const words = (this.#words = language.words(texts));
    this.#names = language.words(ENGINE_TEXTS);
    this.#start = button(
      words,
      ({ raceStart }) => raceStart,
      () => {
        void this.#run(run);
      },
    );
    this.#start.id = `${room}-race`;
    this.#rows = new Map(ENGINES.map((engine) => [engine, this.#row(engine)]));
    this.host = element(
      "section",
      { class: "card race-card" },
      element(
        "header",
        {},
        words.show(element("h2"), ({ race }) => race),
        this.#start,
      ),
      words.show(element("p", { class: "hint" }), ({ raceLead }) => raceLead),
      element("ul", { role: "list" }, ...[...this.#rows.values()].map(({ host }) => host)),
      this.#result,
    );
    words.follow(this.#result, () => this.#show());
  }

  /** Which of them can race. */
  set engines(engines: readonly Engine[]) {
    for (const [engine, { host }] of this.#rows) host.hidden = !engines.includes(engine);
    if (engines.length > 1) return;
    this.#start.disabled = true;
    this.#words.show(this.#result, ({ raceAlone }) => raceAlone);
  }

  dispose(): void {
    this.#words.dispose();
    this.#names.dispose();
  }

  #row(engine: Engine): Row {
    const bar = element("span", { class: "bar" }),
      speed = element("span", { class: "speed" }, "–");
    const host = element(
      "li",
      { "data-runner": engine },
      this.#names.show(element("span", { class: "name" }), (now) => now[engine]),
      element("span", { class: "track", "aria-hidden": "true" }, bar),
      speed,
    );
    return { host, bar, speed };
  }

  async #run(run: (onLap: (lap: Lap) => void) => Promise<Lap | null>): Promise<void> {
    if (this.#racing) return;
    // It keeps the focus, which a disabled button loses.
    this.#start.setAttribute("aria-disabled", "true");
    [this.#lap, this.#done] = [null, false];
    this.#racing = true;
    this.#show();
    try {
      const lap = await run((now) => {
        this.#lap = now;
        this.#show();
      });
      this.#lap = lap ?? this.#lap;
      this.#done = lap !== null;
    } finally {
      this.#racing = false;
      this.#start.removeAttribute("aria-disabled");
      this.#show();
    }
  }

  #show(): void {
    const { now, language } = this.#words,
      lap = this.#lap;
    const most = lap ? Math.max(...lap.runners.map(({ stepsPerSecond }) => stepsPerSecond)) : 1;
    for (const [engine, { host, bar, speed }] of this.#rows) {
      const rate = lap?.runners.find((runner) => runner.engine === engine)?.stepsPerSecond ?? 0;
      bar.style.width = `${(100 * rate) / most}%`;
      host.classList.toggle("early", lap !== null && !isDecided(lap));
      speed.textContent = rate > 0 ? `${language.number(Number(rate.toPrecision(3)))} / s` : "–";
    }
    if (!lap || !this.#done) {
      this.#result.textContent = this.#racing ? now.raceUnderWay : "";
      return;
    }
    this.host.dataset.difference = String(lap.difference);
    if (!isDecided(lap)) {
      this.#result.textContent = now.raceUndecided(language.number(lap.timed), language.number(LEAST_TIMED), short(lap.difference));
      return;
    }
    const factors = factorsOf(lap)
      .map(({ engine, factor }) => now.raceFactor(ENGINE_NAMES[engine], language.number(Number(factor))))
      .join(now.raceJoin);
    this.#result.textContent = now.raceResult(language.number(lap.steps), factors, short(lap.difference));
  }
}
