// The text room: brings its parts together. The network lives in worker.ts.

import "./room.css";
import { copied } from "../../lib/clipboard.ts";
import { button, fileButton } from "../../lib/controls.ts";
import { element } from "../../lib/dom.ts";
import { download } from "../../lib/download.ts";
import { LossCard } from "../../lib/loss-card.ts";
import { isLostGpu, reasonOf } from "../../lib/notices.ts";
import { RaceCard } from "../../lib/race-card.ts";
import type { Mount } from "../../lib/room.ts";
import { RoomLink } from "../../lib/room-link.ts";
import { connect, proxy } from "../../lib/worker-client.ts";
import { BUILTIN } from "./builtin.ts";
import { DEFAULTS, FIELDS, type TextConfig } from "./config.ts";
import { isProblem, readCorpus, type Corpus } from "./corpus.ts";
import { Curve } from "./curve.ts";
import { HistoryCard } from "./history-card.ts";
import type { ModelInfo } from "../../lib/trainer.ts";
import type { Events } from "./messages.ts";
import { SampleCard } from "./sample-card.ts";
import { Settings } from "./settings.ts";
import { reasonFor, TextCard } from "./text-card.ts";
import { texts } from "./texts.ts";
import { TextTransport } from "./transport.ts";
import type { TextWorker } from "./worker.ts";

const FILE_NAME = "deltaprop-text.safetensors";

/** What another configuration changes while the network learns on. */
const LIVE: readonly (keyof TextConfig)[] = ["rate", "temperature"];

