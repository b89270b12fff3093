// The scrubber: back to the network as it was after fewer steps, and to now again.

import { button } from "../../lib/controls.ts";
import { element, uniqueId } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { Snapshots } from "./snapshots.ts";
import type { PlaygroundWords } from "./texts.ts";
import type { Look } from "./messages.ts";

export class Timeline {
  readonly host: HTMLElement;
  readonly #words: Words<PlaygroundWords>;
  readonly #onShow: (look: Look, back: boolean) => void;
  readonly #snapshots = new Snapshots();
  readonly #range = element("input", { type: "range", id: uniqueId("timeline"), class: "scrubber", min: 0, max: 0, step: 1, value: 0 });
  readonly #shown = element("output", { for: this.#range.id });
  readonly #now: HTMLButtonElement;
  /** The step that is looked back at; null while the newest is shown. */
  #back: number | null = null;

  /** @param onShow what is to be shown from now on, and whether that is the past */
  constructor(words: Words<PlaygroundWords>, onShow: (look: Look, back: boolean) => void) {
    this.#words = words;
    this.#onShow = onShow;
    this.#now = button(
      words,
      ({ toNow }) => toNow,
      () => {
        // The button is about to be disabled: the focus must not fall to the top of the page.
        this.#range.focus();
        this.now();
      },
    );
    this.#now.id = "playground-now";
    this.#range.addEventListener("input", () => this.#seek(Number(this.#range.value)));
    this.host = element(
      "div",
      { class: "timeline" },
      element(
        "div",
        { class: "control" },
        element(
          "div",
          { class: "control-head" },
          words.show(element("label", { for: this.#range.id }), ({ lookBack }) => lookBack),
          this.#shown,
        ),
        this.#range,
      ),
      this.#now,
    );
    words.follow(this.#shown, () => this.#draw());
  }

  /** Keeps a look; and shows it, unless the past is looked at. */
  add(look: Look): void {
    const before = this.#snapshots.at(-1)?.steps ?? 0;
    this.#snapshots.add(look);
    if (look.steps === 0 || look.steps < before) this.#back = null;
    if (this.#back === null) this.#onShow(look, false);
    this.#draw();
  }

  /** The newest is shown again. */
  now(): void {
    const newest = this.#snapshots.at(-1);
    if (this.#back === null || !newest) return;
    this.#back = null;
    this.#onShow(newest, false);
    this.#draw();
  }

  #seek(place: number): void {
    const look = this.#snapshots.at(place);
    if (!look) return;
    if (place === this.#snapshots.length - 1) return this.now();
    this.#back = look.steps;
    this.#onShow(look, true);
    this.#draw();
  }

  #draw(): void {
    const { now, language } = this.#words,
      last = this.#snapshots.length - 1,
      newest = this.#snapshots.at(-1)?.steps ?? 0;
    const place = this.#back === null ? last : this.#snapshots.placeOf(this.#back);
    this.#range.max = String(Math.max(0, last));
    this.#range.value = String(Math.max(0, place));
    this.#range.disabled = last < 1;
    this.#now.disabled = this.#back === null;
    const text =
      this.#back === null ? now.shownNow(language.number(newest)) : now.shownBack(language.number(this.#back), language.number(newest));
    this.#shown.textContent = text;
    this.#range.setAttribute("aria-valuetext", text);
    if (this.#back === null) delete this.host.dataset.back;
    else this.host.dataset.back = String(this.#back);
    this.host.dataset.kept = String(this.#snapshots.length);
  }
}
