// Run, pause, step, reset; and the figures of the run.

import { button } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { short } from "../../lib/format.ts";
import type { PlaygroundWords } from "./texts.ts";
import type { Look, ModelInfo } from "./trainer.ts";

/** "empty": there are too few points to learn from. */
export type State = "loading" | "empty" | "ready" | "running" | "paused";

export interface TransportEvents {
  onRun(): void;
  onPause(): void;
  onStep(): void;
  onReset(): void;
  onShare(): void;
}

const FIGURES = ["steps", "speed", "trainLoss", "testLoss", "accuracy", "launches", "parameters"] as const;
type Figure = (typeof FIGURES)[number];

export class Transport {
  readonly host: HTMLElement;
  readonly #words: Words<PlaygroundWords>;
  readonly #run: HTMLButtonElement;
  readonly #step: HTMLButtonElement;
  readonly #reset: HTMLButtonElement;
  readonly #status = element("p", { class: "status" });
  readonly #values = Object.fromEntries(FIGURES.map((name) => [name, element("dd", { id: `playground-${name}` }, "–")])) as Record<Figure, HTMLElement>;
  #state: State = "loading";
  #model: ModelInfo | null = null;
  #look: Look | null = null;

  constructor(words: Words<PlaygroundWords>, events: TransportEvents) {
    this.#words = words;
    const act = (name: string, label: (now: PlaygroundWords) => string, call: () => void, kind: "primary" | "normal" = "normal") => {
      const made = button(words, label, call, kind);
      made.id = `playground-${name}`;
      return made;
    };
    this.#run = act("run", (now) => (this.#state === "running" ? now.pause : now.run),
      () => (this.#state === "running" ? events.onPause() : events.onRun()), "primary");
    this.#step = act("step", ({ step }) => step, () => events.onStep());
    this.#reset = act("reset", ({ reset }) => reset, () => events.onReset());
    words.attribute(this.#step, "title", ({ stepHint }) => stepHint);
    words.attribute(this.#reset, "title", ({ resetHint }) => resetHint);
    words.attribute(this.#values.speed, "title", ({ speedHint }) => speedHint);
    words.follow(this.#status, () => this.#show());
    const figure = (name: Figure) => element("div", { class: `figure ${name}` }, words.show(element("dt"), (now) => now[name]), this.#values[name]);
    this.host = element("section", { class: "card transport" },
      words.attribute(element("div", { class: "buttons", role: "group" }, this.#run, this.#step, this.#reset,
        act("share", ({ share }) => share, () => events.onShare())), "aria-label", ({ controls }) => controls),
      this.#status, element("dl", { class: "figures" }, ...FIGURES.map(figure)));
    this.state = "loading";
  }

  get state(): State {
    return this.#state;
  }

  set state(state: State) {
    this.#state = state;
    this.host.dataset.state = state;
    this.#run.disabled = this.#reset.disabled = state === "loading" || state === "empty";
    this.#step.disabled = this.#run.disabled || state === "running";
    this.#run.textContent = state === "running" ? this.#words.now.pause : this.#words.now.run;
    this.#run.dataset.icon = state === "running" ? "pause" : "run";
    this.#show();
  }

  set model(model: ModelInfo) {
    this.#model = model;
    this.#show();
  }

  set look(look: Look) {
    this.#look = look;
    this.#show();
  }

  /** For those who listen. */
  spoken(): string {
    const { steps, testLoss, accuracy } = this.#values;
    return this.#words.now.spoken(steps.textContent ?? "", testLoss.textContent ?? "", accuracy.textContent ?? "");
  }

  #show(): void {
    const { now, language } = this.#words, model = this.#model, look = this.#look;
    const texts: Record<Figure, string> = {
      steps: language.number(look?.steps ?? 0),
      speed: look?.stepsPerSecond ? language.number(Number(look.stepsPerSecond.toPrecision(3)), { maximumFractionDigits: 0 }) : "–",
      trainLoss: look ? short(look.train.loss) : "–",
      testLoss: look ? short(look.test.loss) : "–",
      accuracy: look ? language.percent(look.test.accuracy) : "–",
      launches: model?.launches === 0 ? "≪ 1" : String(model?.launches ?? "–"),
      parameters: model ? language.number(model.parameters) : "–",
    };
    for (const name of FIGURES) this.#values[name].textContent = texts[name];
    if (look) {
      this.host.dataset.steps = String(look.steps);
      this.host.dataset.loss = String(look.train.loss);
      this.host.dataset.accuracy = String(look.test.accuracy);
    }
    this.#status.textContent = now[this.#state] + (model && this.#state !== "loading" ? ` · ${now.on(model.adapter)}` : "");
  }
}
