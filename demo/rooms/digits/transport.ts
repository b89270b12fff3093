// The figures of the run.

import type { Words } from "../../lib/i18n.ts";
import { megabytes, Transport, type TransportEvents } from "../../lib/transport.ts";
import type { DigitsWords } from "./texts.ts";
import type { ModelInfo } from "../../lib/trainer.ts";
import type { Progress, Validation } from "./messages.ts";

const FIGURES = ["steps", "epoch", "loss", "accuracy", "samples", "ms", "launches", "bytes"] as const;
type Figure = (typeof FIGURES)[number];

export class DigitsTransport extends Transport<Figure, DigitsWords> {
  #model: ModelInfo | null = null;
  #progress: Progress | null = null;
  #validation: Validation | null = null;

  constructor(words: Words<DigitsWords>, events: TransportEvents) {
    super("digits", words, FIGURES, events);
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

  set validation(validation: Validation) {
    this.#validation = validation;
    this.show();
  }

  /** A new network has done nothing yet. */
  clear(): void {
    this.#progress = this.#validation = null;
    this.show();
  }

  /** For those who listen. */
  spoken(): string {
    const { steps, loss, accuracy } = this.values;
    return this.words.now.spoken(steps.textContent ?? "", loss.textContent ?? "", accuracy.textContent ?? "");
  }

  protected adapter(): string | null {
    return this.#model?.adapter ?? null;
  }

  protected texts(): Record<Figure, string> {
    const { language } = this.words,
      model = this.#model,
      progress = this.#progress;
    const whole = { maximumFractionDigits: 0 },
      loss = progress?.losses.at(-1);
    if (loss !== undefined) this.values.loss.dataset.exact = String(loss);
    else delete this.values.loss.dataset.exact;
    return {
      steps: language.number(progress?.steps ?? 0),
      epoch: (progress?.epochs ?? 0).toFixed(1),
      loss: loss === undefined ? "–" : Number.isFinite(loss) ? loss.toFixed(4) : "NaN",
      accuracy: this.#validation ? language.percent(this.#validation.accuracy) : "–",
      samples: progress?.samplesPerSecond ? language.number(progress.samplesPerSecond, whole) : "–",
      ms: progress?.msPerStep?.toPrecision(3) ?? "–",
      launches: model?.launches === 0 ? "< 1" : String(model?.launches ?? "–"),
      bytes: model?.bytes ? megabytes(model.bytes) : "–",
    };
  }
}
