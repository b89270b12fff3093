// The digits room: brings its parts together. The network lives in worker.ts.

import "./room.css";
import { copied } from "../../lib/clipboard.ts";
import { element } from "../../lib/dom.ts";
import { download } from "../../lib/download.ts";
import { Newest } from "../../lib/newest.ts";
import { reasonOf } from "../../lib/notices.ts";
import type { Mount, RoomContext } from "../../lib/room.ts";
import { TrainingRoom } from "../../lib/training-room.ts";
import type { State } from "../../lib/transport.ts";
import { Watch } from "../../lib/watch.ts";
import { proxy } from "../../lib/worker-client.ts";
import { DEFAULTS, FIELDS, type DigitsConfig } from "./config.ts";
import { ConfusionView } from "./confusion-view.ts";
import { Curves } from "./curves.ts";
import { FilesView } from "./files-view.ts";
import { HistogramsView } from "./histograms-view.ts";
import type { DataInfo, Events, Progress, Validation } from "./messages.ts";
import { Pad } from "./pad.ts";
import { Settings } from "./settings.ts";
import { texts, type DigitsWords } from "./texts.ts";
import { DigitsTransport } from "./transport.ts";
import { WeightsView } from "./weights-view.ts";
import type { DigitsWorker } from "./worker.ts";

const FILE_NAME = "deltaprop-digits.safetensors";

const weightsIn = (chosen: readonly File[]) => chosen.find(({ name }) => name.endsWith(".safetensors"));

