// What the user sees of a training run: a bar on a terminal, one line an epoch everywhere.

import cliProgress from "cli-progress";
import type { FitEvent, EpochLogs } from "./fit-events.ts";

/** Less than this says too little about speed. */
const WARM_UP_SECONDS = 0.5;
const MANY = 1e6;
/** Epoch, loss, accuracy, speed and minutes left take so many columns; the bar itself takes the rest. */
const TEXT_COLUMNS = 76,
  MIN_BAR = 4,
  MAX_BAR = 30;
/** Where a stopped bar puts the cursor back to. */
const SAVE_CURSOR = "\x1b7";

type Of<T extends FitEvent["type"]> = Extract<FitEvent, { type: T }>;

export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
export const percent = (value: number): string => (Number.isFinite(value) ? `${(100 * value).toFixed(2)} %` : String(value));
/** Four decimals; 1.2346e+20 where those would say nothing; NaN and Infinity by name. */
export const decimals = (value: number): string =>
  Math.abs(value) < MANY || !Number.isFinite(value) ? value.toFixed(4) : value.toExponential(4);

/** Null for what is unknown: NaN and infinity are not JSON. */
export const orNull = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);

/** 0.4 s, 12 s, 3 min 5 s. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** "loss 0.2112  accuracy 93.90 %  val_loss …", in the order given. */
export function formatLogs(logs: EpochLogs): string {
  return Object.entries(logs)
    .map(([name, value]) => `${name} ${name.endsWith("accuracy") ? percent(value) : decimals(value)}`)
    .join("  ");
}

/** How `model.adapter` ends where it computes on the CPU. */
export const SOFTWARE = " (software)";
const LINUX_ADVICE = "  If this machine has a GPU, try DELTAPROP_BROWSER_FLAGS=--enable-features=Vulkan, or --runtime node.";

/** What runs the job, in words: what is known, which is not whether there is a GPU. `asked` is the backend asked for. */
export function describeAdapter(
  { adapter, backend }: { adapter: string; backend: string },
  runtime: string,
  asked = "auto",
  platform = process.platform,
): string {
  const lines = [`adapter: ${adapter}`];
  if (backend === "cpu" && asked !== "cpu") lines.push("  no WebGPU adapter found; training on the CPU");
  if (backend !== "cpu" && adapter.endsWith(SOFTWARE)) {
    lines.push(
      runtime === "chrome"
        ? "  Chrome offers only its software adapter, SwiftShader."
        : "  The Vulkan, Metal or Direct3D driver found is a software one.",
    );
    if (runtime === "chrome" && platform === "linux") lines.push(LINUX_ADVICE);
  }
  return lines.join("\n");
}

export class Progress {
  #bar: cliProgress.SingleBar | null = null;
  #trainedSamples = 0;
  #trainSeconds = 0;
  /** Where speed is measured from: the first batches, which waited for shaders to compile, lie before it. */
  #origin: { readonly done: number; readonly seconds: number } | null = null;
  #closed = false;

  /** @param unit what events count */
  constructor(
    readonly out: NodeJS.WriteStream,
    readonly epochs: number,
    readonly unit = "samples",
  ) {}

  line(text: string): void {
    this.clear();
    this.out.write(`${text}\n`);
  }

  /** Takes the bar away: the next event brings it back. */
  clear(): void {
    // The bar goes back to where it began, but a resized terminal may have moved its line.
    if (this.#bar?.isActive === true) this.out.write(SAVE_CURSOR);
    this.#bar?.stop();
    this.#bar = null;
  }

  /** Takes the bar away for good: what still trickles in is not shown. */
  close(): void {
    this.clear();
    this.#closed = true;
  }

  /** Epochs count from 1 for the user. */
  #name(epoch: number): string {
    return `epoch ${String(epoch + 1).padStart(String(this.epochs).length)}/${this.epochs}`;
  }

  update(event: Of<"progress">): void {
    if (this.out.isTTY !== true || this.#closed) return;
    const payload = { name: this.#name(event.epoch), text: `${formatLogs(event.logs)}${this.#speed(event)}` };
    if (this.#bar === null) this.#bar = this.#newBar(event, payload);
    else this.#bar.update(event.samples, payload);
  }

  /** Samples a second and time left, once there is enough to tell from. */
  #speed({ epoch, samples, epochSamples, seconds }: Of<"progress">): string {
    const done = epoch + samples / epochSamples;
    this.#origin ??= { done, seconds };
    const epochsPerSecond = (done - this.#origin.done) / (seconds - this.#origin.seconds);
    if (!(epochsPerSecond > 0) || seconds - this.#origin.seconds < WARM_UP_SECONDS) return "";
    return `  ${count(epochsPerSecond * epochSamples)} ${this.unit}/s  ${duration((this.epochs - done) / epochsPerSecond)} left`;
  }

  epoch(event: Of<"epoch">): void {
    const { epoch, samples, epochSamples, logs, seconds } = event;
    this.#trainedSamples += samples;
    this.#trainSeconds += seconds;
    const left = (this.epochs - epoch - 1) * epochSamples * (this.#trainSeconds / this.#trainedSamples);
    // Nothing was left to train of an epoch whose last checkpoint was taken at its end.
    const speed =
      samples === 0
        ? ""
        : `  ${count(samples / seconds)} ${this.unit}/s  ` + (left > 0 ? `${duration(left)} left` : duration(this.#trainSeconds));
    this.line(`${this.#name(epoch)}  ${formatLogs(logs)}${speed}`);
  }

  #newBar({ samples, epochSamples }: Of<"progress">, payload: object): cliProgress.SingleBar {
    const bar = new cliProgress.SingleBar(
      {
        stream: this.out,
        format: "{name} {bar}  {text}",
        hideCursor: true,
        barsize: Math.min(MAX_BAR, Math.max(MIN_BAR, this.out.columns - TEXT_COLUMNS)),
        // true: cut to the terminal's present width at every drawing, and the terminal's own wrapping left alone.
        clearOnComplete: true,
        fps: 10,
        gracefulExit: false,
        linewrap: true,
      },
      cliProgress.Presets.shades_classic,
    );
    bar.start(epochSamples, samples, payload);
    return bar;
  }
}
