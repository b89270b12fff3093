// "Take one step apart": the panel with one example's way forward and its error's way back, every number of the engine beside the
// reference's. Knows nothing of engines: what it shows came from model.inspectStep().

import { button, selectControl, textControl, type Control } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { labelIn, OPTIMIZER_LABELS } from "../../lib/menus.ts";
import { whole } from "../../lib/share.ts";
import type { InspectedTensor } from "../../../src/index.ts";
import { bp1, bp2, bp3, bp4, forward, narrow, StepNumbers, update, type Filled, type Result } from "./equations.ts";
import { long, place, short } from "../../lib/format.ts";
import { formula } from "./math.ts";
import type { Place } from "./network.ts";
import type { Example } from "./points.ts";
import type { PlaygroundWords } from "./texts.ts";
import type { StepApart } from "./messages.ts";

export interface ApartEvents {
  /** The example of that number is asked for, from 0. */
  onExample(index: number): void;
  onTake(index: number): void;
  /** The example whose answer is farthest from its class. */
  hardest(): number;
  /** The neuron that the equations follow; null when there are none. */
  onFollow(place: Place | null): void;
}

/** Error over bound as text; 0 is common, since an engine is often right to the last bit of float32. */
const share = (ratio: number): string => (ratio === 0 ? "0" : Number.isFinite(ratio) ? ratio.toPrecision(2) : "∞");

const ratioOf = ({ gpu, reference, bound }: InspectedTensor, i: number): number => {
  if (!gpu) return NaN;
  const error = Math.abs(gpu[i] - reference[i]);
  return error === 0 ? 0 : Number.isNaN(error) ? Infinity : error / bound[i];
};

/** A tensor's symbol: "delta2" is δ², a subscript follows for each neuron. */
export function symbolOf(name: string): string {
  const digits = /(\d+)$/.exec(name)?.[1] ?? "",
    up = [...digits].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("");
  const base = name.slice(0, name.length - digits.length);
  const symbols: Record<string, string> = {
    delta: "δ",
    grad_w: "∂C/∂w",
    grad_b: "∂C/∂b",
    data_grad_w: "∂C/∂w",
    slope_z: "σ′(z)",
    grad_a: "∂C/∂a",
    w: "w",
    b: "b",
  };
  return (symbols[base] ?? base) + up;
}

function loudest(numbers: StepNumbers): Place {
  const sizes = Array.from(numbers.values("delta1"), Math.abs);
  return { layer: 1, neuron: 1 + sizes.indexOf(Math.max(...sizes)) };
}

export class Apart {
  readonly host: HTMLElement;
  readonly #words: Words<PlaygroundWords>;
  readonly #events: ApartEvents;
  readonly #summary = element("p", { class: "apart-summary" });
  readonly #verdict = element("p", { class: "verdict" });
  readonly #equations = element("div", { class: "equations" });
  readonly #tables = element("div", { class: "numbers" });
  readonly #body = element("div", { class: "apart-body", hidden: true });
  readonly #chooser = element("div", { class: "followed" });
  readonly #take: HTMLButtonElement;
  readonly #others: readonly HTMLButtonElement[];
  #number: Control<number>;
  readonly #numberHost = element("div", { class: "example-number" });
  #count = 1;
  /** Steps taken apart so far. */
  #taken = 0;
  /** Null until the reader chooses: then that neuron of the first layer which gets the largest error. */
  #follow: Place | null = null;
  #shown: { numbers: StepNumbers; example: Example } | null = null;

