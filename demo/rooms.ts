// The rooms of the page. One more is one more entry: its name in both languages and what loads it when its tab is first opened.

import type { Texts } from "./lib/i18n.ts";
import type { Mount } from "./lib/room.ts";

export interface RoomEntry {
  /** In the address: #digits. */
  readonly id: string;
  readonly name: Texts<{ readonly tab: string }>;
  readonly load: () => Promise<{ readonly mount: Mount }>;
}

export const ROOMS: readonly RoomEntry[] = [
  { id: "digits", name: { en: { tab: "Digits" }, zh: { tab: "数字" } }, load: () => import("./rooms/digits/room.ts") },
  { id: "playground", name: { en: { tab: "Playground" }, zh: { tab: "游乐场" } }, load: () => import("./rooms/playground/room.ts") },
  { id: "text", name: { en: { tab: "Text" }, zh: { tab: "文本" } }, load: () => import("./rooms/text/room.ts") },
];
