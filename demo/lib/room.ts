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
  /** The configuration of a share link that the page was opened with, "" without one; share.ts reads it. */
  readonly link: string;
  /** The address of this room with a configuration, for others. */
  shareUrl(link: string): string;
}

export interface Room {
  /** Another room is shown: stop training, keep everything. */
  hide?(): void;
  /** It is shown again. */
  show?(): void;
  /** A share link to this room was opened while it is on the page. */
  open?(link: string): void;
  /** The page is done with it: end workers and listeners. */
  dispose(): void;
}

export type Mount = (host: HTMLElement, context: RoomContext) => Room;
