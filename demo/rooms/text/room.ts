// The text room: brings its parts together. The network lives in worker.ts.

import "./room.css";
import { element } from "../../lib/dom.ts";
import { download } from "../../lib/download.ts";
import { Newest } from "../../lib/newest.ts";
import { reasonOf } from "../../lib/notices.ts";
import type { Mount, RoomContext } from "../../lib/room.ts";
import { TrainingRoom } from "../../lib/training-room.ts";
import { proxy } from "../../lib/worker-client.ts";
import { BUILTIN } from "./builtin.ts";
import { DEFAULTS, FIELDS, type TextConfig } from "./config.ts";
import { isProblem, readCorpus, type Corpus } from "./corpus.ts";
import { Curve } from "./curve.ts";
import { HistoryCard } from "./history-card.ts";
import { KeepCard } from "./keep-card.ts";
import type { Events, HeldOut, Progress, Sample } from "./messages.ts";
import { SampleCard } from "./sample-card.ts";
import { Settings } from "./settings.ts";
import { reasonFor, TextCard } from "./text-card.ts";
import { texts, type TextWords } from "./texts.ts";
import { TextTransport } from "./transport.ts";
import type { TextWorker } from "./worker.ts";

const FILE_NAME = "deltaprop-text.safetensors";

/** What a network is made of. */
interface Made {
  readonly config: TextConfig;
  readonly corpus: Corpus;
}

