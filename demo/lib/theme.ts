// Light, dark, or as the system has it; and the colours of style.css as numbers, for what is drawn on a canvas.

import { recall, remember } from "./i18n.ts";

export const THEMES = ["system", "light", "dark"] as const;
export type ThemeName = (typeof THEMES)[number];

const STORED = "deltaprop.theme";

/** A colour of style.css by the name of its variable, as CSS writes it. */
export const cssColour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export type Rgb = readonly [red: number, green: number, blue: number];

/** The same as three bytes. style.css writes those that are asked for here as #rrggbb. */
export function rgbColour(name: string): Rgb {
  const hex = cssColour(name);
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
}

export class Theme {
  #name: ThemeName;
  readonly #listeners = new Set<() => void>();

  constructor() {
    const stored = recall(STORED);
    this.#name = THEMES.find((name) => name === stored) ?? "system";
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#tell());
    this.#apply();
  }

  get name(): ThemeName {
    return this.#name;
  }

  choose(name: ThemeName): void {
    this.#name = name;
    remember(STORED, name);
    this.#apply();
    this.#tell();
  }

  /** Canvases draw anew. @returns what ends it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #apply(): void {
    if (this.#name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.#name;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
