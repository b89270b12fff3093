// Messages that the reader should see: what went wrong and what to do, or what was done. One at a time, until closed or replaced;
// beside the control that asked, or at the top of the window, where it stays.

import { element } from "./dom.ts";
import type { Language } from "./i18n.ts";

export type NoticeKind = "error" | "done" | "hint";

export class Notices {
  readonly #host: HTMLElement;
  readonly #text = element("p");
  readonly #close = element("button", { type: "button", class: "plain" }, "✕");
  readonly #box = element("div", { class: "notice", hidden: true }, this.#text, this.#close);
  /** What is read out: it never moves, so that no screen reader loses it. */
  readonly #spoken = element("p", { class: "unseen", role: "alert" });
  #beside: HTMLElement | null = null;
  #now: (() => string) | null = null;

  constructor(host: HTMLElement, language: Language) {
    this.#host = host;
    host.append(this.#spoken, this.#box);
    language.onChange(() => this.#write());
    this.#close.addEventListener("click", () => {
      // The focus must not fall to the top of the page with the button that had it.
      const beside = this.#beside,
        near = beside?.matches("button, input") ? beside : beside?.querySelector<HTMLElement>("button, input");
      this.clear();
      (near ?? document.getElementById("main"))?.focus();
    });
  }

  set closeLabel(label: string) {
    this.#close.setAttribute("aria-label", label);
  }

  /**
   * @param text called again after a switch of the language
   * @param beside the control, or the row of controls, that asked: the message stands behind it
   */
  show(kind: NoticeKind, text: () => string, beside: HTMLElement | null = null): void {
    this.#box.dataset.kind = kind;
    [this.#now, this.#beside] = [text, beside];
    this.#write();
    this.#box.hidden = false;
    if (beside?.isConnected) {
      beside.after(this.#box);
      this.#box.scrollIntoView({ block: "nearest" });
    } else this.#host.append(this.#box);
  }

  clear(): void {
    this.#box.hidden = true;
    [this.#now, this.#beside] = [null, null];
    this.#write();
    this.#host.append(this.#box);
  }

  #write(): void {
    const text = this.#now?.() ?? "";
    this.#text.textContent = text;
    if (this.#spoken.textContent !== text) this.#spoken.textContent = text;
  }
}

/** Whether the library gave up because the GPU was lost again and again, or there is none any more. Names survive postMessage, classes do not. */
export const isLostGpu = (error: unknown): boolean => error instanceof Error && error.name === "DeviceLostError";

/** An error in words for people: the library's own say where, what must hold, what came and what to do. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
