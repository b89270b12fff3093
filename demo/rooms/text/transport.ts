// Run, pause, step, reset; and the figures of the run.

import { button } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { ModelInfo, Progress } from "./messages.ts";
import type { TextWords } from "./texts.ts";

export type State = "loading" | "ready" | "running" | "paused";

export interface TransportEvents {
  onRun(): void;
  onPause(): void;
  onStep(): void;
  onReset(): void;
  onShare(): void;
}

const FIGURES = ["steps", "passes", "perplexity", "characters", "speed", "launches", "bytes", "parameters"] as const;
type Figure = (typeof FIGURES)[number];

const megabytes = (bytes: number): string => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`);

/** Three digits that count, and no dot where it would say nothing. */
export const perplexityText = (value: number): string =>
  (!Number.isFinite(value) ? (Number.isNaN(value) ? "–" : "∞") : value >= 1000 ? value.toExponential(1) : value.toPrecision(3));

export class Transport {
  readonly host: HTMLElement;
  readonly #words: Words<TextWords>;
  readonly #run: HTMLButtonElement;
  readonly #step: HTMLButtonElement;
  readonly #reset: HTMLButtonElement;
  readonly #status = element("p", { class: "status" });
  readonly #values = Object.fromEntries(FIGURES.map((name) => [name, element("dd", { id: `text-${name}` }, "–")])) as Record<Figure, HTMLElement>;
  #state: State = "loading";
  #model: ModelInfo | null = null;
  #progress: Progress | null = null;

  constructor(words: Words<TextWords>, events: TransportEvents) {
    this.#words = words;
    const act = (name: string, label: (now: TextWords) => string, call: () => void, kind: "primary" | "normal" = "normal") => {
      const made = button(words, label, call, kind);
      made.id = `text-${name}`;
      return made;
    };
    this.#run = act("run", (now) => (this.#state === "running" ? now.pause : now.run),
      () => (this.#state === "running" ? events.onPause() : events.onRun()), "primary");
    this.#step = act("step", ({ step }) => step, () => events.onStep());
    this.#reset = act("reset", ({ reset }) => reset, () => events.onReset());
    words.attribute(this.#step, "title", ({ stepHint }) => stepHint);
    words.attribute(this.#reset, "title", ({ resetHint }) => resetHint);
    words.attribute(this.#values.perplexity, "title", ({ perplexityHint }) => perplexityHint);
    const figure = (name: Figure) => element("div", { class: `figure ${name}` }, words.show(element("dt"), (now) => now[name]), this.#values[name]);
    this.host = element("section", { class: "card transport" },
      words.attribute(element("div", { class: "buttons", role: "group" }, this.#run, this.#step, this.#reset,
        act("share", ({ share }) => share, () => events.onShare())), "aria-label", ({ controls }) => controls),
      this.#status, element("dl", { class: "figures" }, ...FIGURES.map(figure)));
    this.state = "loading";
    words.follow(this.#status, () => this.#show());
  }

  get state(): State {
    return this.#state;
  }

  set state(state: State) {
    this.#state = state;
    this.host.dataset.state = state;
    this.#run.disabled = this.#reset.disabled = state === "loading";
    this.#step.disabled = state === "loading" || state === "running";
    this.#run.textContent = state === "running" ? this.#words.now.pause : this.#words.now.run;
    this.#run.dataset.icon = state === "running" ? "pause" : "run";
    this.#show();
  }

  set model(model: ModelInfo) {
    this.#model = model;
    this.#show();
  }

  set progress(progress: Progress) {
    this.#progress = progress;
    this.#show();
  }

  /** A new network has done nothing yet. */
  clear(): void {
    this.#progress = null;
    this.#show();
  }

  /** For those who listen. */
  spoken(): string {
    const { steps, perplexity } = this.#values;
    return this.#words.now.spoken(steps.textContent ?? "", perplexity.textContent ?? "");
  }

  #show(): void {
    const { now, language } = this.#words, model = this.#model, progress = this.#progress;
    const number = (value: number) => (Number.isFinite(value) ? language.number(Number(value.toPrecision(3))) : "–");
    const texts: Record<Figure, string> = {
      steps: language.number(progress?.steps ?? 0),
      passes: (progress?.passes ?? 0).toFixed(1),
      perplexity: progress ? perplexityText(progress.perplexity) : "–",
      characters: progress ? number(progress.charactersPerSecond) : "–",
      speed: progress ? number(progress.stepsPerSecond) : "–",
      launches: model?.launches === 0 ? "< 1" : String(model?.launches ?? "–"),
      bytes: model?.bytes ? megabytes(model.bytes) : "–",
      parameters: model ? language.number(model.parameters) : "–",
    };
    for (const name of FIGURES) this.#values[name].textContent = texts[name];
    this.host.dataset.steps = String(progress?.steps ?? 0);
    this.host.dataset.perplexity = String(progress?.perplexity ?? NaN);
    this.#status.textContent = now[this.#state] + (model && this.#state !== "loading" ? ` · ${now.on(model.adapter)}` : "");
  }
}
