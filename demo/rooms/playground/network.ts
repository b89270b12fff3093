// The network drawn: its features, a square for each neuron with what it answers over the plane, and a line for each weight.

import { divergingColours, drawPixels } from "../../lib/canvas.ts";
import { element, oncePerFrame } from "../../lib/dom.ts";
import type { Words } from "../../lib/i18n.ts";
import { MOST_LAYERS, MOST_UNITS, type PlaygroundConfig } from "./config.ts";
import { FEATURES, FEATURE_NAMES, gridPoints, NEURON_SIDE, type FeatureName } from "./features.ts";
import { short } from "../../lib/format.ts";
import { largest } from "./plane.ts";
import type { PlaygroundWords } from "./texts.ts";
import type { Look } from "./messages.ts";

/** A neuron by its place: layers from 1, the output layer last; neurons from 1. */
export interface Place {
  readonly layer: number;
  readonly neuron: number;
}

export interface NetworkEvents {
  onFeatures(features: readonly FeatureName[]): void;
  onLayers(layers: readonly number[]): void;
  /** Pointed at or focused; null when left. */
  onPeek(shown: { values: ArrayLike<number>; side: number; name: string } | null): void;
  onChosen(place: Place): void;
}

interface Cell {
  readonly button: HTMLButtonElement;
  readonly canvas: HTMLCanvasElement;
}

interface Link {
  readonly path: SVGPathElement;
  readonly from: string;
  readonly to: string;
  weight: number;
}

const SVG = "http://www.w3.org/2000/svg";
const LAYER = "data-layer",
  NEURON = "data-neuron";

export class NetworkView {
  readonly host: HTMLElement;
  readonly #words: Words<PlaygroundWords>;
  readonly #events: NetworkEvents;
  readonly #lines = document.createElementNS(SVG, "svg");
  readonly #columns = element("div", { class: "columns", role: "group" });
  readonly #readout = element("p", { class: "readout" });
  readonly #depth = element("div", { class: "depth" });
  readonly #table = element("tbody");
  readonly #details: HTMLDetailsElement;
  readonly #resize = new ResizeObserver(() => this.#place());
  /** Features, then each layer. */
  #cells: Cell[][] = [];
  #links: Link[][] = [];
  #config: PlaygroundConfig | null = null;
  #look: Look | null = null;
  #peeked: Place | null = null;
  #followed: Place | null = null;
  readonly #drawn = oncePerFrame(() => this.#draw());

  constructor(words: Words<PlaygroundWords>, events: NetworkEvents) {
    this.#words = words;
    this.#events = events;
    this.#lines.setAttribute("class", "links");
    this.#lines.setAttribute("aria-hidden", "true");
    words.attribute(this.#columns, "aria-label", ({ network }) => network);
    const heads = [(now: PlaygroundWords) => now.from, (now: PlaygroundWords) => now.to, (now: PlaygroundWords) => now.weight].map((pick) =>
      words.show(element("th", { scope: "col" }), pick),
    );
    this.#details = element(
      "details",
      { class: "as-table" },
      words.show(element("summary"), ({ weightTable }) => weightTable),
      words.attribute(
        element(
          "div",
          { class: "scroll", tabindex: 0, role: "group" },
          element("table", { class: "weights" }, element("thead", {}, element("tr", {}, ...heads)), this.#table),
        ),
        "aria-label",
        ({ weightTable }) => weightTable,
      ),
    );
    this.#details.addEventListener("toggle", () => this.#fillTable());
    this.host = element(
      "section",
      { class: "card network" },
      element(
        "header",
        {},
        words.show(element("h2"), ({ network }) => network),
        this.#depth,
      ),
      words.show(element("p", { class: "hint" }), ({ networkHint }) => networkHint),
      element("div", { class: "net" }, this.#lines, this.#columns),
      this.#readout,
      this.#details,
    );
    this.#lines.addEventListener("pointerover", (event) => this.#onLink(event.target));
    this.#lines.addEventListener("pointerout", () => this.#read(this.#peeked));
    this.#columns.addEventListener("keydown", (event) => this.#onKey(event));
    this.#resize.observe(this.#columns);
    words.follow(this.#columns, () => {
      if (this.#config) this.build(this.#config, this.#look, this.#followed);
    });
  }

  /** Draws the squares and lines of a network anew; its numbers come with the next look, or are known where only the words are others. */
  build(config: PlaygroundConfig, look: Look | null = null, followed: Place | null = null): void {
    const focused = document.activeElement?.closest(`[${LAYER}]`),
      at =
        focused && this.#columns.contains(focused) ? [focused.getAttribute(LAYER), focused.getAttribute(NEURON), focused.className] : null;
    this.#config = config;
    this.#look = look;
    this.#peeked = null;
    this.#columns.replaceChildren();
    this.#cells = [this.#buildFeatures(config), ...[...config.layers, 1].map((units, i) => this.#buildLayer(config, i + 1, units))];
    this.#links = [];
    const paths: SVGPathElement[] = [];
    for (let l = 1; l < this.#cells.length; l++) {
      const inputs = this.#inputsOf(l);
      // In the order of the kernel: (fan-in, fan-out).
      this.#links.push(
        inputs.flatMap((_, k) =>
          this.#cells[l].map((__, j): Link => {
            const path = document.createElementNS(SVG, "path");
            paths.push(path);
            return { path, from: this.#shortName(l - 1, k + 1), to: this.#shortName(l, j + 1), weight: 0 };
          }),
        ),
      );
    }
    this.#lines.replaceChildren(...paths);
    this.#buildDepth(config);
    this.#rove();
    this.#place();
    this.#read(null);
    this.#drawFeatures();
    this.follow = followed;
    if (look) this.#drawn();
    if (at)
      [...this.#columns.querySelectorAll<HTMLElement>(`[${LAYER}="${at[0]}"]`)]
        .find((one) => one.className === at[2] && one.getAttribute(NEURON) === at[1])
        ?.focus();
  }

  set look(look: Look) {
    this.#look = look;
    this.#drawn();
  }

  /** Marks the neuron that is taken apart. */
  set follow(place: Place | null) {
    this.#followed = place;
    this.#cells.forEach((column, l) =>
      column.forEach(({ button }, j) => button.classList.toggle("followed", l === place?.layer && j === place.neuron - 1)),
    );
  }

