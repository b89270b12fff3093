// Run, pause, step, reset; and the figures of the run: the bar at the top of every room.

import { button } from "./controls.ts";
import { element } from "./dom.ts";
import { HiddenTab } from "./hidden-tab.ts";
import type { Words } from "./i18n.ts";

/** "failed": the first network was refused. "empty": there is too little to learn from. */
export type State = "loading" | "failed" | "empty" | "ready" | "running" | "paused";

export interface TransportEvents {
  onRun(): void;
  onPause(): void;
  onStep(): void;
  onReset(): void;
  /** The state is another one. */
  onState?(state: State): void;
  /** Without it there is no button for a link. */
  onShare?(): void;
}

/** What a room's dictionary must hold, beside a word for each figure and state. */
interface TransportWords {
  readonly run: string;
  readonly pause: string;
  readonly step: string;
  readonly stepHint: string;
  readonly reset: string;
  readonly resetHint: string;
  readonly controls: string;
  readonly share?: string;
  readonly noNetwork: string;
  readonly empty?: string;
  readonly on: (adapter: string) => string;
}

export type WordsFor<Figure extends string> = TransportWords & Readonly<Record<Figure | Exclude<State, "empty" | "failed">, string>>;

export abstract class Transport<Figure extends string, Now extends WordsFor<Figure>> {
  readonly host: HTMLElement;
  /** Where each figure stands. */
  protected readonly values: Readonly<Record<Figure, HTMLElement>>;
  /** Where messages about these buttons belong. */
  readonly buttons: HTMLElement;
  readonly #events: TransportEvents;
  readonly #hidden: HiddenTab;
  readonly #run: HTMLButtonElement;
  readonly #step: HTMLButtonElement;
  readonly #reset: HTMLButtonElement;
  readonly #status = element("p", { class: "status" });
  #state: State = "loading";

  /** @param room begins the ids of buttons and figures */
  constructor(
    room: string,
    protected readonly words: Words<Now>,
    readonly figures: readonly Figure[],
    events: TransportEvents,
  ) {
    const act = (name: string, label: (now: Now) => string, call: () => void, kind: "primary" | "normal" = "normal") => {
      const made = button(words, label, call, kind);
      made.id = `${room}-${name}`;
      return made;
    };
    this.values = Object.fromEntries(figures.map((name) => [name, element("dd", { id: `${room}-${name}` }, "–")])) as Record<
      Figure,
      HTMLElement
    >;
    this.#run = act(
      "run",
      (now) => (this.#state === "running" ? now.pause : now.run),
      () => (this.#state === "running" ? events.onPause() : events.onRun()),
      "primary",
    );
    this.#step = act(
      "step",
      ({ step }) => step,
      () => events.onStep(),
    );
    this.#reset = act(
      "reset",
      ({ reset }) => reset,
      () => events.onReset(),
    );
    words.attribute(this.#step, "title", ({ stepHint }) => stepHint);
    words.attribute(this.#reset, "title", ({ resetHint }) => resetHint);
    const share = events.onShare
      ? [
          act(
            "share",
            (now) => now.share ?? "",
            () => events.onShare?.(),
          ),
        ]
      : [];
    const figure = (name: Figure) =>
      element(
        "div",
        { class: `figure ${name}` },
        words.show(element("dt"), (now) => now[name]),
        this.values[name],
      );
    this.#events = events;
    this.buttons = words.attribute(
      element("div", { class: "buttons", role: "group" }, this.#run, this.#step, this.#reset, ...share),
      "aria-label",
      ({ controls }) => controls,
    );
    this.#hidden = new HiddenTab(words.language, {
      running: () => this.#state === "running",
      run: () => events.onRun(),
      pause: () => events.onPause(),
    });
    this.host = element(
      "section",
      { class: "card transport" },
      this.buttons,
      element("div", { class: "how" }, this.#status, this.#hidden.host),
      element("dl", { class: "figures" }, ...figures.map(figure)),
    );
  }

  get state(): State {
    return this.#state;
  }

  set state(state: State) {
    const changed = this.#state !== state;
    this.#state = state;
    if (changed) this.#events.onState?.(state);
    this.host.dataset.state = state;
    this.#run.disabled = this.#reset.disabled = state === "loading" || state === "failed" || state === "empty";
    this.#step.disabled = this.#run.disabled || state === "running";
    this.#run.textContent = state === "running" ? this.words.now.pause : this.words.now.run;
    this.#run.dataset.icon = state === "running" ? "pause" : "run";
    this.show();
  }

  dispose(): void {
    this.#hidden.dispose();
  }

  /** The figures as they are now; "–" where there is none. */
  protected abstract texts(): Readonly<Record<Figure, string>>;

  /** What the network runs on; null while there is none. */
  protected abstract adapter(): string | null;

  /** Begins to follow the language; for the end of the constructor. */
  protected follow(): void {
    this.state = "loading";
    this.words.follow(this.#status, () => this.show());
  }

  protected show(): void {
    const { now } = this.words,
      texts = this.texts(),
      adapter = this.adapter();
    for (const name of this.figures) this.values[name].textContent = texts[name];
    this.#status.textContent =
      (this.#state === "failed" ? now.noNetwork : (now[this.#state as Exclude<State, "empty" | "failed">] ?? "")) +
      (adapter && this.#state !== "loading" && this.#state !== "failed" ? ` · ${now.on(adapter)}` : "");
  }
}

/** "1.29 MB". */
export const megabytes = (bytes: number): string => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`);
