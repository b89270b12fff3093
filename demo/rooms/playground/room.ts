// The playground: brings its parts together. The network lives in worker.ts.

import "./room.css";
import { copied } from "../../lib/clipboard.ts";
import { element, prefersLessMotion } from "../../lib/dom.ts";
import { place } from "../../lib/format.ts";
import { LossCard } from "../../lib/loss-card.ts";
import { isLostGpu, reasonOf } from "../../lib/notices.ts";
import { RaceCard } from "../../lib/race-card.ts";
import type { Mount } from "../../lib/room.ts";
import { RoomLink } from "../../lib/room-link.ts";
import { connect, proxy } from "../../lib/worker-client.ts";
import { Apart, type Example } from "./apart.ts";
import { DEFAULTS, FIELDS, MOST_POINTS, roundPoint, type PlaygroundConfig } from "./config.ts";
import { Curves } from "./curves.ts";
import { MAP_SIDE } from "./features.ts";
import { NetworkView } from "./network.ts";
import { Plane } from "./plane.ts";
import { drawPoints, splitPoints, type Split } from "./points.ts";
import { Settings } from "./settings.ts";
import { texts } from "./texts.ts";
import { Timeline } from "./timeline.ts";
import type { ModelInfo } from "../../lib/trainer.ts";
import type { Events, Look } from "./messages.ts";
import { PlaygroundTransport } from "./transport.ts";
import type { PlaygroundWorker } from "./worker.ts";

/** Time between two pictures while it learns. */
const LOOK_EVERY_MS = 90, LOOK_SELDOM_MS = 600;

/** What another configuration changes while the network learns on. */
const LIVE: readonly (keyof PlaygroundConfig)[] = ["rate", "batch", "pace"];

