// Views of something that changes while training goes on: asked for again only when they are on the screen, out of date, and not
// too soon. What nobody looks at costs nothing.

import { prefersLessMotion } from "./dom.ts";

export interface View {
  /** Where it is shown. */
  readonly host: Element;
  /** At most so often while training goes on. */
  readonly everyMs: number;
  /** Asks for it and shows it. */
  readonly refresh: () => Promise<void>;
}

const LOOK_EVERY_MS = 250;
/** With less motion asked for, pictures change so much more rarely. */
const CALM = 4;

class Watched {
  visible = false;
  stale = true;
  busy = false;
  at = -Infinity;

  constructor(readonly view: View) {}
}

export class Watch {
  readonly #views: Watched[];
  readonly #observer: IntersectionObserver;
  readonly #timer: ReturnType<typeof setInterval>;
  #moving = false;

  /** @param onError what a view could not be had for */
  constructor(
    views: readonly View[],
    readonly onError: (error: unknown) => void,
  ) {
    this.#views = views.map((view) => new Watched(view));
    this.#observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        for (const watched of this.#views) if (watched.view.host === target) watched.visible = isIntersecting;
      }
      this.#look();
    });
    for (const { view } of this.#views) this.#observer.observe(view.host);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** Whether training goes on: then views wait for their time, else they are brought up to date at once. */
  set moving(moving: boolean) {
    this.#moving = moving;
    this.#look();
  }

  /** What is shown is no longer so. @param soon someone waits for it */
  changed(soon = false): void {
    for (const watched of this.#views) {
      watched.stale = true;
      if (soon) watched.at = -Infinity;
    }
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#observer.disconnect();
  }

  #look(): void {
    const slower = prefersLessMotion() ? CALM : 1;
    for (const watched of this.#views) {
      const {
        view: { everyMs, refresh },
        visible,
        stale,
        busy,
        at,
      } = watched;
      if (!visible || !stale || busy || (this.#moving && performance.now() - at < slower * everyMs)) continue;
      [watched.busy, watched.stale, watched.at] = [true, false, performance.now()];
      refresh()
        .catch(this.onError)
        .finally(() => {
          watched.busy = false;
          watched.at = performance.now();
        });
    }
  }
}
