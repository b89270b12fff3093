// What the user sees of a training run: a bar on a terminal, one line an epoch everywhere.

import cliProgress from "cli-progress";
import type { JobEvent } from "./job.ts";

/** Less than this says too little about speed. */
const WARM_UP_SECONDS = 0.5;

type Logs = Readonly<Record<string, number>>;
type Of<T extends JobEvent["type"]> = Extract<JobEvent, { type: T }>;

export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
export const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;

/** 0.4 s, 12 s, 3 min 5 s. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** "loss 0.2112  accuracy 93.90 %  val_loss …", in the order given. */
export function formatLogs(logs: Logs): string {
  return Object.entries(logs)
    .map(([name, value]) => `${name} ${name.endsWith("accuracy") ? percent(value) : value.toFixed(4)}`).join("  ");
}

export const isSoftware = (adapter: string): boolean => /software|swiftshader|llvmpipe|lavapipe|basic render/i.test(adapter);

/** What runs the job, in words; `asked` is the backend that was asked for. */
export function describeAdapter(
  { adapter, backend }: { adapter: string; backend: string }, runtime: string, asked = "auto",
): string {
  if (backend === "cpu" && asked !== "cpu") return `adapter: ${adapter}\n  no WebGPU adapter found; training on the CPU`;
  if (backend === "cpu") return `adapter: ${adapter}`;
  if (!isSoftware(adapter)) return `adapter: ${adapter}`;
  return runtime === "chrome"
    ? `adapter: ${adapter}\n  no GPU found; using Chrome's software adapter (SwiftShader)`
    : `adapter: ${adapter}\n  no GPU found; using a software adapter`;
}

export class Progress {
  #bar: cliProgress.SingleBar | null = null;
  #epochsDone = 0;
  #trainSeconds = 0;
  /** Where speed is measured from: the first batches, which waited for shaders to compile, lie before it. */
  #origin: { readonly done: number; readonly seconds: number } | null = null;
  #closed = false;

  constructor(readonly out: NodeJS.WriteStream, readonly epochs: number) {}

  line(text: string): void {
    this.out.write(`${text}\n`);
  }

  /** Takes the bar away, before anything else is printed. */
  clear(): void {
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
  #speed({ samples, epochSamples, seconds }: Of<"progress">): string {
    const done = this.#epochsDone + samples / epochSamples;
    this.#origin ??= { done, seconds };
    const epochsPerSecond = (done - this.#origin.done) / (seconds - this.#origin.seconds);
    if (!(epochsPerSecond > 0) || seconds - this.#origin.seconds < WARM_UP_SECONDS) return "";
    return `  ${count(epochsPerSecond * epochSamples)} samples/s  ${duration((this.epochs - done) / epochsPerSecond)} left`;
  }

  epoch(event: Of<"epoch">): void {
    this.clear();
    this.#epochsDone++;
    this.#trainSeconds += event.seconds;
    const left = (this.#trainSeconds / this.#epochsDone) * (this.epochs - this.#epochsDone);
    this.line(`${this.#name(event.epoch)}  ${formatLogs(event.logs)}  ${count(event.epochSamples / event.seconds)} ` +
      `samples/s  ${left > 0 ? `${duration(left)} left` : duration(this.#trainSeconds)}`);
  }

  #newBar({ samples, epochSamples }: Of<"progress">, payload: object): cliProgress.SingleBar {
    const bar = new cliProgress.SingleBar({
      stream: this.out, format: "{name} {bar} {percentage} %  {text}", barsize: 20, hideCursor: true,
      clearOnComplete: true, fps: 10, gracefulExit: false, linewrap: false,
    }, cliProgress.Presets.shades_classic);
    bar.start(epochSamples, samples, payload);
    return bar;
  }
}