  /** Colours have changed. */
  redraw(): void {
    this.#drawFeatures();
    this.#drawn();
  }

  dispose(): void {
    this.#resize.disconnect();
  }

  #nameOf(l: number, j: number): string {
    const { now } = this.#words,
      config = this.#config!;
    return l === 0 ? now.feature(FEATURES[FEATURE_NAMES[j - 1]].symbol) : l > config.layers.length ? now.outputNeuron : now.neuron(l, j);
  }

  /** As in the equations: a with layer and neuron. */
  #shortName(l: number, j: number): string {
    const config = this.#config!;
    return l === 0 ? FEATURES[config.features[j - 1]].symbol : l > config.layers.length ? this.#words.now.output : `${l}·${j}`;
  }

  /** The cells that layer l takes its inputs from. */
  #inputsOf(l: number): Cell[] {
    if (l > 1) return this.#cells[l - 1];
    return this.#config!.features.map((name) => this.#cells[0][FEATURE_NAMES.indexOf(name)]);
  }

  #cell(l: number, j: number, label: string, extra: readonly Node[] = []): Cell {
    const canvas = element("canvas", { width: NEURON_SIDE, height: NEURON_SIDE, "aria-hidden": "true" });
    const button = element("button", { type: "button", class: "cell", [LAYER]: l, [NEURON]: j, "aria-label": label }, canvas, ...extra);
    const place = { layer: l, neuron: j };
    const enter = () => this.#peek(place),
      leave = () => this.#peek(null);
    button.addEventListener("pointerenter", enter);
    button.addEventListener("focus", () => {
      for (const one of this.#columns.querySelectorAll(".cell")) one.setAttribute("tabindex", one === button ? "0" : "-1");
      enter();
    });
    button.addEventListener("pointerleave", leave);
    button.addEventListener("blur", leave);
    return { button, canvas };
  }

  #buildFeatures(config: PlaygroundConfig): Cell[] {
    const cells = FEATURE_NAMES.map((name, i) => {
      const on = config.features.includes(name);
      const cell = this.#cell(0, i + 1, this.#nameOf(0, i + 1), [element("span", { "aria-hidden": "true" }, FEATURES[name].symbol)]);
      cell.button.setAttribute("aria-pressed", String(on));
      cell.button.dataset.feature = name;
      cell.button.addEventListener("click", () => {
        const next = FEATURE_NAMES.filter((other) => (other === name ? !on : config.features.includes(other)));
        // A network without inputs has nothing to learn from.
        if (next.length > 0) this.#events.onFeatures(next);
      });
      return cell;
    });
    const title = element("div", { class: "column-head" }, element("span", {}, this.#words.now.features));
    this.#columns.append(
      element("div", { class: "column features" }, title, element("div", { class: "cells" }, ...cells.map(({ button }) => button))),
    );
    return cells;
  }

  #buildLayer(config: PlaygroundConfig, l: number, units: number): Cell[] {
    const { now } = this.#words,
      isOutput = l > config.layers.length;
    const cells = Array.from({ length: units }, (_, i) => {
      const cell = this.#cell(l, i + 1, this.#nameOf(l, i + 1));
      cell.button.addEventListener("click", () => this.#events.onChosen({ layer: l, neuron: i + 1 }));
      return cell;
    });
    const change = (by: number) => this.#events.onLayers(config.layers.map((width, i) => (i === l - 1 ? width + by : width)));
    const small = (text: string, label: string, enabled: boolean, act: () => void) => {
      const made = element(
        "button",
        { type: "button", class: "small", "aria-label": label, disabled: !enabled, [LAYER]: l, [NEURON]: text },
        text,
      );
      made.addEventListener("click", act);
      return made;
    };
    const head = element(
      "div",
      { class: "column-head" },
      element("span", {}, isOutput ? now.output : now.hiddenLayer(l)),
      isOutput
        ? null
        : element(
            "div",
            { class: "pair" },
            small("−", now.removeNeuron(l), units > 1, () => change(-1)),
            small("+", now.addNeuron(l), units < MOST_UNITS, () => change(1)),
          ),
    );
    this.#columns.append(
      element(
        "div",
        { class: isOutput ? "column output" : "column" },
        head,
        element("div", { class: "cells" }, ...cells.map(({ button }) => button)),
      ),
    );
    return cells;
  }

  #buildDepth({ layers }: PlaygroundConfig): void {
    const { now } = this.#words,
      had = this.#depth.contains(document.activeElement) ? document.activeElement?.textContent : null;
    const small = (text: string, label: string, enabled: boolean, next: readonly number[]) => {
      const made = element("button", { type: "button", class: "small", "aria-label": label, disabled: !enabled }, text);
      made.addEventListener("click", () => this.#events.onLayers(next));
      return made;
    };
    const buttons = [
      small("−", now.removeLayer, layers.length > 0, layers.slice(0, -1)),
      small("+", now.addLayer, layers.length < MOST_LAYERS, [...layers, layers.at(-1) ?? 4]),
    ];
    this.#depth.replaceChildren(element("span", {}, now.hiddenLayers(layers.length)), ...buttons);
    if (had)
      (buttons.find(({ textContent, disabled }) => textContent === had && !disabled) ?? buttons.find(({ disabled }) => !disabled))?.focus();
  }

  /** One tab stop for all neurons; arrow keys move between them. */
  #rove(): void {
    this.#cells.flat().forEach(({ button }, i) => {
      button.tabIndex = i === 0 ? 0 : -1;
    });
  }

  #onKey(event: KeyboardEvent): void {
    const at = (event.target as Element).closest?.(".cell");
    if (!at) return;
    const l = Number(at.getAttribute(LAYER)),
      j = Number(at.getAttribute(NEURON)) - 1;
    const to: Record<string, readonly [number, number]> = {
      ArrowRight: [l + 1, j],
      ArrowLeft: [l - 1, j],
      ArrowDown: [l, j + 1],
      ArrowUp: [l, j - 1],
      Home: [0, 0],
      End: [this.#cells.length - 1, 0],
    };
    const wanted = to[event.key];
    if (!wanted) return;
    event.preventDefault();
    const column = this.#cells[wanted[0]];
    column?.[Math.max(0, Math.min(column.length - 1, wanted[1]))]?.button.focus();
  }

  /** Lines go from the middle of one square's side to that of another. */
  #place(): void {
    const width = this.#columns.offsetWidth,
      height = this.#columns.offsetHeight;
    this.#lines.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const box = this.#columns.getBoundingClientRect();
    this.#links.forEach((links, i) => {
      const inputs = this.#inputsOf(i + 1),
        outputs = this.#cells[i + 1];
      links.forEach(({ path }, at) => {
        const a = inputs[Math.floor(at / outputs.length)].canvas.getBoundingClientRect();
        const b = outputs[at % outputs.length].canvas.getBoundingClientRect();
        const [x1, y1, x2, y2] = [a.right - box.left, a.top + a.height / 2 - box.top, b.left - box.left, b.top + b.height / 2 - box.top];
        const middle = (x1 + x2) / 2;
        path.setAttribute("d", `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`);
      });
    });
  }

  #draw(): void {
    const look = this.#look,
      config = this.#config;
    // A look at the network before this one may still come in.
    if (!look || !config || look.weights.length !== 2 * (this.#cells.length - 1)) return;
    const colour = divergingColours();
    this.#links.forEach((links, i) => {
      const { data } = look.weights[2 * i];
      if (data.length !== links.length) return;
      links.forEach((link, at) => {
        link.weight = data[at];
        link.path.style.strokeWidth = `${(0.5 + 6 * (1 - Math.exp(-Math.abs(data[at]) / 2.5))).toFixed(2)}px`;
        link.path.setAttribute("class", data[at] < 0 ? "negative" : "positive");
      });
    });
    for (let l = 1; l <= config.layers.length; l++) {
      this.#cells[l].forEach(({ canvas }, j) => {
        const values = this.#responseOf(l, j + 1);
        if (!values) return;
        const most = largest(values);
        drawPixels(canvas, values, NEURON_SIDE, NEURON_SIDE, (value) => colour(value / most));
      });
    }
    const output = this.#responseOf(config.layers.length + 1, 1);
    const side = output ? Math.sqrt(output.length) : 0;
    if (output) drawPixels(this.#cells.at(-1)![0].canvas, output, side, side, (value) => colour(value));
    if (this.#peeked) this.#peek(this.#peeked);
    if (this.#details.open) this.#fillTable();
  }

  #drawFeatures(): void {
    const colour = divergingColours(),
      grid = gridPoints(NEURON_SIDE);
    FEATURE_NAMES.forEach((name, i) => {
      const values = Float32Array.from({ length: NEURON_SIDE ** 2 }, (_, at) => FEATURES[name].of(grid[2 * at], grid[2 * at + 1]));
      if (this.#cells[0]) drawPixels(this.#cells[0][i].canvas, values, NEURON_SIDE, NEURON_SIDE, colour);
    });
  }

  /** A neuron's answers over the grid; the output's as −1 … 1. Null before the first look. */
  #responseOf(l: number, j: number): Float32Array | null {
    const look = this.#look,
      config = this.#config!;
    if (!look) return null;
    if (l > config.layers.length) return look.map.map((answer) => 2 * answer - 1);
    const all = look.responses[l - 1],
      units = config.layers[l - 1];
    return all?.length === units * NEURON_SIDE ** 2
      ? Float32Array.from({ length: NEURON_SIDE ** 2 }, (_, at) => all[at * units + j - 1])
      : null;
  }

  #peek(place: Place | null): void {
    this.#peeked = place;
    this.#read(place);
    if (!place || place.layer === 0 || place.layer > this.#config!.layers.length) {
      this.#events.onPeek(null);
      return;
    }
    const { layer, neuron } = place,
      values = this.#responseOf(layer, neuron);
    this.#events.onPeek(values && { values, side: NEURON_SIDE, name: this.#nameOf(layer, neuron) });
  }

  /** Says a neuron's numbers and brings its lines forward. */
  #read(place: Place | null): void {
    const look = this.#look,
      { now } = this.#words;
    for (const [i, links] of this.#links.entries()) {
      const units = this.#cells[i + 1].length;
      links.forEach(({ path }, at) =>
        path.classList.toggle("faint", place !== null && place.layer > 0 && !(i === place.layer - 1 && at % units === place.neuron - 1)),
      );
    }
    if (!look || !place || place.layer === 0 || place.layer >= this.#cells.length) {
      this.#readout.textContent = place?.layer === 0 ? this.#nameOf(0, place.neuron) : now.readoutHint;
      return;
    }
    const { layer, neuron } = place,
      units = this.#cells[layer].length;
    const weights = this.#links[layer - 1].filter((_, at) => at % units === neuron - 1);
    this.#readout.textContent = now.readout(
      this.#nameOf(layer, neuron),
      short(look.weights[2 * layer - 1]?.data[neuron - 1] ?? NaN),
      weights.map(({ from, weight }) => `${from} ${short(weight)}`).join(", "),
    );
  }

  #onLink(target: EventTarget | null): void {
    const link = this.#links.flat().find(({ path }) => path === target);
    if (link && this.#look) this.#readout.textContent = this.#words.now.linkReadout(link.from, link.to, short(link.weight));
  }

  #fillTable(): void {
    const look = this.#look,
      { now } = this.#words;
    if (!look || !this.#details.open) return;
    const line = (from: string, to: string, weight: number) =>
      element("tr", {}, element("td", {}, from), element("td", {}, to), element("td", { "data-exact": weight }, short(weight)));
    this.#table.replaceChildren(
      ...this.#links.flatMap((links, i) => [
        ...links.map(({ from, to, weight }) => line(from, to, weight)),
        ...this.#cells[i + 1].map((_, j) => line(now.bias, this.#shortName(i + 1, j + 1), look.weights[2 * i + 1].data[j])),
      ]),
    );
  }
}