class TextRoom extends TrainingRoom<TextWords, TextConfig> {
  protected readonly remote = this.connect<TextWorker>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
  protected readonly transport = this.keep(
    new TextTransport(this.words, {
      ...this.runEvents,
      onShare: () => {
        void this.share();
      },
    }),
  );
  protected readonly settings = this.keep(
    new Settings(this.words, this.first, this.onLive, () => {
      this.link.changed();
      void this.#reread();
    }),
  );
  readonly #sample = new SampleCard(this.words, this.first.temperature, () => {
    this.link.changed();
    void this.#wishes.ask();
  });
  readonly #history = new HistoryCard(this.words);
  readonly #curve = this.keep(new Curve(this.words, this.context.theme));
  readonly #text = new TextCard(this.words, {
    onLearn: (given) => {
      void this.#learn(given, null);
    },
    onFile: (file) => {
      file.text().then((given) => this.#learn(given, null), this.fail);
    },
    onBack: () => {
      void this.#learn(BUILTIN.text, BUILTIN.title);
    },
  });
  readonly #files = new KeepCard(
    this.words,
    () => {
      this.#save().catch(this.failAt(this.#files.row));
    },
    (file) => {
      this.#load(file).catch((error: unknown) =>
        this.context.notices.show("error", () => this.words.now.wrongFile(reasonOf(error)), this.#files.row),
      );
    },
  );
  readonly #events: Events = {
    ...this.trainerEvents,
    onFresh: () => this.#onFresh(),
    onProgress: (progress) => this.#onProgress(progress),
    onHeldOut: (held) => this.#onHeldOut(held),
    onSample: (written) => this.#onSample(written),
  };
  /** The worker writes as it is wished now. */
  readonly #wishes = new Newest(async () => {
    if (this.#inPlace) await this.remote.write(this.#sample.wish).catch(this.fail);
  });
  #turn: Promise<void> = Promise.resolve();
  #opened = false;
  /** What the network of the worker was made of. */
  #inPlace: Made | null = null;
  /** The text that a network was last wanted for, whether there is one or not. */
  #newest: Corpus | null = null;

  constructor(host: HTMLElement, context: RoomContext) {
    super("text", host, context, texts, FIELDS, DEFAULTS, ["rate", "temperature"]);
    this.layOut(
      element("div", { class: "desk" }, this.#sample.host, this.#text.host),
      element("div", { class: "desk" }, this.#curve.host, element("div", { class: "pile" }, this.settings.host, this.#files.host)),
      this.#history.host,
      this.trials,
    );
    void this.#learn(BUILTIN.text, BUILTIN.title);
  }

  protected get config(): TextConfig {
    return { ...this.settings.config, temperature: this.#sample.temperature };
  }

  protected set config(config: TextConfig) {
    [this.settings.config, this.#sample.temperature] = [config, config.temperature];
  }

  protected leadText(): string {
    return this.info && this.info.backend !== "webgpu" ? this.words.now.leadCpu : this.words.now.lead;
  }

  protected takeLive(): void {
    this.remote.change({ rate: this.config.rate }).catch(this.fail);
  }

  protected async renew(): Promise<void> {
    if (this.#inPlace) await this.#begin(this.#inPlace.corpus);
  }

  override open(link: string): void {
    const changes = this.link.take(link, (wanted) => {
      this.config = wanted;
    });
    if (changes.includes("temperature")) void this.#wishes.ask();
    if (changes.includes("rate")) this.takeLive();
    if (changes.some((name) => !this.live.includes(name))) void this.#reread();
  }

  /** A text in the place of the one before, or a message and nothing changed. */
  async #learn(given: string, title: string | null): Promise<void> {
    const corpus = readCorpus(given, title, this.settings.config);
    if (isProblem(corpus)) {
      this.#text.problem = corpus;
      return;
    }
    const another = this.#opened,
      {
        context: { notices, language },
        words,
      } = this;
    await this.#begin(corpus);
    if (another && this.#inPlace?.corpus === corpus)
      notices.show("done", () => words.now.learning(language.number(corpus.characters)), this.#text.learnRow);
  }

  /** The same text for other settings, where it is long enough for them. */
  async #reread(): Promise<void> {
    if (!this.#newest) return;
    const { words, settings } = this,
      corpus = readCorpus(this.#newest.text, this.#newest.title, settings.config);
    if (!isProblem(corpus)) return this.#begin(corpus);
    this.context.notices.show("error", () => words.now.problem(reasonFor(corpus, words)), settings.fresh);
    if (this.#inPlace) settings.config = this.#inPlace.config;
    this.link.shown();
  }

  /** A new network as the settings say, after those that were asked for before; it runs on if the old one ran. */
  #begin(corpus: Corpus): Promise<void> {
    this.#newest = corpus;
    this.#turn = this.#turn.then(async () => {
      const made = { config: this.config, corpus };
      try {
        await this.#make(made);
        this.#opened = true;
        this.#take(made);
      } catch (error) {
        this.fail(error);
        this.#stay(corpus);
      }
    });
    return this.#turn;
  }

  async #make({ config, corpus: { text, title, vocabulary } }: Made): Promise<void> {
    const material = { text, vocabulary },
      engine = this.settings.engine.value;
    if (text !== this.#inPlace?.corpus.text) this.#sample.begin(vocabulary, title === null ? "" : BUILTIN.prompt);
    if (this.#opened) await this.remote.configure(config, material, engine, this.#sample.wish);
    else await this.remote.open(config, material, engine, this.#sample.wish, proxy(this.#events));
  }

  #take(made: Made): void {
    this.#inPlace = made;
    this.#text.corpus = made.corpus;
    this.#curve.levels = made.corpus;
    this.#sample.begin(made.corpus.vocabulary);
    if (!this.running) this.transport.state = "ready";
  }

  /** The network of before is still there, if there was one. */
  #stay(refused: Corpus): void {
    const { settings, info } = this,
      inPlace = this.#inPlace;
    this.#newest = inPlace?.corpus ?? refused;
    if (!inPlace) this.transport.state = "failed";
    else if (info) [settings.config, settings.engine.value] = [inPlace.config, info.backend];
    this.link.shown();
  }

  async #save(): Promise<void> {
    const bytes = await this.remote.save(),
      { notices } = this.context,
      { words } = this;
    if (!bytes) return notices.show("error", () => words.now.notFinite, this.#files.row);
    download(new Uint8Array(bytes), FILE_NAME);
    notices.show("done", () => words.now.saved(FILE_NAME), this.#files.row);
  }

  async #load(file: File): Promise<void> {
    if (!this.#inPlace) return;
    const { corpus } = this.#inPlace,
      { config, vocabulary } = await this.remote.load(file, corpus.text, this.config, this.settings.engine.value);
    this.config = config;
    this.link.changed();
    this.#take({ config, corpus: { ...corpus, vocabulary } });
    void this.#wishes.ask();
    this.context.notices.show("done", () => this.words.now.loaded(file.name), this.#files.row);
  }

  #onFresh(): void {
    this.trainerEvents.onFresh();
    this.transport.clear();
    this.#curve.clear();
    this.#history.clear();
  }

  #onProgress(progress: Progress): void {
    this.transport.progress = progress;
    this.#curve.add(progress.perplexities);
    this.loss.steps = progress.steps;
    this.context.announcer.metrics(() => this.transport.spoken());
  }

  #onHeldOut(held: HeldOut): void {
    this.transport.held = held;
    this.#curve.validated(held);
  }

  #onSample(written: Sample): void {
    this.#sample.sample = written;
    if (written.kept) this.#history.add(written);
  }
}

export const mount: Mount = (host, context) => new TextRoom(host, context);
