// A line chart over steps (uPlot): one number a step, smoothed, and now and then a second one beside it, or levels to compare with;
// with logarithmic axes, a mark at one step, and the same numbers as a table for those who cannot see it.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { element, oncePerFrame } from "./dom.ts";
import { defineTexts, type Language, type Words } from "./i18n.ts";
import { Series } from "./series.ts";
import { cssColour, type Theme } from "./theme.ts";

const TABLE_ROWS = 12;
/** On a software GPU every frame is dear. */
const DRAW_EVERY_MS = 120;
const FAINT = "55";
/** Dots that are kept; when there are more, every second one behind the first ones goes. */
const MOST_DOTS = 400,
  FIRST_DOTS = 100;
/** Share of what came before in each point, until the reader sets another: little enough that the line lags by one or two steps only. */
export const FIRST_SMOOTHING = 0.6;

const texts = defineTexts(
  {
    step: "step",
    table: "Show as a table",
    none: "–",
    label: (name: string, steps: number, line: string, last: string, dots: string, other: string) =>
      `Line chart: ${name} over ${steps} steps. Last: ${line} ${last}${dots && `, ${dots} ${other}`}.`,
    level: (name: string, value: string) => ` ${name}: ${value}.`,
  },
  {
    step: "步数",
    table: "以表格显示",
    none: "–",
    label: (name: string, steps: number, line: string, last: string, dots: string, other: string) =>
      `折线图：${name}，共 ${steps} 步。最新值：${line} ${last}${dots && `，${dots} ${other}`}。`,
    level: (name: string, value: string) => `${name}：${value}。`,
  },
);

/** Steps are whole numbers. */
const STEP_INCREMENTS = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

/** What a logarithmic axis leaves out is null. */
const shortTick = (tick: number | null): string => (tick === null ? "" : String(Number(tick.toPrecision(3))));

/** A straight line across the chart, with its name on it. */
export interface Level {
  readonly name: string;
  readonly value: number;
}

export interface ChartOptions {
  readonly language: Language;
  readonly theme: Theme;
  /** What is shown, such as "loss"; called again after a switch of the language. */
  readonly name: () => string;
  /** The number of each step, and the one that comes now and then. */
  readonly line: () => string;
  readonly dots?: () => string;
  /** What to compare with; asked for at each drawing. */
  readonly levels?: () => readonly Level[];
  readonly show: (value: number) => string;
  /** Fixed ends of the vertical axis; from 0 to what there is if left out. */
  readonly range?: readonly [low: number, high: number];
  readonly height?: number;
}

interface Dot {
  readonly step: number;
  readonly value: number;
}

export class LineChart {
  readonly host: HTMLElement;
  readonly #options: ChartOptions;
  readonly #words: Words<(typeof texts)["en"]>;
  readonly #plotHost = element("div", { class: "plot", role: "img" });
  readonly #rows = element("tbody");
  readonly #table: HTMLDetailsElement;
  readonly #line = new Series();
  #dots: Dot[] = [];
  #plot: uPlot | null = null;
  #smoothing = FIRST_SMOOTHING;
  #logarithmic = false;
  #logarithmicSteps = false;
  #mark: number | null = null;
  #drawnAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #resize: ResizeObserver;
  readonly #endTheme: () => void;
  readonly #draw = oncePerFrame(() => this.#drawNow());

