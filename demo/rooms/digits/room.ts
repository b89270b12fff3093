// The digits room: brings its parts together. The network lives in worker.ts.

import "./room.css";
import { copied } from "../../lib/clipboard.ts";
import { element } from "../../lib/dom.ts";
import { download } from "../../lib/download.ts";
import { LossCard } from "../../lib/loss-card.ts";
import { isLostGpu, reasonOf } from "../../lib/notices.ts";
import { RaceCard } from "../../lib/race-card.ts";
import type { Mount } from "../../lib/room.ts";
import { RoomLink } from "../../lib/room-link.ts";
import { Watch } from "../../lib/watch.ts";
import { connect, proxy } from "../../lib/worker-client.ts";
import { DEFAULTS, FIELDS, type DigitsConfig } from "./config.ts";
import { ConfusionView } from "./confusion-view.ts";
import { Curves } from "./curves.ts";
import { FilesView } from "./files-view.ts";
import { HistogramsView } from "./histograms-view.ts";
import { Pad } from "./pad.ts";
import { Settings } from "./settings.ts";
import { texts } from "./texts.ts";
import type { ModelInfo } from "../../lib/trainer.ts";
import type { DataInfo, Events } from "./messages.ts";
import type { State } from "../../lib/transport.ts";
import { DigitsTransport } from "./transport.ts";
import { WeightsView } from "./weights-view.ts";
import type { DigitsWorker } from "./worker.ts";

/** What another configuration changes while the network learns on. */
const LIVE: readonly (keyof DigitsConfig)[] = ["rate", "batch"];