export const mount: Mount = (host, context) => {
  const { language, theme, notices, announcer } = context, words = language.words(texts);
  const failAt = (beside: HTMLElement | null) => (error: unknown) =>
    notices.show("error", () => (isLostGpu(error) ? words.now.gpuGone : words.now.failed(reasonOf(error))), beside);
  const fail = failAt(null);
  const worker = connect<PlaygroundWorker>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }), fail);
  const { remote } = worker;
  let model: ModelInfo | null = null, split: Split, example = 0, opened = false;

  const link: RoomLink<PlaygroundConfig> = new RoomLink(context, FIELDS, DEFAULTS,
    (field, got, rule) => notices.show("error", () => words.now.badLink(field, got, rule)), () => settings.config);
  const settings = new Settings(words, theme, link.read(context.link) ?? DEFAULTS, {
    onRate: live, onBatch: live, onPace: live, onPoints: other, onNetwork: other,
    onShowTest: (shown) => { plane.showTest = shown; },
    onUndo: undo,
    onClear() {
      settings.placed = [];
      other();
    },
  });
  link.shown();
  const timeline = new Timeline(words, show);
  const transport = new PlaygroundTransport(words, {
    onRun() {
      timeline.now();
      transport.state = "running";
      remote.run().catch(fail);
    },
    onPause: () => { void pause(); },
    onStep() {
      timeline.now();
      // Run may have been pressed meanwhile.
      remote.step().then(() => { if (transport.state !== "running") transport.state = "paused"; }, fail);
    },
    onReset: () => { void reset(); },
    onState: (state) => { loss.possible = state === "running" && model?.backend === "webgpu"; },
    onShare: () => {
      const { url } = link;
      void copied(url).then((done) => notices.show("done", () => (done ? words.now.copied : words.now.copyByHand(url)), transport.buttons));
    },
  }, [settings.pace, timeline.host]);
  const plane = new Plane(words, {
    onPoint: (x, y) => (settings.config.problem === "own" ? add(x, y) : choose(nearest(x, y))),
    onUndo: () => { if (settings.config.problem === "own") undo(); },
    onClass() {
      if (settings.config.problem !== "own") return;
      settings.label = settings.label === 1 ? 0 : 1;
      announcer.say(words.now.classNow(settings.label));
    },
    say: (text) => announcer.say(text),
  });
  const network = new NetworkView(words, {
    onFeatures(features) {
      settings.features = features;
      other();
    },
    onLayers(layers) {
      settings.layers = layers;
      other();
    },
    onPeek: (shown) => plane.peek(shown),
    onChosen: (chosen) => { apart.follow = chosen; },
  });
  const apart = new Apart(words, { onExample: choose, onTake: (index) => { void take(index); }, hardest, onFollow: (followed) => { network.follow = followed; } });
  const curves = new Curves(words, theme);
  const race = new RaceCard(language, "playground", async (onLap) => {
    const running = transport.state === "running";
    if (running) await pause();
    return remote.race(proxy(onLap)).catch((error: unknown) => {
      fail(error);
      return null;
    });
  });

  const loss = new LossCard(language, "playground", () => {
    remote.lose().catch(fail);
  });

  /** The visitor changed what the network learns on with. */
  function live(): void {
    link.changed();
    takeLive();
  }

  function takeLive(): void {
    const { rate, batch, pace } = settings.config;
    remote.change({ rate, batch, pace }).catch(fail);
  }

  /** The visitor changed what takes another network. */
  function other(): void {
    link.changed();
    void renew();
  }

  async function pause(): Promise<void> {
    await remote.pause().catch(fail);
    transport.state = "paused";
  }

  /** Step 0 is shown, and waits. */
  async function reset(): Promise<void> {
    if (transport.state === "running") await pause();
    await renew();
  }

  /** The network as it is, or as it was: looking back pauses the training. */
  function show(look: Look, back: boolean): void {
    if (back && transport.state === "running") void pause();
    transport.look = look;
    network.look = look;
    plane.show(look.map, MAP_SIDE, language.percent(look.test.accuracy));
    curves.mark = back ? look.steps : null;
  }

  function pointsNow(): Split | null {
    const { problem, noise, share, seed, points: own } = settings.config;
    if (problem !== "own") return splitPoints(drawPoints(problem, noise, seed), share, seed);
    const enough = [0, 1].every((label) => own.filter((point) => point.label === label).length >= 2);
    const points = { xy: Float32Array.from(own.flatMap(({ x, y }) => [x, y])), classes: Uint8Array.from(own, ({ label }) => label) };
    if (enough) return splitPoints(points, share, seed);
    plane.split = { train: points, test: { xy: new Float32Array(0), classes: new Uint8Array(0) } };
    return null;
  }

  /** New points and a new network as the settings say; it runs on if the old one ran. */
  let turn: Promise<void> = Promise.resolve(), asked = false;
  function renew(): Promise<void> {
    // One that has not begun yet will find the newest settings.
    if (asked) return turn;
    asked = true;
    turn = turn.then(async () => {
      asked = false;
      const next = pointsNow(), { config } = settings;
      words.show(hint, (now) => (!next ? now.needPoints : config.problem === "own" ? "" : now.pickHint));
      if (!next) {
        if (transport.state === "running") await pause();
        transport.state = "empty";
        apart.count = 0;
        return;
      }
      split = next;
      plane.split = split;
      network.build(config);
      apart.clear();
      apart.count = split.train.classes.length;
      // First one near the border between the classes, where there is something to learn.
      choose(opened ? Math.min(example, split.train.classes.length - 1) : nearest(0, 0), false);
      if (opened) await remote.configure(config, split, settings.engine.value);
      else await remote.open(config, split, settings.engine.value, prefersLessMotion() ? LOOK_SELDOM_MS : LOOK_EVERY_MS, proxy(events));
      opened = true;
      if (transport.state !== "running") transport.state = "ready";
    }).catch((error: unknown) => {
      fail(error);
      if (!opened) transport.state = "failed";
    });
    return turn;
  }

  function add(x: number, y: number): void {
    if (settings.placed.length >= MOST_POINTS) return notices.show("error", () => words.now.mostPoints(String(MOST_POINTS)), settings.own);
    const point = roundPoint({ x, y, label: settings.label });
    settings.placed = [...settings.placed, point];
    announcer.say(words.now.placed(point.label, place(point.x), place(point.y)));
    other();
  }

  function undo(): void {
    settings.placed = settings.placed.slice(0, -1);
    other();
  }

  function exampleAt(index: number): Example {
    const { xy, classes } = split.train;
    return { index, x: xy[2 * index], y: xy[2 * index + 1], label: classes[index] };
  }

  function choose(index: number, spoken = true): void {
    example = index;
    plane.example = index;
    apart.example = index;
    if (!spoken) return;
    const { x, y, label } = exampleAt(index);
    announcer.say(words.now.chosen(index + 1, place(x), place(y), label));
    if (apart.isShown) void take(index);
  }

  function hardest(): number {
    const errors = [...split.train.classes.keys()].map((i) => Math.abs(plane.answerAt(exampleAt(i)) - exampleAt(i).label));
    return errors.indexOf(Math.max(...errors));
  }

  /** The training point closest to a place. */
  function nearest(x: number, y: number): number {
    const { xy, classes } = split.train, distance = (i: number) => (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;
    return [...classes.keys()].reduce((found, i) => (distance(i) < distance(found) ? i : found), 0);
  }

  async function take(index: number): Promise<void> {
    // It is the network of now that is taken apart.
    timeline.now();
    try {
      const step = await remote.inspect(index);
      apart.show(step, exampleAt(index));
    } catch (error) {
      fail(error);
    }
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
      words.follow(lead, showLead);
    },
    onFresh() {},
    onLook(look) {
      curves.add(look);
      timeline.add(look);
      loss.steps = look.steps;
      if (look.steps > 0) announcer.metrics(() => transport.spoken());
    },
    onLost: (step) => loss.lost(step),
    onStopped(reason, lost) {
      transport.state = "paused";
      notices.show("error", () => (lost ? words.now.gpuGone : words.now.stoppedBy(reason)));
    },
  };

  const lead = element("p", { class: "lead" }), plan = element("pre", { tabindex: 0 }), hint = element("p", { class: "hint" });
  const showLead = () => { lead.textContent = model && model.backend !== "webgpu" ? words.now.leadCpu : words.now.lead; };
  words.follow(lead, showLead);
  plane.host.querySelector(".plane")!.before(settings.own);
  plane.host.append(hint);
  const endTheme = theme.onChange(() => {
    plane.draw();
    network.redraw();
  });
  host.append(
    element("header", { class: "room-head" }, words.show(element("h1"), ({ title }) => title), lead),
    transport.host,
    element("div", { class: "stage" }, settings.points, network.host, plane.host),
    element("div", { class: "under" }, curves.host, settings.network),
    apart.host, element("div", { class: "trials" }, race.host, loss.host),
    element("details", { class: "card" }, words.show(element("summary"), ({ inside }) => inside), plan));
  void renew();

  return {
    hide: () => { if (transport.state === "running") void pause(); },
    open: (given) => link.open(given, (wanted) => { settings.config = wanted; }, LIVE, takeLive, () => { void renew(); }),
    dispose() {
      worker.dispose();
      transport.dispose();
      curves.dispose();
      network.dispose();
      plane.dispose();
      race.dispose();
      settings.dispose();
      loss.dispose();
      endTheme();
      words.dispose();
      host.replaceChildren();
    },
  };
};
