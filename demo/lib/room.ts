// What a room is and what the page gives it. docs/page.md says how one plugs in.

import type { Announcer } from "./announce.ts";
import type { Language } from "./i18n.ts";
import type { Notices } from "./notices.ts";
import type { Theme } from "./theme.ts";

export interface RoomContext {
  readonly language: Language;
  readonly theme: Theme;
  readonly notices: Notices;
  readonly announcer: Announcer;
  /** The configuration that the address had when the room was opened, "" without one; share.ts reads it. */
  readonly link: string;
  /**
   * The room's configuration is another one, in the form of a share link: the address follows.
   * @param visited the visitor changed it, and Back undoes that; else it takes the place of what the address says
   */
  onLink(link: string, visited: boolean): void;
  /** The address of this room with a configuration, for others. */
  shareUrl(link: string): string;
}

export interface Room {
  /** Another room is shown: stop training, keep everything. */
  hide?(): void;
  /** It is shown again. */
  show?(): void;
  /** The address has another configuration of this room: by a share link, or by Back and Forward. */
  open?(link: string): void;
  /** The page is done with it: end workers and listeners. */
  dispose(): void;
}

export type Mount = (host: HTMLElement, context: RoomContext) => Room;
