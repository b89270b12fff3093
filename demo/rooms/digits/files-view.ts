// What goes in and out: weights, digits of one's own, a link with the configuration.

import { button, fileButton } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import type { DigitsWords } from "./texts.ts";

export interface FilesEvents {
  readonly onSave: () => void;
  /** Files of any kind, chosen or dropped. */
  readonly onFiles: (files: File[]) => void;
  readonly onShare: () => void;
}

export class FilesView {
  readonly host: HTMLElement;
  /** Where messages about weights, about digits and about the link belong. */
  readonly saveRow: HTMLElement;
  readonly dataRow: HTMLElement;
  readonly shareRow: HTMLElement;
  readonly #link = element("input", { type: "text", readonly: true, id: "digits-link" });
  readonly #linkBox = element("div", { class: "control", hidden: true }, this.#link);
  readonly #end: () => void;

  /** @param room where files may be dropped */
  constructor(words: Words<DigitsWords>, room: HTMLElement, { onSave, onFiles, onShare }: FilesEvents) {
    const save = button(words, ({ save }) => save, onSave),
      share = button(words, ({ share }) => share, onShare);
    save.id = "digits-save";
    share.id = "digits-share";
    words.attribute(this.#link, "aria-label", ({ linkLabel }) => linkLabel);
    this.#link.addEventListener("focus", () => this.#link.select());
    const row = (...buttons: HTMLElement[]) => element("div", { class: "buttons-row" }, ...buttons);
    this.saveRow = row(
      save,
      fileButton(words, ({ load }) => load, ".safetensors", false, onFiles),
    );
    this.dataRow = row(fileButton(words, ({ idx }) => idx, "", true, onFiles));
    this.shareRow = row(share);
    this.host = element(
      "section",
      { class: "card files" },
      words.show(element("h2"), ({ files }) => files),
      this.saveRow,
      words.show(element("p", { class: "hint" }), ({ loadNote }) => loadNote),
      this.dataRow,
      words.show(element("p", { class: "hint" }), ({ idxNote }) => idxNote),
      this.shareRow,
      this.#linkBox,
    );
    this.#end = acceptDrops(room, onFiles);
  }

  showLink(url: string): void {
    this.#link.value = url;
    this.#linkBox.hidden = false;
  }

  dispose(): void {
    this.#end();
  }
}

/** @returns what ends it */
function acceptDrops(host: HTMLElement, onFiles: (files: File[]) => void): () => void {
  const ends = new AbortController(),
    { signal } = ends;
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  host.addEventListener(
    "dragover",
    (event) => {
      if (!hasFiles(event)) return;
      // Without it the browser would open the file in place of the page.
      event.preventDefault();
      host.classList.add("dropping");
    },
    { signal },
  );
  host.addEventListener(
    "dragleave",
    (event) => {
      if (!(event.relatedTarget instanceof Node && host.contains(event.relatedTarget))) host.classList.remove("dropping");
    },
    { signal },
  );
  host.addEventListener(
    "drop",
    (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      host.classList.remove("dropping");
      onFiles([...(event.dataTransfer?.files ?? [])]);
    },
    { signal },
  );
  return () => ends.abort();
}
