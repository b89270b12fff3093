// Where a digit is drawn, what of it the network sees, and what it answers.

import { button } from "../../lib/controls.ts";
import { drawPixels } from "../../lib/canvas.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { cssColour, rgbColour, type Theme } from "../../lib/theme.ts";
import { centreDigit } from "./centre.ts";
import type { DigitsWords } from "./texts.ts";

/** Pixels of the pad, whatever size it is shown in. */
const PAD = 280;
/** A pen of about two pixels of the 28. */
const PEN = 22;
const SURE = 0.6;

export interface PadEvents {
  /** There is something new to look at, or null: nothing. */
  onPixels(pixels: Uint8Array | null): void;
  /** Show some test digit of this class. */
  onWish(digit: number): void;
}

export class Pad {
  readonly host: HTMLElement;
  /** What the network sees; null while nothing is drawn. */
  pixels: Uint8Array | null = null;
  readonly #words: Words<DigitsWords>;
  readonly #events: PadEvents;
  readonly #canvas = element("canvas", { width: PAD, height: PAD, class: "pad", role: "img", tabindex: 0 });
  readonly #seen = element("canvas", { class: "seen", role: "img" });
  readonly #verdict = element("p", { class: "verdict" });
  readonly #answers = element("ol", { class: "answers", start: 0 });
  readonly #wishes = element("div", { class: "wishes", role: "group" });
  #bars: { row: HTMLElement; bar: HTMLElement; share: HTMLElement }[] = [];
  /** The ink itself, apart from how it is shown. */
  readonly #ink = new OffscreenCanvas(PAD, PAD).getContext("2d", { willReadFrequently: true })!;
  #last: { x: number; y: number } | null = null;
  #side = 28;
  #answer: ArrayLike<number> | null = null;
  readonly #ends: (() => void)[] = [];

