// The large map: what the network answers over the plane, where its answer is ½, and the points. Points are chosen or placed on
// it by pointer or keyboard.

import { divergingColours, drawPixels, freshContext } from "../../lib/canvas.ts";
import { element, oncePerFrame } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { cssColour } from "../../lib/theme.ts";
import { contour } from "./contour.ts";
import { place, short } from "../../lib/format.ts";
import type { Points, Split } from "./points.ts";
import type { PlaygroundWords } from "./texts.ts";

export interface PlaneEvents {
  /** A point of the plane was clicked, or Enter pressed on it. */
  onPoint(x: number, y: number): void;
  onUndo(): void;
  onClass(): void;
  /** What a screen reader should hear. */
  say(text: string): void;
}

const NOTHING: Points = { xy: new Float32Array(0), classes: new Uint8Array(0) };
const STRIDE = 0.05;
/** How pale the map is beside the points: a share of the full colours. */
const PALE = 0.62;

export class Plane {
  readonly host: HTMLElement;
  readonly #words: Words<PlaygroundWords>;
  readonly #events: PlaneEvents;
  readonly #heat = element("canvas", { class: "heat" });
  readonly #overlay = element("canvas", { class: "overlay", tabindex: 0, role: "application" });
  readonly #title = element("h2");
  #split: Split = { train: NOTHING, test: NOTHING };
  #answers: Float32Array = new Float32Array(0);
  #shown: { values: ArrayLike<number>; side: number; name: string } | null = null;
  #side = 1;
  #example: number | null = null;
  #showTest = true;
  #accuracy = "–";
  #cursor: { x: number; y: number } | null = null;
  readonly #resize = new ResizeObserver(() => this.draw());
  readonly draw = oncePerFrame(() => this.#draw());

  constructor(words: Words<PlaygroundWords>, events: PlaneEvents) {
    this.#words = words;
    this.#events = events;
    const key = (name: string, label: (now: PlaygroundWords) => string) =>
      element("li", {}, element("span", { class: `glyph ${name}`, "aria-hidden": "true" }), words.show(element("span"), label));
    this.host = element(
      "section",
      { class: "card map" },
      element("header", {}, this.#title),
      element("div", { class: "plane" }, this.#heat, this.#overlay),
      element(
        "ul",
        { class: "map-key", role: "list" },
        key("class1", ({ class1 }) => class1.replace(/ .$/, "")),
        key("class0", ({ class0 }) => class0.replace(/ .$/, "")),
        key("tested", ({ tested }) => tested),
        key("edge", ({ boundary }) => boundary),
      ),
    );
    words.follow(this.#title, () => this.#name());
    // A click, not the pointer going down: a finger that scrolls the page over the map places nothing.
    this.#overlay.addEventListener("click", (event) => {
      const { x, y } = this.#at(event);
      this.#cursor = null;
      events.onPoint(x, y);
    });
    this.#overlay.addEventListener("keydown", (event) => this.#onKey(event));
    this.#overlay.addEventListener("blur", () => {
      this.#cursor = null;
      this.draw();
    });
    this.#resize.observe(this.#overlay);
  }

  set split(split: Split) {
    this.#split = split;
    this.draw();
  }

  /** Which example is taken apart. */
  set example(index: number | null) {
    this.#example = index;
    this.draw();
  }

  set showTest(shown: boolean) {
    this.#showTest = shown;
    this.draw();
  }

  /** The network's answers on a grid, the top row first. */
  show(answers: Float32Array, side: number, accuracy: string): void {
    [this.#answers, this.#side, this.#accuracy] = [answers, side, accuracy];
    this.draw();
  }

  /** For a while, what one neuron responds; null for the network's answer. */
  peek(shown: { values: ArrayLike<number>; side: number; name: string } | null): void {
    this.#shown = shown;
    this.draw();
  }

  /** What the network answers at the grid point closest to a place; NaN before the first look. */
  answerAt({ x, y }: { x: number; y: number }): number {
    const side = this.#side,
      cell = (value: number) => Math.max(0, Math.min(side - 1, Math.floor(((value + 1) / 2) * side)));
    return this.#answers[cell(-y) * side + cell(x)] ?? NaN;
  }

  dispose(): void {
    this.#resize.disconnect();
  }

  #name(): void {
    const { now } = this.#words;
    this.#title.textContent = this.#shown ? now.mapOf(this.#shown.name) : now.map;
    this.#overlay.setAttribute(
      "aria-label",
      now.mapLabel(this.#split.train.classes.length, this.#split.test.classes.length, this.#accuracy),
    );
  }

