// Run, pause, step, reset; and the figures of the run.

import { button } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { DigitsWords } from "./texts.ts";
import type { ModelInfo, Progress, Validation } from "./trainer.ts";

export type State = "loading" | "ready" | "running" | "paused";

export interface TransportEvents {
  onRun(): void;
  onPause(): void;
  onStep(): void;
  onReset(): void;
}

const FIGURES = ["steps", "epoch", "loss", "accuracy", "samples", "ms", "launches", "bytes"] as const;
type Figure = (typeof FIGURES)[number];

const megabytes = (bytes: number): string => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`);

export class Transport {
  readonly host: HTMLElement;
  readonly #words: Words<DigitsWords>;
  readonly #run: HTMLButtonElement;
  readonly #step: HTMLButtonElement;
  readonly #reset: HTMLButtonElement;
  readonly #status = element("p", { class: "status" });
  readonly #values = Object.fromEntries(FIGURES.map((name) =>
    [name, element("dd", { id: `digits-${name}` }, "–")])) as Record<Figure, HTMLElement>;
  #state: State = "loading";
  #model: ModelInfo | null = null;
  #progress: Progress | null = null;
  #validation: Validation | null = null;

  constructor(words: Words<DigitsWords>, events: TransportEvents) {
    this.#words = words;
    const tell = (name: "onRun" | "onPause" | "onStep" | "onReset") => () => events[name]();
    this.#run = button(words, (now) => (this.#state === "running" ? now.pause : now.run),
      () => (this.#state === "running" ? events.onPause() : events.onRun()), "primary");
    this.#run.id = "digits-run";
    this.#step = button(words, ({ step }) => step, tell("onStep"));
    this.#step.id = "digits-step";
    this.#reset = button(words, ({ reset }) => reset, tell("onReset"));
    this.#reset.id = "digits-reset";
    words.attribute(this.#step, "title", ({ stepHint }) => stepHint);
    words.attribute(this.#reset, "title", ({ resetHint }) => resetHint);
    words.follow(this.#status, () => this.#show());
    const figure = (name: Figure) =>
      element("div", { class: `figure ${name}` }, words.show(element("dt"), (now) => now[name]), this.#values[name]);
    this.host = element("section", { class: "card transport" },
      words.attribute(element("div", { class: "buttons", role: "group" }, this.#run, this.#step, this.#reset), "aria-label",
        ({ controls }) => controls),
      this.#status, element("dl", { class: "figures" }, ...FIGURES.map(figure)));
    this.state = "loading";
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

  set validation(validation: Validation) {
    this.#validation = validation;
    this.#show();
  }

  /** A new network has done nothing yet. */
  clear(): void {
    this.#progress = this.#validation = null;
    this.#show();
  }

  /** For those who listen. */
  spoken(): string {
    const { steps, loss, accuracy } = this.#values;
    return this.#words.now.spoken(steps.textContent ?? "", loss.textContent ?? "", accuracy.textContent ?? "");
  }

  #show(): void {
    const { now, language } = this.#words, model = this.#model, progress = this.#progress, validation = this.#validation;
    const whole = { maximumFractionDigits: 0 }, loss = progress?.losses.at(-1);
    const texts: Record<Figure, string> = {
      steps: language.number(progress?.steps ?? 0),
      epoch: (progress?.epochs ?? 0).toFixed(1),
      loss: loss === undefined ? "–" : Number.isFinite(loss) ? loss.toFixed(4) : "NaN",
      accuracy: validation ? language.percent(validation.accuracy) : "–",
      samples: progress ? language.number(progress.samplesPerSecond, whole) : "–",
      ms: progress ? progress.msPerStep.toPrecision(3) : "–",
      launches: model?.launches === 0 ? "< 1" : String(model?.launches ?? "–"),
      bytes: model?.bytes ? megabytes(model.bytes) : "–",
    };
    for (const name of FIGURES) this.#values[name].textContent = texts[name];
    if (loss !== undefined) this.#values.loss.dataset.exact = String(loss);
    else delete this.#values.loss.dataset.exact;
    this.#status.textContent = now[this.#state] + (model && this.#state !== "loading" ? ` · ${now.on(model.adapter)}` : "");
  }
}