  constructor(words: Words<DigitsWords>, theme: Theme, events: PadEvents) {
    this.#words = words;
    this.#events = events;
    words.attribute(this.#canvas, "aria-label", ({ pad }) => pad);
    words.attribute(this.#seen, "aria-label", ({ seen }) => seen);
    words.attribute(this.#wishes, "aria-label", ({ draw }) => draw);
    words.attribute(this.#answers, "aria-label", ({ answers }) => answers);
    words.follow(this.#verdict, () => this.#showVerdict());
    this.host = element(
      "section",
      { class: "card drawing" },
      element(
        "header",
        {},
        words.show(element("h2"), ({ draw }) => draw),
        button(
          words,
          ({ clear }) => clear,
          () => this.clear(),
          "plain",
        ),
      ),
      element(
        "div",
        { class: "pad-row" },
        this.#canvas,
        element(
          "figure",
          { class: "seen-box" },
          this.#seen,
          words.show(element("figcaption"), ({ seen }) => seen),
        ),
      ),
      words.show(element("p", { class: "hint" }), ({ drawHint }) => drawHint),
      this.#wishes,
      this.#verdict,
      this.#answers,
    );
    this.setClasses(10);
    this.#listen();
    this.#ends.push(theme.onChange(() => this.#show()));
    this.#show();
  }

  /** @param side of the images that the network takes */
  set side(side: number) {
    if (this.#side === side) return;
    this.#side = side;
    this.clear();
  }

  setClasses(classes: number): void {
    if (this.#bars.length === classes) return;
    const names = Array.from({ length: classes }, (_, i) => i);
    this.#wishes.replaceChildren(
      ...names.map((digit) => {
        const wish = element("button", { type: "button", class: "wish" }, String(digit));
        this.#words.attribute(wish, "aria-label", ({ showDigit }) => showDigit(digit));
        wish.addEventListener("click", () => this.#events.onWish(digit));
        return wish;
      }),
    );
    this.#bars = names.map((digit) => {
      const bar = element("span", { class: "bar" }),
        share = element("span", { class: "share" }, "–");
      const name = element("span", { class: "digit" }, String(digit));
      return { bar, share, row: element("li", {}, name, element("span", { class: "track" }, bar), share) };
    });
    this.#answers.replaceChildren(...this.#bars.map(({ row }) => row));
  }

  clear(): void {
    this.#ink.clearRect(0, 0, PAD, PAD);
    this.#take(null);
  }

  /** One of the test digits in the place of a drawing. */
  showDigit(pixels: Uint8Array): void {
    const image = new ImageData(this.#side, this.#side);
    pixels.forEach((value, i) => image.data.set([0, 0, 0, value], 4 * i));
    const small = new OffscreenCanvas(this.#side, this.#side);
    small.getContext("2d")!.putImageData(image, 0, 0);
    this.#ink.clearRect(0, 0, PAD, PAD);
    this.#ink.drawImage(small, 0, 0, PAD, PAD);
    this.#take(pixels);
  }

  /** @param answer a number for each class, as the network gave them */
  showAnswer(answer: ArrayLike<number> | null): void {
    this.#answer = answer;
    const best = this.#best();
    this.#bars.forEach(({ row, bar, share }, digit) => {
      const value = answer?.[digit],
        known = value !== undefined && Number.isFinite(value);
      bar.style.width = known ? `${(100 * value).toFixed(2)}%` : "0";
      share.textContent = known ? this.#words.language.percent(value) : "–";
      row.classList.toggle("best", digit === best);
    });
    this.#showVerdict();
  }

  /** For those who listen. */
  spoken(): string {
    return this.pixels ? (this.#verdict.textContent ?? "") : "";
  }

  dispose(): void {
    for (const end of this.#ends) end();
  }

  #best(): number | null {
    const answer = this.#answer;
    if (!answer || !this.pixels) return null;
    let best = 0;
    for (let i = 1; i < answer.length; i++) if (answer[i] > answer[best]) best = i;
    return Number.isFinite(answer[best]) ? best : null;
  }

  #showVerdict(): void {
    const { now, language } = this.#words,
      best = this.#best(),
      answer = this.#answer;
    this.#verdict.dataset.answer = best === null ? "" : String(best);
    if (!this.pixels || !answer) this.#verdict.textContent = now.nothing;
    else if (best === null) this.#verdict.textContent = now.brokenAnswer;
    else this.#verdict.textContent = (answer[best] >= SURE ? now.says : now.unsure)(best, language.percent(answer[best]));
  }

  #listen(): void {
    const canvas = this.#canvas;
    const place = ({ clientX, clientY }: PointerEvent) => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      return { x: ((clientX - left) / width) * PAD, y: ((clientY - top) / height) * PAD };
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#last = place(event);
      this.#stroke(this.#last, this.#last);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#last) return;
      // Fast strokes stay round: the browser joins moves of one frame.
      for (const one of event.getCoalescedEvents?.() ?? []) this.#to(place(one));
      this.#to(place(event));
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, () => {
        this.#last = null;
      });
    }
  }

  #to(next: { x: number; y: number }): void {
    if (!this.#last || (this.#last.x === next.x && this.#last.y === next.y)) return;
    this.#stroke(this.#last, next);
    this.#last = next;
  }

  #stroke(from: { x: number; y: number }, to: { x: number; y: number }): void {
    const ink = this.#ink;
    [ink.lineWidth, ink.lineCap, ink.strokeStyle] = [PEN, "round", "#000"];
    ink.beginPath();
    ink.moveTo(from.x, from.y);
    ink.lineTo(to.x, to.y);
    ink.stroke();
    const { data } = ink.getImageData(0, 0, PAD, PAD),
      alphas = new Uint8Array(PAD * PAD);
    for (let i = 0; i < alphas.length; i++) alphas[i] = data[4 * i + 3];
    this.#take(centreDigit(alphas, PAD, this.#side));
  }

  #take(pixels: Uint8Array | null): void {
    this.pixels = pixels;
    this.#show();
    if (!pixels) this.showAnswer(null);
    this.#events.onPixels(pixels);
  }

  #show(): void {
    const context = this.#canvas.getContext("2d")!;
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, PAD, PAD);
    context.drawImage(this.#ink.canvas, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = cssColour("--ink");
    context.fillRect(0, 0, PAD, PAD);
    const side = this.#side,
      ink = rgbColour("--ink"),
      paper = rgbColour("--paper");
    drawPixels(
      this.#seen,
      this.pixels ?? new Uint8Array(side * side),
      side,
      side,
      (value) =>
        [0, 1, 2].map((i) => Math.round(paper[i] + ((ink[i] - paper[i]) * value) / 255)) as unknown as readonly [number, number, number],
    );
  }
}