  #at(event: MouseEvent): { x: number; y: number } {
    const { left, top, width, height } = this.#overlay.getBoundingClientRect();
    const inside = (value: number) => Math.max(-0.98, Math.min(0.98, value));
    return { x: inside((2 * (event.clientX - left)) / width - 1), y: inside(1 - (2 * (event.clientY - top)) / height) };
  }

  #onKey(event: KeyboardEvent): void {
    const stride = event.shiftKey ? 4 * STRIDE : STRIDE,
      { now } = this.#words;
    const moves: Record<string, readonly [number, number]> = {
      ArrowLeft: [-stride, 0],
      ArrowRight: [stride, 0],
      ArrowUp: [0, stride],
      ArrowDown: [0, -stride],
    };
    const move = moves[event.key],
      cursor = this.#cursor ?? { x: 0, y: 0 };
    if (move) {
      const to = (value: number) => Math.max(-0.95, Math.min(0.95, Number(value.toFixed(2))));
      this.#cursor = this.#cursor ? { x: to(cursor.x + move[0]), y: to(cursor.y + move[1]) } : cursor;
      this.#events.say(now.cursor(place(this.#cursor.x), place(this.#cursor.y), short(this.answerAt(this.#cursor))));
    } else if (event.key === "Enter" || event.key === " ") {
      this.#cursor = cursor;
      this.#events.onPoint(cursor.x, cursor.y);
    } else if (event.key === "Delete" || event.key === "Backspace") this.#events.onUndo();
    else if (event.key === "c" || event.key === "C") this.#events.onClass();
    else return;
    event.preventDefault();
    this.draw();
  }

  #draw(): void {
    this.#name();
    if (this.#answers.length > 0) this.#drawHeat();
    const size = this.#overlay.clientWidth;
    if (size === 0) return;
    const context = freshContext(this.#overlay, size, size);
    const to = (x: number, y: number): [number, number] => [((x + 1) / 2) * size, ((1 - y) / 2) * size];
    if (this.#answers.length > 0) this.#drawBoundary(context, to);
    if (this.#showTest) this.#drawPoints(context, this.#split.test, size, to, true);
    this.#drawPoints(context, this.#split.train, size, to, false);
    this.#drawMarks(context, to);
  }

  #drawHeat(): void {
    const colour = divergingColours();
    if (!this.#shown) {
      drawPixels(this.#heat, this.#answers, this.#side, this.#side, (answer) => colour(PALE * (2 * answer - 1)));
      return;
    }
    const { values, side } = this.#shown,
      most = largest(values);
    drawPixels(this.#heat, values, side, side, (value) => colour((PALE * value) / most));
  }

  #drawBoundary(context: CanvasRenderingContext2D, to: (x: number, y: number) => [number, number]): void {
    const lines = contour(this.#answers, this.#side, 0.5);
    context.beginPath();
    for (let i = 0; i + 3 < lines.length; i += 4) {
      context.moveTo(...to(lines[i], lines[i + 1]));
      context.lineTo(...to(lines[i + 2], lines[i + 3]));
    }
    context.strokeStyle = cssColour("--ink");
    context.lineWidth = 1.5;
    context.lineCap = "round";
    context.stroke();
  }

  #drawPoints(
    context: CanvasRenderingContext2D,
    { xy, classes }: Points,
    size: number,
    to: (x: number, y: number) => [number, number],
    hollow: boolean,
  ): void {
    const radius = Math.max(2.4, size / 110),
      colours = [cssColour("--cold"), cssColour("--warm")],
      card = cssColour("--card");
    context.lineWidth = hollow ? 1.3 : 1;
    classes.forEach((label, i) => {
      const [x, y] = to(xy[2 * i], xy[2 * i + 1]);
      context.beginPath();
      if (label === 1) context.arc(x, y, radius, 0, 2 * Math.PI);
      else context.rect(x - 0.9 * radius, y - 0.9 * radius, 1.8 * radius, 1.8 * radius);
      context.fillStyle = hollow ? card : colours[label];
      context.strokeStyle = hollow ? colours[label] : card;
      context.fill();
      context.stroke();
    });
  }

  #drawMarks(context: CanvasRenderingContext2D, to: (x: number, y: number) => [number, number]): void {
    const { xy } = this.#split.train,
      ink = cssColour("--ink"),
      card = cssColour("--card");
    const ring = (x: number, y: number, radius: number) => {
      for (const [colour, width] of [
        [card, 5],
        [ink, 2],
      ] as const) {
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.stroke();
      }
    };
    if (this.#example !== null && 2 * this.#example < xy.length) ring(...to(xy[2 * this.#example], xy[2 * this.#example + 1]), 8);
    if (!this.#cursor) return;
    const [x, y] = to(this.#cursor.x, this.#cursor.y);
    for (const [colour, width] of [
      [card, 4],
      [ink, 1.5],
    ] as const) {
      context.beginPath();
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ]) {
        context.moveTo(x + 4 * dx, y + 4 * dy);
        context.lineTo(x + 12 * dx, y + 12 * dy);
      }
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.stroke();
    }
  }
}

/** The largest |value|, so that every neuron uses the whole range of colours. */
export function largest(values: ArrayLike<number>): number {
  let most = 1e-6;
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]) > most) most = Math.abs(values[i]);
  return most;
}