export const mount: Mount = (host, context) => {
  const { language, theme, notices, announcer } = context, words = language.words(texts);
  const failAt = (beside: HTMLElement | null) => (error: unknown) =>
    notices.show("error", () => (isLostGpu(error) ? words.now.gpuGone : words.now.failed(reasonOf(error))), beside);
  const fail = failAt(null);
  const worker = connect<DigitsWorker>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }), fail);
  const { remote } = worker;
  let model: ModelInfo | null = null, data: DataInfo | null = null, turn = 0;

  const transport = new DigitsTransport(words, {
    onRun() {
      enter("running");
      remote.run().catch(fail);
    },
    onPause: () => { void pause(); },
    onStep: () => {
      // Run may have been pressed meanwhile.
      remote.step().then(() => { if (transport.state !== "running") enter("paused"); }, fail);
    },
    onReset: () => { void reset(); },
  });
  const curves = new Curves(words, theme);
  const link: RoomLink<DigitsConfig> = new RoomLink(context, FIELDS, DEFAULTS,
    (field, got, rule) => notices.show("error", () => words.now.wrongLink(field, got, rule)), () => settings.config);
  const settings = new Settings(words, link.read(context.link) ?? DEFAULTS, {
    onRate: live, onBatch: live,
    onNetwork() {
      link.changed();
      void renew();
    },
  });
  link.shown();
  const pad = new Pad(words, theme, {
    onPixels: () => ask(),
    onWish: (digit) => {
      remote.testDigit(digit, turn++).then((pixels) => { if (pixels) pad.showDigit(pixels); }, fail);
    },
  });

  const weights = new WeightsView(words, theme, () => watch.changed(true)), confusion = new ConfusionView(words, theme);
  const histograms = new HistogramsView(words, theme);
  const watch = new Watch([
    { host: weights.host, everyMs: 1_000, refresh: async () => weights.show(await remote.images(weights.learned)) },
    { host: confusion.host, everyMs: 3_000, refresh: async () => confusion.show(await remote.examine()) },
    { host: histograms.host, everyMs: 2_000, refresh: async () => histograms.show(await remote.histograms()) },
    // Between two networks there is nobody to ask; what is wrong with a run is told by the run.
  ], () => watch.changed());

  /** Every change of state goes through here. */
  function enter(state: State): void {
    transport.state = state;
    watch.moving = state === "running";
    loss.possible = state === "running" && model?.backend === "webgpu";
  }

  /** The visitor changed what the network learns on with. */
  function live(): void {
    link.changed();
    takeLive();
  }

  function takeLive(): void {
    const { rate, batch } = settings.config;
    remote.change({ rate, batch }).catch(fail);
  }

  async function pause(): Promise<void> {
    await remote.pause().catch(fail);
    enter("paused");
  }

  /** Step 0 is shown, and waits. */
  async function reset(): Promise<void> {
    if (transport.state === "running") {
      await remote.pause().catch(fail);
      enter("paused");
    }
    await renew();
  }

  /** A new network as the settings say; it runs on if the old one ran. */
  async function renew(): Promise<void> {
    const { state } = transport;
    if (!data) return begin();
    try {
      await remote.configure(settings.config, settings.engine.value);
      if (state !== "running") enter("ready");
    } catch (error) {
      fail(error);
    }
  }

  const race = new RaceCard(language, "digits", async (onLap) => remote.race(proxy(onLap)).catch((error: unknown) => {
    fail(error);
    return null;
  }));
  const loss = new LossCard(language, "digits", () => {
    remote.lose().catch(fail);
  });

  const files = new FilesView(words, host, {
    onSave: () => { save().catch(failAt(files.saveRow)); },
    onFiles: (chosen) => {
      take(chosen).catch((error: unknown) => notices.show("error", () => words.now.wrongFile(reasonOf(error)), rowOf(chosen)));
    },
    onShare: () => { void share(); },
  });

  const weightsIn = (chosen: readonly File[]) => chosen.find(({ name }) => name.endsWith(".safetensors"));
  /** Of the button that such files belong to, dropped ones too. */
  const rowOf = (chosen: readonly File[]) => (weightsIn(chosen) ? files.saveRow : files.dataRow);

  async function save(): Promise<void> {
    const bytes = await remote.save(), name = "deltaprop-digits.safetensors";
    if (!bytes) return notices.show("error", () => words.now.notFinite, files.saveRow);
    download(new Uint8Array(bytes), name);
    notices.show("done", () => words.now.saved(name), files.saveRow);
  }

  /** Weights, or digits in IDX files. */
  async function take(chosen: File[]): Promise<void> {
    const weightsFile = weightsIn(chosen);
    if (weightsFile) {
      settings.config = await remote.load(weightsFile, settings.engine.value);
      link.changed();
      if (transport.state !== "running") enter("ready");
      return notices.show("done", () => words.now.loaded(weightsFile.name), files.saveRow);
    }
    const info = await remote.openFiles(chosen, settings.config, settings.engine.value);
    opened(info);
    notices.show("done", () => {
      const [train, validation, test] = [info.train, info.validation, info.test].map((rows) => language.number(rows));
      return words.now.digitsLoaded(train, validation, test);
    }, files.dataRow);
  }

  async function share(): Promise<void> {
    const { url } = link;
    files.showLink(url);
    const done = await copied(url);
    notices.show("done", () => (done ? words.now.copied : words.now.linkShown), files.shareRow);
  }

  // Only the newest drawing is asked about, and one question is under way at a time.
  let asking = false, again = false;
  function ask(): void {
    again = true;
    if (asking || !pad.pixels || !data) return;
    [asking, again] = [true, false];
    const { pixels } = pad;
    // Between two networks nobody answers; the next one will be asked.
    void remote.predict(pixels).then(answered, () => {}).finally(() => {
      asking = false;
      if (again) ask();
    });
  }

  function answered(answer: Float32Array): void {
    if (!pad.pixels) return;
    pad.showAnswer(answer);
    announcer.metrics(spoken);
  }
  const spoken = () => `${transport.spoken()} ${pad.spoken()}`;

  const events: Events = {
    onModel(info) {
      const missing = settings.engine.take(info);
      if (missing) notices.show("hint", missing);
      model = info;
      race.engines = info.engines;
      loss.possible = transport.state === "running" && info.backend === "webgpu";
      transport.model = info;
      plan.textContent = info.plan;
      showLead();
    },
    onFresh() {
      curves.clear();
      transport.clear();
      loss.steps = 0;
      watch.changed();
      ask();
    },
    onProgress(progress) {
      transport.progress = progress;
      loss.steps = progress.steps;
      if (!progress.losses.every(Number.isFinite)) notices.show("error", () => words.now.diverged);
      curves.add(progress);
      watch.changed();
      ask();
      announcer.metrics(spoken);
    },
    onValidation(validation) {
      transport.validation = validation;
      curves.validated(validation);
    },
    onLost: (steps) => loss.lost(steps),
    onStopped(reason, lost) {
      enter("paused");
      notices.show("error", () => (lost ? words.now.gpuGone : words.now.stoppedBy(reason)));
    },
  };

  const lead = element("p", { class: "lead" }), plan = element("pre", { tabindex: 0 });
  const showLead = () => {
    if (!data || !model) return;
    const shape = [data.side ** 2, ...settings.config.layers, data.classes].join("–"), digits = language.number(data.train);
    lead.textContent = model.backend === "webgpu" ? words.now.lead(digits, shape) : words.now.leadCpu(digits, shape);
  };
  words.follow(lead, showLead);

  /** The first network. Where it is refused, another engine or other settings try again. */
  async function begin(): Promise<void> {
    try {
      opened(await remote.open(document.baseURI, settings.config, settings.engine.value, proxy(events)));
    } catch (error) {
      fail(error);
      enter("failed");
    }
  }

  function opened(info: DataInfo): void {
    data = info;
    pad.side = info.side;
    pad.setClasses(info.classes);
    if (transport.state !== "running") enter("ready");
    showLead();
    ask();
  }

  host.append(
    element("header", { class: "room-head" }, words.show(element("h1"), ({ title }) => title), lead),
    transport.host, element("div", { class: "cockpit" }, curves.host, pad.host, settings.host),
    element("div", { class: "findings" }, weights.host, confusion.host, confusion.mistakes), histograms.host,
    element("div", { class: "trials" }, race.host, loss.host), files.host,
    element("details", { class: "card" }, words.show(element("summary"), ({ inside }) => inside), plan));
  void begin();

  return {
    hide: () => { if (transport.state === "running") void pause(); },
    open: (given) => link.open(given, (wanted) => { settings.config = wanted; }, LIVE, takeLive, () => { void renew(); }),
    dispose() {
      worker.dispose();
      transport.dispose();
      curves.dispose();
      pad.dispose();
      watch.dispose();
      race.dispose();
      loss.dispose();
      for (const view of [weights, confusion, histograms, files, settings]) view.dispose();
      words.dispose();
      host.replaceChildren();
    },
  };
};
