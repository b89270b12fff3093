// A room's configuration as a link and back: read against its fields, told where it is wrong, and kept in the address.

import type { RoomContext } from "./room.ts";
import { LinkError, readLink, writeLink, type Fields } from "./share.ts";

export class RoomLink<C extends object> {
  /**
   * @param onWrong says what is wrong with a link
   * @param now the configuration as the room's controls have it
   */
  constructor(
    readonly context: RoomContext,
    readonly fields: Fields<C>,
    readonly defaults: C,
    readonly onWrong: (field: string, got: string, rule: string) => void,
    readonly now: () => C,
  ) {}

  /** The configuration of a link; what it leaves out is as usual. Null, and told, if it is wrong. */
  read(link: string): C | null {
    try {
      return { ...this.defaults, ...readLink(this.fields, link) };
    } catch (error) {
      if (!(error instanceof LinkError)) throw error;
      this.onWrong(error.field, error.got, error.rule);
      return null;
    }
  }

  /**
   * Opens another link: the controls take it, unless it is wrong.
   * @returns which fields are others now
   */
  take(link: string, apply: (wanted: C) => void): (keyof C)[] {
    const wanted = this.read(link),
      changes = wanted ? this.#changes(wanted) : [];
    if (wanted) apply(wanted);
    this.shown();
    return changes;
  }

  /** The same, and then what the change takes: `live` where all that changed is among `names`, else `other`. */
  open(link: string, apply: (wanted: C) => void, names: readonly (keyof C)[], live: () => void, other: () => void): void {
    const changes = this.take(link, apply);
    if (changes.length === 0) return;
    if (changes.every((name) => names.includes(name))) live();
    else other();
  }

  /** Which fields of another configuration differ from those of now. */
  #changes(wanted: C): (keyof C)[] {
    const now = this.now();
    return (Object.keys(this.fields) as (keyof C)[]).filter(
      (name) => this.fields[name].write(now[name]) !== this.fields[name].write(wanted[name]),
    );
  }

  /** The visitor changed something: the address follows, and Back undoes it. */
  changed(): void {
    this.context.onLink(writeLink(this.fields, this.now()), true);
  }

  /** The controls show what nobody chose just now: the address says that, and nothing of before. */
  shown(): void {
    this.context.onLink(writeLink(this.fields, this.now()), false);
  }

  /** For others. */
  get url(): string {
    return this.context.shareUrl(writeLink(this.fields, this.now()));
  }
}
