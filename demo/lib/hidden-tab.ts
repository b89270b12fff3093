// What training does while its tab is hidden: it waits, or, where the visitor chose so, goes on and says so in the title of the tab.

import { switchControl, type Control } from "./controls.ts";
import { defineTexts, recall, remember, type Language, type Words } from "./i18n.ts";

const texts = defineTexts(
  {
    pause: "Pause while this tab is hidden",
    learning: (title: string) => `● Learning · ${title}`,
  },
  {
    pause: "标签页隐藏时暂停",
    learning: (title: string) => `● 正在学习 · ${title}`,
  },
);

const STORED = "deltaprop.hidden",
  GOES_ON = "run";

interface Training {
  running(): boolean;
  run(): void;
  pause(): void;
}

export class HiddenTab {
  readonly host: HTMLElement;
  readonly #words: Words<(typeof texts)["en"]>;
  readonly #pauses: Control<boolean>;
  readonly #ends = new AbortController();
  /** Paused because the tab was hidden. */
  #waits = false;
  /** The title without what is said of training; null while nothing is. */
  #title: string | null = null;

  constructor(
    language: Language,
    readonly training: Training,
  ) {
    this.#words = language.words(texts);
    this.#pauses = switchControl({ words: this.#words, label: ({ pause }) => pause }, recall(STORED) !== GOES_ON, (pauses) =>
      remember(STORED, pauses ? "pause" : GOES_ON),
    );
    this.host = this.#pauses.host;
    this.host.classList.add("when-hidden");
    document.addEventListener("visibilitychange", () => (document.visibilityState === "hidden" ? this.#hide() : this.#show()), {
      signal: this.#ends.signal,
    });
  }

  dispose(): void {
    this.#ends.abort();
    this.#words.dispose();
  }

  #hide(): void {
    if (!this.training.running()) return;
    if (this.#pauses.value) {
      this.#waits = true;
      this.training.pause();
    } else if (this.#title === null) {
      this.#title = document.title;
      document.title = this.#words.now.learning(this.#title);
    }
  }

  #show(): void {
    if (this.#title !== null) document.title = this.#title;
    this.#title = null;
    const waits = this.#waits;
    this.#waits = false;
    if (waits && !this.training.running()) this.training.run();
  }
}
