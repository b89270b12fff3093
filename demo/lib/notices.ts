// Messages that the reader should see: what went wrong and what to do, or what was done. One at a time, until closed or replaced.

import { element } from "./dom.ts";

export type NoticeKind = "error" | "done" | "hint";

export class Notices {
  readonly #text = element("p");
  readonly #close = element("button", { type: "button", class: "plain" }, "✕");
  readonly #box = element("div", { class: "notice", role: "alert", hidden: true }, this.#text, this.#close);

  constructor(host: HTMLElement) {
    host.append(this.#box);
    this.#close.addEventListener("click", () => this.clear());
  }

  set closeLabel(label: string) {
    this.#close.setAttribute("aria-label", label);
  }

  show(kind: NoticeKind, text: string): void {
    this.#box.dataset.kind = kind;
    this.#text.textContent = text;
    this.#box.hidden = false;
  }

  clear(): void {
    this.#box.hidden = true;
    this.#text.textContent = "";
  }
}

/** Whether the library gave up because the GPU was lost again and again, or there is none any more. Names survive postMessage, classes do not. */
export const isLostGpu = (error: unknown): boolean => error instanceof Error && error.name === "DeviceLostError";

/** An error in words for people: the library's own say where, what must hold, what came and what to do. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
