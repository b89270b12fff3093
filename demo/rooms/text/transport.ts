// The figures of the run.

import type { Words } from "../../lib/i18n.ts";
import { megabytes, Transport, type TransportEvents } from "../../lib/transport.ts";
import type { ModelInfo } from "../../lib/trainer.ts";
import type { HeldOut, Progress } from "./messages.ts";
import type { TextWords } from "./texts.ts";

const FIGURES = ["steps", "passes", "perplexity", "heldOut", "characters", "speed", "launches", "bytes", "parameters"] as const;
type Figure = (typeof FIGURES)[number];

/** Three digits that count, and no dot where it would say nothing. */
export const perplexityText = (value: number): string =>
  !Number.isFinite(value) ? (Number.isNaN(value) ? "–" : "∞") : value >= 1000 ? value.toExponential(1) : value.toPrecision(3);

export class TextTransport extends Transport<Figure, TextWords> {
  #model: ModelInfo | null = null;
  #progress: Progress | null = null;
  #held: HeldOut | null = null;

  constructor(words: Words<TextWords>, events: TransportEvents) {
    super("text", words, FIGURES, events);
    words.attribute(this.values.perplexity, "title", ({ perplexityHint }) => perplexityHint);
    words.attribute(this.values.heldOut, "title", ({ heldOutHint }) => heldOutHint);
    this.follow();
  }

  set model(model: ModelInfo) {
    this.#model = model;
    this.show();
  }

  set progress(progress: Progress) {
    this.#progress = progress;
    this.show();
  }

  set held(held: HeldOut) {
    this.#held = held;
    this.show();
  }

  /** A new network has done nothing yet. */
  clear(): void {
    this.#progress = this.#held = null;
    this.show();
  }

  /** For those who listen. */
  spoken(): string {
    const { steps, perplexity, heldOut } = this.values;
    return this.words.now.spoken(steps.textContent ?? "", perplexity.textContent ?? "", heldOut.textContent ?? "");
  }

  protected adapter(): string | null {
    return this.#model?.adapter ?? null;
  }

  protected texts(): Record<Figure, string> {
    const { language } = this.words,
      model = this.#model,
      progress = this.#progress;
    const number = (value: number) => (Number.isFinite(value) ? language.number(Number(value.toPrecision(3))) : "–");
    Object.assign(this.host.dataset, {
      steps: progress?.steps ?? 0,
      perplexity: progress?.perplexity ?? NaN,
      heldOut: this.#held?.perplexity ?? NaN,
      heldOutSteps: this.#held?.steps ?? NaN,
    });
    return {
      steps: language.number(progress?.steps ?? 0),
      passes: (progress?.passes ?? 0).toFixed(1),
      perplexity: progress ? perplexityText(progress.perplexity) : "–",
      heldOut: this.#held ? perplexityText(this.#held.perplexity) : "–",
      characters: progress ? number(progress.charactersPerSecond) : "–",
      speed: progress ? number(progress.stepsPerSecond) : "–",
      launches: model?.launches === 0 ? "< 1" : String(model?.launches ?? "–"),
      bytes: model?.bytes ? megabytes(model.bytes) : "–",
      parameters: model ? language.number(model.parameters) : "–",
    };
  }
}
