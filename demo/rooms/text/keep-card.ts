// Save and load: the network as a file.

import { button, fileButton } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { TextWords } from "./texts.ts";

export class KeepCard {
  readonly host: HTMLElement;
  /** Where messages about files belong. */
  readonly row: HTMLElement;

  constructor(words: Words<TextWords>, onSave: () => void, onLoad: (file: File) => void) {
    const save = button(words, (now) => now.save, onSave);
    save.id = "text-save";
    this.row = element(
      "div",
      { class: "pair" },
      save,
      fileButton(
        words,
        (now) => now.load,
        ".safetensors",
        false,
        ([file]) => onLoad(file),
      ),
    );
    this.host = element(
      "section",
      { class: "card keep" },
      words.show(element("h2"), (now) => now.keep),
      words.show(element("p", { class: "hint" }), (now) => now.keepHint),
      this.row,
    );
  }
}