  constructor(options: ChartOptions) {
    this.#options = options;
    const words = (this.#words = options.language.words(texts));
    const titles = [() => words.now.step, options.line, ...(options.dots ? [options.dots] : [])].map((title) => {
      const cell = element("th", { scope: "col" });
      return words.follow(cell, () => {
        cell.textContent = title();
      });
    });
    const caption = element("caption", { class: "unseen" });
    words.follow(caption, () => {
      caption.textContent = options.name();
    });
    this.#table = element(
      "details",
      { class: "as-table" },
      words.show(element("summary"), ({ table }) => table),
      element("table", {}, caption, element("thead", {}, element("tr", {}, ...titles)), this.#rows),
    );
    this.#table.addEventListener("toggle", () => this.#draw());
    this.host = element("div", { class: "chart" }, this.#plotHost, this.#table);
    this.#resize = new ResizeObserver(() => {
      if (this.#plot) this.#plot.setSize(this.#size());
      else this.#draw();
    });
    this.#resize.observe(this.#plotHost);
    this.#endTheme = options.theme.onChange(() => this.#rebuild());
    words.follow(this.#plotHost, () => this.#rebuild());
  }

  /** Share of what came before in each point, in [0, 1). */
  set smoothing(value: number) {
    this.#smoothing = value;
    this.#draw();
  }

  set logarithmic(value: boolean) {
    if (this.#logarithmic === value) return;
    this.#logarithmic = value;
    this.#rebuild();
  }

  set logarithmicSteps(value: boolean) {
    if (this.#logarithmicSteps === value) return;
    this.#logarithmicSteps = value;
    this.#rebuild();
  }

  /** A line down the chart at that step; null for none. */
  set mark(step: number | null) {
    if (this.#mark === step) return;
    this.#mark = step;
    this.#plot?.redraw();
  }

  /** The levels are others. */
  redraw(): void {
    this.#rebuild();
  }

  clear(): void {
    this.#line.clear();
    this.#dots = [];
    this.#soon();
  }

  /** The numbers of the next steps, in order. */
  addLine(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) this.#line.add(values[i]);
    this.#soon();
  }

  /** @param step after how many steps it was so */
  addDot(step: number, value: number): void {
    this.#dots.push({ step, value });
    if (this.#dots.length > MOST_DOTS) this.#dots = this.#dots.filter((_, i) => i < FIRST_DOTS || i % 2 === 1);
    this.#soon();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#resize.disconnect();
    this.#endTheme();
    this.#words.dispose();
    this.#plot?.destroy();
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(100, this.#plotHost.clientWidth), height: this.#options.height ?? 255 };
  }

  #soon(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#draw();
      },
      Math.max(0, this.#drawnAt + DRAW_EVERY_MS - performance.now()),
    );
  }

  #rebuild(): void {
    this.#plot?.destroy();
    this.#plot = null;
    this.#draw();
  }

  /** Both on one list of steps, as uPlot wants it. */
  #data(): uPlot.AlignedData {
    const steps = this.#line.steps();
    const positive = (value: number) => (Number.isFinite(value) && !(this.#logarithmic && value <= 0) ? value : null);
    const raw = this.#line.values(0).map(positive),
      smooth = this.#line.values(this.#smoothing).map(positive);
    // A logarithmic axis has no place for step 0.
    const placed = this.#logarithmicSteps ? this.#dots.filter(({ step }) => step > 0) : this.#dots,
      at = placed.map(({ step }) => step);
    const dots = placed.map(({ value }) => positive(value));
    if (steps.length === 0 || dots.length === 0) {
      const [x, d] = steps.length > 0 ? [steps, steps.map(() => null)] : [at, dots];
      const empty = x.map(() => null);
      return [x, steps.length > 0 ? raw : empty, steps.length > 0 ? smooth : empty, d];
    }
    return uPlot.join(
      [
        [steps, raw, smooth],
        [at, dots],
      ],
      [[2, 2], [2]],
    );
  }

  #drawNow(): void {
    this.#drawnAt = performance.now();
    if (this.#plotHost.clientWidth === 0) return;
    const data = this.#data();
    if (this.#plot) this.#plot.setData(data);
    else this.#plot = this.#build(data);
    const { name, line, dots, show, levels = () => [] } = this.#options,
      none = this.#words.now.none;
    const last = this.#line.values(this.#smoothing).at(-1),
      dot = this.#dots.at(-1)?.value;
    this.#plotHost.setAttribute(
      "aria-label",
      this.#words.now.label(
        name(),
        this.#line.length,
        line(),
        last === undefined ? none : show(last),
        dots?.() ?? "",
        dot === undefined ? none : show(dot),
      ) +
        levels()
          .map((level) => this.#words.now.level(level.name, show(level.value)))
          .join(""),
    );
    if (this.#table.open) this.#fillTable();
  }

  #build(data: uPlot.AlignedData): uPlot {
    const { range, line, dots, language } = this.#options,
      logarithmic = this.#logarithmic,
      logSteps = this.#logarithmicSteps;
    const [quiet, grid, training, validation, card] = ["--quiet", "--line", "--training", "--validation", "--card"].map(cssColour);
    const font = `12px ${getComputedStyle(this.#plotHost).fontFamily}`;
    const axis: uPlot.Axis = { stroke: quiet, font, grid: { stroke: grid, width: 1 }, ticks: { show: false }, gap: 6 };
    const top = () => Math.max(0, ...(this.#options.levels?.().map(({ value }) => value) ?? []));
    const full = (_: uPlot, low: number, highest: number): uPlot.Range.MinMax => {
      if (range) return [range[0], range[1]];
      const high = Math.max(top(), highest);
      if (!Number.isFinite(high) || high <= 0) return [0, 1];
      return [Math.min(0, low), high * 1.04];
    };
    return new uPlot(
      {
        ...this.#size(),
        scales: {
          x: {
            time: false,
            ...(logSteps && { distr: 3 as const }),
            range: (_, low, high) => [
              logSteps ? 1 : 0,
              Number.isFinite(high) && high > low ? Math.max(high, logSteps ? 10 : 0) : Math.max(10, high || 0),
            ],
          },
          y: logarithmic
            ? {
                distr: 3,
                ...(this.#options.levels && {
                  range: (_: uPlot, low: number, high: number): uPlot.Range.MinMax => [
                    Math.max(1, Math.min(low || 1, 1)),
                    Math.max(top(), high || 1) * 1.2,
                  ],
                }),
              }
            : { range: full },
        },
        axes: [
          {
            ...axis,
            size: 28,
            space: logSteps ? 40 : 70,
            incrs: STEP_INCREMENTS,
            values: (_, ticks) => ticks.map((tick: number | null) => (tick === null ? "" : language.number(tick))),
          },
          { ...axis, size: 44, space: 34, values: (_, ticks) => ticks.map(shortTick) },
        ],
        cursor: { drag: { x: false, y: false }, points: { show: false } },
        legend: { show: false },
        series: [
          {},
          { stroke: training + FAINT, width: 1, points: { show: false } },
          { label: line(), stroke: training, width: 2, points: { show: false } },
          { label: dots?.() ?? "", stroke: validation, width: 2, spanGaps: true, points: { show: true, size: 5, fill: card } },
        ],
        hooks: { draw: [(plot) => this.#drawLevels(plot, quiet, font), (plot) => this.#drawMark(plot)] },
      },
      data,
      this.#plotHost,
    );
  }

  #drawMark(plot: uPlot): void {
    const step = this.#mark;
    if (step === null || (this.#logarithmicSteps && step < 1)) return;
    const {
        ctx,
        bbox: { left, top, width, height },
      } = plot,
      ratio = devicePixelRatio || 1,
      x = plot.valToPos(step, "x", true);
    if (!(x >= left - 1 && x <= left + width + 1)) return;
    ctx.save();
    ctx.strokeStyle = cssColour("--ink");
    ctx.lineWidth = 1.5 * ratio;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.restore();
  }

  #drawLevels(plot: uPlot, colour: string, font: string): void {
    const {
        ctx,
        bbox: { left, top, width, height },
      } = plot,
      ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 4 * ratio]);
    ctx.font = font.replace(/^\d+/, (size) => String(Number(size) * ratio));
    ctx.textAlign = "right";
    for (const { name, value } of this.#options.levels?.() ?? []) {
      const y = plot.valToPos(value, "y", true);
      if (!(y >= top && y <= top + height)) continue;
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(left + width, y);
      ctx.stroke();
      ctx.textBaseline = y - top < 18 * ratio ? "top" : "bottom";
      ctx.fillText(`${name}: ${this.#options.show(value)}`, left + width - 4 * ratio, y + (ctx.textBaseline === "top" ? 3 : -3) * ratio);
    }
    ctx.restore();
  }

  /** A dozen rows are enough to read how it went. */
  #fillTable(): void {
    const steps = this.#line.steps(),
      smooth = this.#line.values(this.#smoothing),
      { show } = this.#options;
    const every = Math.max(1, Math.ceil(steps.length / TABLE_ROWS));
    const chosen = steps.map((_, i) => i).filter((i) => i === steps.length - 1 || i % every === every - 1);
    this.#rows.replaceChildren(
      ...chosen.map((i) => {
        const dot = this.#dots.filter(({ step }) => step <= steps[i]).at(-1);
        const cells = [
          this.#options.language.number(steps[i]),
          show(smooth[i]),
          ...(this.#options.dots ? [dot ? show(dot.value) : this.#words.now.none] : []),
        ];
        return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
      }),
    );
  }
}