class DigitsRoom extends TrainingRoom<DigitsWords, DigitsConfig> {
  protected readonly remote = this.connect<DigitsWorker>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
  protected readonly transport = this.keep(new DigitsTransport(this.words, this.runEvents));
  protected readonly settings = this.keep(
    new Settings(this.words, this.first, { onRate: this.onLive, onBatch: this.onLive, onNetwork: this.onOther }),
  );
  readonly #curves = this.keep(new Curves(this.words, this.context.theme));
  readonly #pad = this.keep(
    new Pad(this.words, this.context.theme, {
      onPixels: () => {
        void this.#answers.ask();
      },
      onWish: (digit) => {
        void this.#showDigit(digit);
      },
    }),
  );
  readonly #weights = this.keep(new WeightsView(this.words, this.context.theme, () => this.#watch.changed(true)));
  readonly #confusion = this.keep(new ConfusionView(this.words, this.context.theme));
  readonly #histograms = this.keep(new HistogramsView(this.words, this.context.theme));
  readonly #watch = this.keep(
    new Watch(
      [
        {
          host: this.#weights.host,
          everyMs: 1_000,
          refresh: async () => this.#weights.show(await this.remote.images(this.#weights.learned)),
        },
        { host: this.#confusion.host, everyMs: 3_000, refresh: async () => this.#confusion.show(await this.remote.examine()) },
        { host: this.#histograms.host, everyMs: 2_000, refresh: async () => this.#histograms.show(await this.remote.histograms()) },
        // Between two networks there is nobody to ask; what is wrong with a run is told by the run.
      ],
      () => this.#watch.changed(),
    ),
  );
  readonly #files = this.keep(
    new FilesView(this.words, this.host, {
      onSave: () => {
        this.#save().catch(this.failAt(this.#files.saveRow));
      },
      onFiles: (chosen) => {
        void this.#take(chosen);
      },
      onShare: () => {
        void this.#shareBelow();
      },
    }),
  );
  /** What the network says of the newest drawing. */
  readonly #answers = new Newest(() => this.#answer());
  readonly #events: Events = {
    ...this.trainerEvents,
    onFresh: () => this.#onFresh(),
    onProgress: (progress) => this.#onProgress(progress),
    onValidation: (validation) => this.#onValidation(validation),
  };
  #data: DataInfo | null = null;
  /** Test digits that were shown so far. */
  #shown = 0;

  constructor(host: HTMLElement, context: RoomContext) {
    super("digits", host, context, texts, FIELDS, DEFAULTS, ["rate", "batch"]);
    this.layOut(
      element("div", { class: "cockpit" }, this.#curves.host, this.#pad.host, this.settings.host),
      element("div", { class: "findings" }, this.#weights.host, this.#confusion.host, this.#confusion.mistakes),
      this.#histograms.host,
      this.trials,
      this.#files.host,
    );
    void this.#begin();
  }

  protected get config(): DigitsConfig {
    return this.settings.config;
  }

  protected set config(config: DigitsConfig) {
    this.settings.config = config;
  }

  protected leadText(): string {
    const {
        info,
        words: { now },
        context: { language },
      } = this,
      data = this.#data;
    if (!data || !info) return "";
    const shape = [data.side ** 2, ...this.config.layers, data.classes].join("–"),
      digits = language.number(data.train);
    return info.backend === "webgpu" ? now.lead(digits, shape) : now.leadCpu(digits, shape);
  }

  protected takeLive(): void {
    const { rate, batch } = this.config;
    this.remote.change({ rate, batch }).catch(this.fail);
  }

  protected async renew(): Promise<void> {
    if (!this.#data) return this.#begin();
    try {
      await this.remote.configure(this.config, this.settings.engine.value);
      if (!this.running) this.transport.state = "ready";
    } catch (error) {
      this.fail(error);
    }
  }

  protected override onState(state: State): void {
    super.onState(state);
    this.#watch.moving = state === "running";
  }

  /** Training goes on behind the race. */
  protected override async beforeRace(): Promise<void> {}

  /** The first network. Where it is refused, another engine or other settings try again. */
  async #begin(): Promise<void> {
    try {
      this.#opened(await this.remote.open(document.baseURI, this.config, this.settings.engine.value, proxy(this.#events)));
    } catch (error) {
      this.fail(error);
      this.transport.state = "failed";
    }
  }

  #opened(info: DataInfo): void {
    this.#data = info;
    this.#pad.side = info.side;
    this.#pad.setClasses(info.classes);
    if (!this.running) this.transport.state = "ready";
    this.showLead();
    void this.#answers.ask();
  }

  #onFresh(): void {
    this.trainerEvents.onFresh();
    this.#curves.clear();
    this.transport.clear();
    this.#watch.changed();
    void this.#answers.ask();
  }

  #onProgress(progress: Progress): void {
    const { notices, announcer } = this.context;
    this.transport.progress = progress;
    this.loss.steps = progress.steps;
    if (!progress.losses.every(Number.isFinite)) notices.show("error", () => this.words.now.diverged);
    this.#curves.add(progress);
    this.#watch.changed();
    void this.#answers.ask();
    announcer.metrics(() => this.#spoken());
  }

  #onValidation(validation: Validation): void {
    this.transport.validation = validation;
    this.#curves.validated(validation);
  }

  #spoken(): string {
    return `${this.transport.spoken()} ${this.#pad.spoken()}`;
  }

  async #answer(): Promise<void> {
    if (!this.#pad.pixels || !this.#data) return;
    // Between two networks nobody answers; the next one will be asked.
    const answer = await this.remote.predict(this.#pad.pixels).catch(() => null);
    if (!answer || !this.#pad.pixels) return;
    this.#pad.showAnswer(answer);
    this.context.announcer.metrics(() => this.#spoken());
  }

  async #showDigit(digit: number): Promise<void> {
    try {
      const pixels = await this.remote.testDigit(digit, this.#shown++);
      if (pixels) this.#pad.showDigit(pixels);
    } catch (error) {
      this.fail(error);
    }
  }

  async #save(): Promise<void> {
    const bytes = await this.remote.save(),
      { notices } = this.context,
      { words } = this;
    if (!bytes) return notices.show("error", () => words.now.notFinite, this.#files.saveRow);
    download(new Uint8Array(bytes), FILE_NAME);
    notices.show("done", () => words.now.saved(FILE_NAME), this.#files.saveRow);
  }

  /** Weights, or digits in IDX files, chosen or dropped. A message about them stands beside the button that they belong to. */
  async #take(chosen: readonly File[]): Promise<void> {
    const weights = weightsIn(chosen),
      row = weights ? this.#files.saveRow : this.#files.dataRow;
    try {
      const done = weights ? await this.#takeWeights(weights) : await this.#takeDigits(chosen);
      this.context.notices.show("done", done, row);
    } catch (error) {
      this.context.notices.show("error", () => this.words.now.wrongFile(reasonOf(error)), row);
    }
  }

  async #takeWeights(file: File): Promise<() => string> {
    this.config = await this.remote.load(file, this.settings.engine.value);
    this.link.changed();
    if (!this.running) this.transport.state = "ready";
    return () => this.words.now.loaded(file.name);
  }

  async #takeDigits(files: readonly File[]): Promise<() => string> {
    const info = await this.remote.openFiles(files, this.config, this.settings.engine.value),
      { language } = this.context;
    this.#opened(info);
    return () => {
      const [train, validation, test] = [info.train, info.validation, info.test].map((rows) => language.number(rows));
      return this.words.now.digitsLoaded(train, validation, test);
    };
  }

  async #shareBelow(): Promise<void> {
    const { url } = this.link,
      { words } = this;
    this.#files.showLink(url);
    const done = await copied(url);
    this.context.notices.show("done", () => (done ? words.now.copied : words.now.linkShown), this.#files.shareRow);
  }
}

export const mount: Mount = (host, context) => new DigitsRoom(host, context);
