// What a screen reader hears: messages at once, metrics at most every few seconds, however fast they change.

import { element } from "./dom.ts";

const METRICS_EVERY_MS = 6_000;

export class Announcer {
  readonly #messages = element("p", { role: "status", "aria-live": "polite", class: "unseen" });
  readonly #metrics = element("p", { "aria-live": "polite", class: "unseen", id: "metrics-live" });
  #spokeAt = -Infinity;
  #waiting: (() => string) | null = null;

  constructor(host: HTMLElement) {
    host.append(this.#messages, this.#metrics);
  }

  say(text: string): void {
    this.#messages.textContent = text;
  }

  /** @param text asked for when it is spoken, so that it is never out of date */
  metrics(text: () => string): void {
    const scheduled = this.#waiting !== null;
    this.#waiting = text;
    if (scheduled) return;
    setTimeout(
      () => {
        this.#metrics.textContent = this.#waiting?.() ?? "";
        this.#waiting = null;
        this.#spokeAt = performance.now();
      },
      Math.max(0, this.#spokeAt + METRICS_EVERY_MS - performance.now()),
    );
  }
}
