// The figures of the run.

import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { Transport, type TransportEvents } from "../../lib/transport.ts";
import { short } from "../../lib/format.ts";
import type { PlaygroundWords } from "./texts.ts";
import type { ModelInfo } from "../../lib/trainer.ts";
import type { Look } from "./messages.ts";

const FIGURES = ["steps", "speed", "trainLoss", "testLoss", "accuracy", "launches", "parameters"] as const;
type Figure = (typeof FIGURES)[number];

export class PlaygroundTransport extends Transport<Figure, PlaygroundWords> {
  #model: ModelInfo | null = null;
  #look: Look | null = null;

  /** @param clock what sets the pace, and what looks back: for between the buttons and the figures */
  constructor(words: Words<PlaygroundWords>, events: TransportEvents, clock: readonly HTMLElement[]) {
    super("playground", words, FIGURES, events);
    words.attribute(this.values.speed, "title", ({ speedHint }) => speedHint);
    this.host.querySelector(".figures")!.before(element("div", { class: "clock" }, ...clock));
    this.follow();
  }

  set model(model: ModelInfo) {
    this.#model = model;
    this.show();
  }

  set look(look: Look) {
    this.#look = look;
    this.show();
  }

  /** For those who listen. */
  spoken(): string {
    const { steps, testLoss, accuracy } = this.values;
    return this.words.now.spoken(steps.textContent ?? "", testLoss.textContent ?? "", accuracy.textContent ?? "");
  }

  protected adapter(): string | null {
    return this.#model?.adapter ?? null;
  }

  protected texts(): Record<Figure, string> {
    const { language } = this.words,
      model = this.#model,
      look = this.#look;
    if (look) Object.assign(this.host.dataset, { steps: look.steps, loss: look.train.loss, accuracy: look.test.accuracy });
    return {
      steps: language.number(look?.steps ?? 0),
      speed: look?.stepsPerSecond ? language.number(Number(look.stepsPerSecond.toPrecision(3)), { maximumFractionDigits: 0 }) : "–",
      trainLoss: look ? short(look.train.loss) : "–",
      testLoss: look ? short(look.test.loss) : "–",
      accuracy: look ? language.percent(look.test.accuracy) : "–",
      launches: model?.launches === 0 ? "≪ 1" : String(model?.launches ?? "–"),
      parameters: model ? language.number(model.parameters) : "–",
    };
  }
}
