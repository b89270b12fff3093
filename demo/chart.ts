// The loss curve: every mini-batch, smoothed, and validation after each epoch.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

const HEIGHT = 320;
/** Weight of the newest mini-batch in the running mean. */
const SMOOTHING = 0.05;

const color = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class LossChart {
  readonly #plot: uPlot;
  #steps: number[] = [];
  #train: (number | null)[] = [];
  #validation: (number | null)[] = [];
  #mean: number | null = null;
  #drawing = false;

  constructor(readonly host: HTMLElement) {
    const axis = { stroke: () => color("--quiet"), grid: { stroke: () => color("--line"), width: 1 }, ticks: { show: false } };
    this.#plot = new uPlot({
      width: host.clientWidth, height: HEIGHT,
      scales: { x: { time: false }, y: { range: (_plot, _low, high) => [0, Math.max(high, 0.5)] } },
      axes: [{ ...axis, label: "step", labelSize: 20 }, { ...axis, label: "loss", labelSize: 20 }],
      legend: { live: false },
      series: [
        { label: "step" },
        { label: "training", stroke: () => color("--train"), width: 2, points: { show: false } },
        { label: "validation", stroke: () => color("--validation"), width: 2, spanGaps: true,
          points: { show: true, size: 6, fill: () => color("--paper") } },
      ],
    }, [[], [], []], host);
    new ResizeObserver(() => this.#plot.setSize({ width: host.clientWidth, height: HEIGHT })).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#plot.redraw());
  }

  clear(): void {
    [this.#steps, this.#train, this.#validation, this.#mean] = [[], [], [], null];
    this.#draw();
  }

  addBatch(loss: number): void {
    this.#mean = this.#mean === null ? loss : this.#mean + SMOOTHING * (loss - this.#mean);
    this.#steps.push(this.#steps.length + 1);
    this.#train.push(this.#mean);
    this.#validation.push(null);
    this.#draw();
  }

  addEpoch(validationLoss: number): void {
    this.#validation[this.#validation.length - 1] = validationLoss;
    this.#draw();
  }

  /** At most once a frame: batches come in bursts. */
  #draw(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#plot.setData([this.#steps, this.#train, this.#validation]);
    });
  }
}