  constructor(words: Words<PlaygroundWords>, events: ApartEvents) {
    this.#words = words;
    this.#events = events;
    this.#number = this.#makeNumber(0);
    this.#take = button(
      words,
      ({ take }) => take,
      () => events.onTake(this.#number.value - 1),
      "primary",
    );
    this.#take.id = "playground-take";
    const other = (label: (now: PlaygroundWords) => string, which: () => number) =>
      button(words, label, () => {
        const index = which();
        events.onExample(index);
        if (!this.isShown) events.onTake(index);
      });
    this.#others = [
      other(
        ({ next }) => next,
        () => this.#number.value % this.#count,
      ),
      other(
        ({ hardest }) => hardest,
        () => events.hardest(),
      ),
    ];
    this.#body.append(this.#summary, this.#chooser, this.#equations, this.#verdict, this.#tables);
    this.host = element(
      "section",
      { class: "card apart", id: "playground-apart" },
      element(
        "header",
        {},
        words.show(element("h2"), ({ apart }) => apart),
      ),
      words.show(element("p", { class: "hint" }), ({ apartLead }) => apartLead),
      element("div", { class: "apart-controls" }, this.#numberHost, this.#take, ...this.#others),
      this.#body,
    );
    words.follow(this.#body, () => this.#show());
    narrow().addEventListener("change", () => this.#show());
  }

  /** How many examples there are to choose from. */
  set count(count: number) {
    this.#count = Math.max(1, count);
    this.#number = this.#makeNumber(Math.min(this.#number.value, this.#count) - 1);
    for (const one of [this.#take, ...this.#others]) one.disabled = count === 0;
  }

  set example(index: number) {
    this.#number.value = index + 1;
  }

  get index(): number {
    return this.#number.value - 1;
  }

  /** The neuron that the equations follow. */
  set follow(place: Place) {
    this.#follow = place;
    this.#show();
  }

  show(step: StepApart, example: Example): void {
    this.#shown = { numbers: new StepNumbers(step), example };
    this.#taken++;
    this.#body.hidden = false;
    this.#show();
  }

  /** The network that was taken apart is no more. */
  clear(): void {
    this.#shown = null;
    this.#body.hidden = true;
    this.#events.onFollow(null);
  }

  get isShown(): boolean {
    return this.#shown !== null;
  }

  #makeNumber(index: number): Control<number> {
    const made = textControl(
      { words: this.#words, label: (now: PlaygroundWords) => now.example },
      whole(1, this.#count),
      index + 1,
      (value) => this.#events.onExample(value - 1),
      "numeric",
    );
    for (const old of this.#numberHost.querySelectorAll("*")) this.#words.forget(old);
    this.#numberHost.replaceChildren(made.host);
    return made;
  }

  #show(): void {
    if (!this.#shown) return;
    const { numbers, example } = this.#shown,
      { now } = this.#words;
    const wanted = this.#follow ?? loudest(numbers);
    const layer = Math.min(wanted.layer, numbers.depth),
      neuron = Math.min(wanted.neuron, numbers.units(layer));
    this.#summary.textContent = now.summary(
      example.index + 1,
      place(example.x),
      place(example.y),
      example.label,
      this.#words.language.number(numbers.step.after),
    );
    Object.assign(this.#body.dataset, { x: example.x, y: example.y, label: example.label, taken: this.#taken });
    this.#events.onFollow({ layer, neuron });
    this.#judge(numbers);
    this.#choose(numbers, layer, neuron);
    this.#equations.replaceChildren(...this.#cards(numbers, layer, neuron, example.label));
    this.#tables.replaceChildren(...Array.from({ length: numbers.depth }, (_, i) => this.#table(numbers, i + 1)));
    // What is wider than its place can be scrolled by keyboard.
    for (const one of this.#equations.querySelectorAll<HTMLElement>(".formula")) one.tabIndex = one.scrollWidth > one.clientWidth ? 0 : -1;
  }

  #judge({ step: { tensors } }: StepNumbers): void {
    const { now } = this.#words,
      compared = tensors.filter(({ worst }) => worst !== null);
    const worst = compared.reduce<InspectedTensor | null>(
      (found, one) => (found === null || one.worst!.ratio > found.worst!.ratio ? one : found),
      null,
    );
    const ok = compared.every(({ worst }) => worst!.ok);
    this.#verdict.dataset.ok = worst ? String(ok) : "none";
    this.#verdict.textContent = !worst
      ? now.cpuOnly
      : ok
        ? now.allWithin(compared.length, share(worst.worst!.ratio), symbolOf(worst.name))
        : now.notWithin(symbolOf(worst.name), share(worst.worst!.ratio));
  }

  #choose(numbers: StepNumbers, layer: number, neuron: number): void {
    const { now } = this.#words,
      choices = Array.from({ length: numbers.depth }, (_, i) => i + 1).flatMap((l) =>
        Array.from({ length: numbers.units(l) }, (_, j) => ({
          value: `${l}.${j + 1}`,
          label: () => (l === numbers.depth ? now.outputNeuron : now.neuron(l, j + 1)),
        })),
      );
    const had = this.#chooser.contains(document.activeElement);
    const control = selectControl(
      { words: this.#words, label: (words: PlaygroundWords) => words.followed },
      choices,
      `${layer}.${neuron}`,
      (value) => {
        const [l, j] = value.split(".").map(Number);
        this.follow = { layer: l, neuron: j };
      },
    );
    for (const old of this.#chooser.querySelectorAll("*")) this.#words.forget(old);
    this.#chooser.replaceChildren(control.host);
    if (had) this.#chooser.querySelector("select")?.focus();
  }

  #cards(numbers: StepNumbers, l: number, neuron: number, y: number): HTMLElement[] {
    const { now } = this.#words,
      j = neuron - 1,
      isOutput = l === numbers.depth,
      { config } = numbers.step;
    return [
      this.#card("forward", now.forward, now.forwardSay, forward(numbers, l, j), numbers),
      this.#card("bp1", now.bp1, config.loss === "quadratic" ? now.bp1Quadratic : now.bp1Cross, bp1(numbers, y), numbers),
      isOutput
        ? this.#card("bp2", now.bp2, now.bp2Output, null, numbers)
        : this.#card("bp2", now.bp2, now.bp2Say, bp2(numbers, l, j), numbers),
      this.#card("bp3", now.bp3, now.bp3Say, bp3(numbers, l, j), numbers),
      this.#card("bp4", now.bp4, now.bp4Say + (numbers.has(`data_grad_w${l}`) ? ` ${now.bp4Penalty}` : ""), bp4(numbers, l, j), numbers),
      this.#card(
        "update",
        now.update,
        config.optimizer === "sgd" ? now.updateSgd : now.updateSay(labelIn(OPTIMIZER_LABELS[config.optimizer], this.#words.language)),
        update(numbers, l, j),
        numbers,
      ),
    ];
  }

  #card(id: string, title: string, say: string, filled: Filled | null, numbers: StepNumbers): HTMLElement {
    const card = element(
      "article",
      { class: "equation", "data-equation": id },
      element("h3", {}, title),
      element("p", { class: "hint" }, say),
    );
    if (!filled) return card;
    const [general, ...lines] = filled.lines.map(formula);
    general.classList.add("general");
    card.append(general, ...lines, this.#compare(filled.results, numbers));
    return card;
  }

  /** Computed beside reference, for what an equation gave. */
  #compare(results: readonly Result[], numbers: StepNumbers): HTMLElement {
    const { now } = this.#words,
      heads = [now.number, now.computed, now.reference, now.ratio];
    const rows = results.map(({ tensor: name, index }) => {
      const tensor = numbers.tensor(name),
        ratio = ratioOf(tensor, index);
      return element(
        "tr",
        { "data-tensor": name, "data-index": index },
        element("th", { scope: "row" }, this.#label(tensor, index)),
        element("td", {}, tensor.gpu ? long(tensor.gpu[index]) : "–"),
        element("td", {}, long(tensor.reference[index])),
        this.#meter(tensor, ratio),
      );
    });
    return element(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": now.reference },
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
        element("tbody", {}, ...rows),
      ),
    );
  }

  /** How much of the bound the error uses up. */
  #meter({ gpu }: InspectedTensor, ratio: number): HTMLElement {
    if (!gpu) return element("td", {}, "–");
    const bar = element("span", { class: "meter", "aria-hidden": "true" });
    bar.style.setProperty("--share", String(Math.min(1, ratio)));
    return element("td", { class: ratio <= 1 ? "ratio" : "ratio out" }, share(ratio), bar);
  }

  #label({ name, shape: [rows, cols] }: InspectedTensor, index: number): string {
    const below = (number: number) => [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join("");
    // Nielsen's w_jk: to neuron j, from neuron k. The kernel has its inputs in rows.
    const isMatrix = name.includes("_w") || /^w\d/.test(name);
    return (
      symbolOf(name) +
      (isMatrix ? `${below((index % cols) + 1)}‚${below(Math.floor(index / cols) + 1)}` : rows * cols > 1 ? below(index + 1) : "")
    );
  }

  /** z, a, δ, ∂C/∂w, ∂C/∂b of one layer, all their numbers. */
  #table(numbers: StepNumbers, l: number): HTMLElement {
    const { now } = this.#words,
      heads = [now.number, now.equation, now.computed, now.reference, now.error, now.bound, now.ratio];
    const names = [
      `z${l}`,
      `a${l}`,
      `slope_z${l}`,
      `grad_a${l}`,
      `delta${l}`,
      `data_grad_w${l}`,
      `grad_w${l}`,
      `grad_b${l}`,
      `w${l}`,
      `b${l}`,
    ];
    const rows = names
      .filter((name) => numbers.has(name))
      .flatMap((name) => {
        const tensor = numbers.tensor(name),
          { gpu, reference, bound, equation } = tensor;
        return Array.from(reference, (value, i) => {
          const error = gpu ? Math.abs(gpu[i] - value) : NaN;
          return element(
            "tr",
            {
              "data-tensor": name,
              "data-index": i,
              "data-gpu": gpu?.[i],
              "data-reference": value,
              "data-bound": bound[i],
            },
            element("th", { scope: "row" }, this.#label(tensor, i)),
            element("td", {}, equation),
            element("td", {}, gpu ? long(gpu[i]) : "–"),
            element("td", {}, long(value)),
            element("td", {}, gpu ? short(error) : "–"),
            element("td", {}, short(bound[i])),
            this.#meter(tensor, ratioOf(tensor, i)),
          );
        });
      });
    const title = l === numbers.depth ? now.outputNumbers : now.layerNumbers(l);
    return element(
      "details",
      { class: "as-table" },
      element("summary", {}, title),
      element(
        "div",
        { class: "scroll tall", tabindex: 0, role: "group", "aria-label": title },
        element(
          "table",
          {},
          element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
          element("tbody", {}, ...rows),
        ),
      ),
    );
  }
}