export const mount: Mount = (host, context) => {
  const { language, theme, notices, announcer } = context, words = language.words(texts);
  const failAt = (beside: HTMLElement | null) => (error: unknown) =>
    notices.show("error", () => (isLostGpu(error) ? words.now.gpuGone : words.now.failed(reasonOf(error))), beside);
  const fail = failAt(null);
  const worker = connect<TextWorker>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }), fail);
  const { remote } = worker;
  const link: RoomLink<TextConfig> = new RoomLink(context, FIELDS, DEFAULTS,
    (field, got, rule) => notices.show("error", () => words.now.badLink(field, got, rule)), () => config());
  const first = link.read(context.link) ?? DEFAULTS;
  let model: ModelInfo | null = null, opened = false;
  /** What the network of the worker was made of. */
  let inPlace: { config: TextConfig; corpus: Corpus } | null = null;
  /** The text that a network was last wanted for, whether there is one or not. */
  let newest: Corpus | null = null;

  const transport = new TextTransport(words, {
    onRun() {
      transport.state = "running";
      remote.run().catch(fail);
    },
    onPause: () => { void pause(); },
    onStep() {
      // Run may have been pressed meanwhile.
      remote.step().then(() => { if (transport.state !== "running") transport.state = "paused"; }, fail);
    },
    onReset: () => { void reset(); },
    onShare() {
      const { url } = link;
      void copied(url).then((done) => notices.show("done", () => (done ? words.now.copied : words.now.copyByHand(url)), transport.buttons));
    },
    onState: (state) => { loss.possible = state === "running" && model?.backend === "webgpu"; },
  });
  const sample = new SampleCard(words, first.temperature, onWish), history = new HistoryCard(words), curve = new Curve(words, theme);
  const settings = new Settings(words, first, (rate) => {
    link.changed();
    remote.change({ rate }).catch(fail);
  }, () => {
    link.changed();
    if (newest) void reread(newest);
  });
  const text = new TextCard(words, {
    onLearn: (given) => { void learn(given, null); },
    onFile: (file) => { file.text().then((given) => learn(given, null), fail); },
    onBack: () => { void learn(BUILTIN.text, BUILTIN.title); },
  });
  const race = new RaceCard(language, "text", async (onLap) => {
    if (transport.state === "running") await pause();
    return remote.race(proxy(onLap)).catch((error: unknown) => {
      fail(error);
      return null;
    });
  });
  const loss = new LossCard(language, "text", () => {
    remote.lose().catch(fail);
  });

  const config = (): TextConfig => ({ ...settings.config, temperature: sample.temperature });

  async function pause(): Promise<void> {
    await remote.pause().catch(fail);
    transport.state = "paused";
  }

  /** Step 0 is shown, and waits. */
  async function reset(): Promise<void> {
    if (transport.state === "running") await pause();
    if (inPlace) await renew(inPlace.corpus);
  }

  /** A text in the place of the one before, or a message and nothing changed. */
  async function learn(given: string, title: string | null): Promise<void> {
    const corpus = readCorpus(given, title, settings.config);
    if (isProblem(corpus)) {
      text.problem = corpus;
      return;
    }
    const another = opened;
    await renew(corpus);
    if (another && inPlace?.corpus === corpus) notices.show("done", () => words.now.learning(language.number(corpus.characters)), text.learnRow);
  }

  /** The same text for other settings, where it is long enough for them. */
  async function reread({ text: given, title }: Corpus): Promise<void> {
    const corpus = readCorpus(given, title, settings.config);
    if (!isProblem(corpus)) return renew(corpus);
    notices.show("error", () => words.now.problem(reasonFor(corpus, words)), settings.fresh);
    if (inPlace) settings.config = inPlace.config;
    link.shown();
  }

  /** A new network as the settings say; it runs on if the old one ran. */
  let turn: Promise<void> = Promise.resolve();
  function renew(corpus: Corpus): Promise<void> {
    newest = corpus;
    turn = turn.then(async () => {
      const wanted = { config: config(), corpus }, engine = settings.engine.value, { vocabulary } = corpus, another = corpus.text !== inPlace?.corpus.text;
      try {
        const material = { text: corpus.text, vocabulary };
        if (another) sample.begin(vocabulary, corpus.title === null ? "" : BUILTIN.prompt);
        if (opened) await remote.configure(wanted.config, material, engine, sample.wish);
        else await remote.open(wanted.config, material, engine, sample.wish, proxy(events));
      } catch (error) {
        fail(error);
        // The network of before is still there.
        newest = inPlace?.corpus ?? corpus;
        if (!inPlace) transport.state = "failed";
        if (inPlace && model) [settings.config, settings.engine.value] = [inPlace.config, model.backend];
        link.shown();
        return;
      }
      opened = true;
      take(wanted);
    });
    return turn;
  }

  function take(wanted: NonNullable<typeof inPlace>): void {
    inPlace = wanted;
    text.corpus = wanted.corpus;
    curve.levels = wanted.corpus;
    sample.begin(wanted.corpus.vocabulary);
    if (transport.state !== "running") transport.state = "ready";
  }

  async function save(): Promise<void> {
    const bytes = await remote.save();
    if (!bytes) return notices.show("error", () => words.now.notFinite, keepRow);
    download(new Uint8Array(bytes), FILE_NAME);
    notices.show("done", () => words.now.saved(FILE_NAME), keepRow);
  }

  async function load(file: File): Promise<void> {
    if (!inPlace) return;
    const { corpus } = inPlace;
    const loaded = await remote.load(file, corpus.text, config(), settings.engine.value);
    settings.config = loaded.config;
    sample.temperature = loaded.config.temperature;
    link.changed();
    take({ config: loaded.config, corpus: { ...corpus, vocabulary: loaded.vocabulary } });
    ask();
    notices.show("done", () => words.now.loaded(file.name), keepRow);
  }

  function onWish(): void {
    link.changed();
    ask();
  }

  // Only the newest wish is granted, one at a time.
  let asking = false, again = false;
  function ask(): void {
    again = true;
    if (asking || !inPlace) return;
    [asking, again] = [true, false];
    remote.write(sample.wish).catch(fail).finally(() => {
      asking = false;
      if (again) ask();
    });
  }

  const events: Events = {
    onModel(info) {
      const missing = settings.engine.take(info);
      if (missing) notices.show("hint", missing);
      race.engines = info.engines;
      model = info;
      transport.model = info;
      loss.possible = transport.state === "running" && info.backend === "webgpu";
      plan.textContent = info.plan;
      showLead();
    },
    onFresh() {
      transport.clear();
      curve.clear();
      history.clear();
      loss.steps = 0;
    },
    onProgress(progress) {
      transport.progress = progress;
      curve.add(progress.perplexities);
      loss.steps = progress.steps;
      announcer.metrics(() => transport.spoken());
    },
    onHeldOut(held) {
      transport.held = held;
      curve.validated(held);
    },
    onSample(written) {
      sample.sample = written;
      if (written.kept) history.add(written);
    },
    onLost: (step) => loss.lost(step),
    onStopped(reason, lost) {
      transport.state = "paused";
      notices.show("error", () => (lost ? words.now.gpuGone : words.now.stoppedBy(reason)));
    },
  };

  const lead = element("p", { class: "lead" }), plan = element("pre", { tabindex: 0 });
  const showLead = () => { lead.textContent = model && model.backend !== "webgpu" ? words.now.leadCpu : words.now.lead; };
  words.follow(lead, showLead);
  const saveButton = button(words, (now) => now.save, () => { save().catch(failAt(keepRow)); });
  saveButton.id = "text-save";
  const keepRow = element("div", { class: "pair" }, saveButton, fileButton(words, (now) => now.load, ".safetensors", false, ([file]) => {
    load(file).catch((error: unknown) => notices.show("error", () => words.now.wrongFile(reasonOf(error)), keepRow));
  }));
  const keep = element("section", { class: "card keep" }, words.show(element("h2"), (now) => now.keep),
    words.show(element("p", { class: "hint" }), (now) => now.keepHint), keepRow);
  host.append(
    element("header", { class: "room-head" }, words.show(element("h1"), (now) => now.title), lead),
    transport.host,
    element("div", { class: "desk" }, sample.host, text.host),
    element("div", { class: "desk" }, curve.host, element("div", { class: "pile" }, settings.host, keep)),
    history.host,
    element("div", { class: "trials" }, race.host, loss.host),
    element("details", { class: "card" }, words.show(element("summary"), (now) => now.inside), plan));
  link.shown();
  void learn(BUILTIN.text, BUILTIN.title);

  return {
    hide: () => { if (transport.state === "running") void pause(); },
    open(given) {
      const changes = link.take(given, (wanted) => { [settings.config, sample.temperature] = [wanted, wanted.temperature]; });
      if (changes.includes("temperature")) ask();
      if (changes.includes("rate")) remote.change({ rate: settings.config.rate }).catch(fail);
      if (newest && changes.some((name) => !LIVE.includes(name))) void reread(newest);
    },
    dispose() {
      worker.dispose();
      transport.dispose();
      curve.dispose();
      race.dispose();
      settings.dispose();
      loss.dispose();
      words.dispose();
      host.replaceChildren();
    },
  };
};
