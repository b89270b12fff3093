// What each neuron of the first layer looks for: its weights as an image, cold for ink that speaks against, warm for ink that
// speaks for.

import { divergingColours, drawPixels } from "../../lib/canvas.ts";
import { selectControl } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { rgbColour, type Theme } from "../../lib/theme.ts";
import type { WeightImages } from "./inspect.ts";
import type { DigitsWords } from "./texts.ts";

const COLUMNS = 8;
/** Pixels of the paper between two images. */
const GAP = 2;

export class WeightsView {
  readonly host: HTMLElement;
  readonly #canvas = element("canvas", { class: "weight-images", role: "img" });
  readonly #note = element("p", { class: "hint" });
  #images: WeightImages | null = null;
  readonly #end: () => void;

  /** Only what training has changed, else the weights themselves. */
  learned = true;

  constructor(
    readonly words: Words<DigitsWords>,
    theme: Theme,
    onChoice: () => void,
  ) {
    const choice = selectControl<"learned" | "all", DigitsWords>(
      { words, label: (now) => now.weightChoice },
      [
        { value: "learned", label: (now) => now.weightLearned },
        { value: "all", label: (now) => now.weightAll },
      ],
      "learned",
      (value) => {
        this.learned = value === "learned";
        onChoice();
      },
    );
    this.host = element(
      "section",
      { class: "card" },
      element(
        "header",
        {},
        words.show(element("h2"), ({ weightImages }) => weightImages),
        choice.host,
      ),
      this.#note,
      this.#canvas,
    );
    words.follow(this.#note, () => this.#say());
    this.#end = theme.onChange(() => this.#draw());
  }

  show(images: WeightImages): void {
    this.#images = images;
    this.#say();
    this.#draw();
  }

  dispose(): void {
    this.#end();
  }

  #say(): void {
    const { now } = this.words,
      images = this.#images;
    this.#note.textContent = images ? now.weightNote(images.shown, images.units) : "";
    this.#canvas.setAttribute("aria-label", images ? now.weightLabel(images.shown, images.limit.toPrecision(2)) : now.weightImages);
  }

  #draw(): void {
    if (!this.#images) return;
    const { side, shown, values, limit } = this.#images,
      columns = Math.min(COLUMNS, shown),
      rows = Math.ceil(shown / columns);
    const pitch = side + GAP,
      width = columns * pitch - GAP,
      height = rows * pitch - GAP,
      card = rgbColour("--card");
    // A number beyond all colours stands for the gaps.
    const PAPER = 9,
      all = new Float32Array(width * height).fill(PAPER),
      colour = divergingColours();
    for (let unit = 0; unit < shown; unit++) {
      const left = (unit % columns) * pitch,
        top = Math.floor(unit / columns) * pitch;
      for (let i = 0; i < side * side; i++) {
        const value = values[unit * side * side + i] / limit;
        all[(top + Math.floor(i / side)) * width + left + (i % side)] = value > 1 ? 1 : value;
      }
    }
    drawPixels(this.#canvas, all, width, height, (value) => (value === PAPER ? card : colour(value)));
  }
}
