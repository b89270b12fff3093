// The address of the page: which room is shown, and its whole configuration, so that a reload, a bookmark and Back find it again.

/** A slider that is dragged changes many times a second: so often the address follows, and browsers allow no more than a few times as often. */
const FOLLOW_MS = 400;
/** Changes that follow upon one another so closely are one change to Back. */
const ONE_CHANGE_MS = 1_000;

export class Address {
  readonly #links = new Map<string, string>();
  #shown: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #changedAt = -Infinity;

  constructor() {
    addEventListener("pagehide", () => this.#flush());
  }

  /** What the address says: the name of a room and a configuration, each "" without one. */
  read(): { readonly id: string; readonly link: string } {
    const [id, ...rest] = location.hash.replace(/^#/, "").split("?");
    return { id, link: rest.join("?") };
  }

  /** The configuration that a room last told. */
  linkOf(id: string): string | undefined {
    return this.#links.get(id);
  }

  /** This room is shown from now on. Its configuration takes the place of what the address says. */
  show(id: string): void {
    // What the visitor changed in the last moments of the room before belongs to an entry that is no longer there.
    this.#drop();
    this.#shown = id;
    this.#write("replaceState");
  }

  /**
   * The configuration of a room is another one.
   * @param visited the visitor changed it: Back undoes that; else it takes the place of what the address said
   */
  set(id: string, link: string, visited: boolean): void {
    this.#links.set(id, link);
    if (id !== this.#shown) return;
    if (visited) this.#timer ??= setTimeout(() => this.#flush(), FOLLOW_MS);
    else {
      this.#drop();
      this.#write("replaceState");
    }
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flush(): void {
    if (this.#timer === undefined) return;
    this.#drop();
    const now = performance.now(),
      isOne = now - this.#changedAt < ONE_CHANGE_MS;
    this.#changedAt = now;
    this.#write(isOne ? "replaceState" : "pushState");
  }

  #write(how: "pushState" | "replaceState"): void {
    const link = this.#shown === null ? undefined : this.#links.get(this.#shown),
      hash = `#${this.#shown}?${link}`;
    if (link !== undefined && location.hash !== hash) history[how](null, "", hash);
  }
}
