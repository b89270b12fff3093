// The problems to choose from, each with a small picture of its points.

import { freshContext } from "../../lib/canvas.ts";
import type { Control } from "../../lib/controls.ts";
import { element, uniqueId } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { cssColour, type Theme } from "../../lib/theme.ts";
import { PROBLEMS, type Problem } from "./config.ts";
import { drawPoints } from "./points.ts";
import type { PlaygroundWords } from "./texts.ts";

const NOISE = 0.02,
  SEED = 3,
  SIDE = 56;
/** Of the points of a problem, every so manieth is enough for its picture. */
const EVERY = 3;

function drawPicture(canvas: HTMLCanvasElement, problem: Problem): void {
  const context = freshContext(canvas, SIDE, SIDE);
  if (problem === "own") {
    context.fillStyle = cssColour("--quiet");
    context.fillRect(SIDE / 2 - 9, SIDE / 2 - 1, 18, 2);
    context.fillRect(SIDE / 2 - 1, SIDE / 2 - 9, 2, 18);
    return;
  }
  const { xy, classes } = drawPoints(problem, NOISE, SEED),
    colours = [cssColour("--cold"), cssColour("--warm")];
  classes.forEach((label, i) => {
    if (Math.floor(i / 2) % EVERY > 0) return;
    context.fillStyle = colours[label];
    context.beginPath();
    context.arc(((xy[2 * i] + 1) / 2) * SIDE, ((1 - xy[2 * i + 1]) / 2) * SIDE, 1.7, 0, 2 * Math.PI);
    context.fill();
  });
}

export class ProblemPicker implements Control<Problem> {
  readonly host: HTMLFieldSetElement;
  readonly #inputs: readonly HTMLInputElement[];

  constructor(words: Words<PlaygroundWords>, theme: Theme, first: Problem, onChange: (problem: Problem) => void) {
    const name = uniqueId("problem"),
      pictures = PROBLEMS.map(() => element("canvas", { "aria-hidden": "true" }));
    this.#inputs = PROBLEMS.map((problem) => element("input", { type: "radio", name, value: problem, checked: problem === first }));
    this.host = element(
      "fieldset",
      { class: "problems" },
      words.show(element("legend"), (now) => now.problem),
      ...PROBLEMS.map((problem, i) => {
        this.#inputs[i].addEventListener("change", () => onChange(problem));
        return element(
          "label",
          { class: "problem" },
          this.#inputs[i],
          pictures[i],
          words.show(element("span"), (now) => now[problem]),
        );
      }),
    );
    const draw = () => pictures.forEach((picture, i) => drawPicture(picture, PROBLEMS[i]));
    draw();
    theme.onChange(draw);
  }

  get value(): Problem {
    return PROBLEMS[this.#inputs.findIndex(({ checked }) => checked)];
  }

  set value(problem: Problem) {
    this.#inputs[PROBLEMS.indexOf(problem)].checked = true;
  }

  get disabled(): boolean {
    return this.host.disabled;
  }

  set disabled(disabled: boolean) {
    this.host.disabled = disabled;
  }
}
