// The playground: brings its parts together. The network lives in worker.ts.

import "./room.css";
import { element, prefersLessMotion } from "../../lib/dom.ts";
import { place } from "../../lib/format.ts";
import { Newest } from "../../lib/newest.ts";
import type { Mount, RoomContext } from "../../lib/room.ts";
import { TrainingRoom } from "../../lib/training-room.ts";
import { proxy } from "../../lib/worker-client.ts";
import { Apart } from "./apart.ts";
import { DEFAULTS, FIELDS, MOST_POINTS, roundPoint, type PlaygroundConfig } from "./config.ts";
import { Curves } from "./curves.ts";
import { MAP_SIDE } from "./features.ts";
import type { Events, Look } from "./messages.ts";
import { NetworkView } from "./network.ts";
import { Plane } from "./plane.ts";
import { drawPoints, exampleAt, hardestOf, nearestTo, ownPoints, splitPoints, type Split } from "./points.ts";
import { Settings } from "./settings.ts";
import { texts, type PlaygroundWords } from "./texts.ts";
import { Timeline } from "./timeline.ts";
import { PlaygroundTransport } from "./transport.ts";
import type { PlaygroundWorker } from "./worker.ts";

/** Time between two pictures while it learns. */
const LOOK_EVERY_MS = 90,
  LOOK_SELDOM_MS = 600;

class PlaygroundRoom extends TrainingRoom<PlaygroundWords, PlaygroundConfig> {
  protected readonly remote = this.connect<PlaygroundWorker>(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
  protected readonly settings = this.keep(
    new Settings(this.words, this.context.theme, this.first, {
      onRate: this.onLive,
      onBatch: this.onLive,
      onPace: this.onLive,
      onPoints: this.onOther,
      onNetwork: this.onOther,
      onShowTest: (shown) => {
        this.#plane.showTest = shown;
      },
      onUndo: () => this.#place(this.settings.placed.slice(0, -1)),
      onClear: () => this.#place([]),
    }),
  );
  readonly #timeline = new Timeline(this.words, (look, back) => this.#show(look, back));
  protected readonly transport = this.keep(
    new PlaygroundTransport(
      this.words,
      {
        ...this.runEvents,
        onShare: () => {
          void this.share();
        },
      },
      [this.settings.pace, this.#timeline.host],
    ),
  );
  readonly #plane = this.keep(
    new Plane(this.words, {
      onPoint: (x, y) => (this.#isOwn ? this.#add(x, y) : this.#choose(nearestTo(this.#split.train, x, y))),
      onUndo: () => {
        if (this.#isOwn) this.#place(this.settings.placed.slice(0, -1));
      },
      onClass: () => {
        if (this.#isOwn) this.#changeClass();
      },
      say: (text) => this.context.announcer.say(text),
    }),
  );
  readonly #network = this.keep(
    new NetworkView(this.words, {
      onFeatures: (features) => {
        this.settings.features = features;
        this.onOther();
      },
      onLayers: (layers) => {
        this.settings.layers = layers;
        this.onOther();
      },
      onPeek: (shown) => this.#plane.peek(shown),
      onChosen: (chosen) => {
        this.#apart.follow = chosen;
      },
    }),
  );
  readonly #apart = new Apart(this.words, {
    onExample: (index) => this.#choose(index),
    onTake: (index) => {
      void this.#take(index);
    },
    hardest: () => hardestOf(this.#split.train, (example) => this.#plane.answerAt(example)),
    onFollow: (followed) => {
      this.#network.follow = followed;
    },
  });
  readonly #curves = this.keep(new Curves(this.words, this.context.theme));
  readonly #hint = element("p", { class: "hint" });
  readonly #events: Events = { ...this.trainerEvents, onLook: (look) => this.#onLook(look) };
  readonly #networks = new Newest(() => this.#begin());
  #split!: Split;
  /** The example that is taken apart. */
  #example = 0;
  #opened = false;

  constructor(host: HTMLElement, context: RoomContext) {
    super("playground", host, context, texts, FIELDS, DEFAULTS, ["rate", "batch", "pace"]);
    this.#plane.host.querySelector(".plane")!.before(this.settings.own);
    this.#plane.host.append(this.#hint);
    const endTheme = context.theme.onChange(() => {
      this.#plane.draw();
      this.#network.redraw();
    });
    this.keep({ dispose: endTheme });
    this.layOut(
      element("div", { class: "stage" }, this.settings.points, this.#network.host, this.#plane.host),
      element("div", { class: "under" }, this.#curves.host, this.settings.network),
      this.#apart.host,
      this.trials,
    );
    void this.renew();
  }

  protected get config(): PlaygroundConfig {
    return this.settings.config;
  }

  protected set config(config: PlaygroundConfig) {
    this.settings.config = config;
  }

  protected leadText(): string {
    return this.info && this.info.backend !== "webgpu" ? this.words.now.leadCpu : this.words.now.lead;
  }

  protected takeLive(): void {
    const { rate, batch, pace } = this.config;
    this.remote.change({ rate, batch, pace }).catch(this.fail);
  }

  /** New points and a new network. */
  protected renew(): Promise<void> {
    return this.#networks.ask();
  }

  protected override run(): void {
    this.#timeline.now();
    super.run();
  }

  protected override step(): void {
    this.#timeline.now();
    super.step();
  }

  async #begin(): Promise<void> {
    try {
      const next = this.#pointsNow(),
        own = this.#isOwn;
      this.words.show(this.#hint, (now) => (!next ? now.needPoints : own ? "" : now.pickHint));
      if (!next) return await this.#beEmpty();
      this.#showPoints(next);
      await this.#open(next);
      if (!this.running) this.transport.state = "ready";
    } catch (error) {
      this.fail(error);
      if (!this.#opened) this.transport.state = "failed";
    }
  }

  /** What to learn and to test with; null if there are too few points of one's own, which are shown. */
  #pointsNow(): Split | null {
    const { problem, noise, share, seed, points } = this.config;
    if (problem !== "own") return splitPoints(drawPoints(problem, noise, seed), share, seed);
    const own = ownPoints(points);
    if ([0, 1].every((label) => points.filter((point) => point.label === label).length >= 2)) return splitPoints(own, share, seed);
    this.#plane.split = { train: own, test: ownPoints([]) };
    return null;
  }

  async #beEmpty(): Promise<void> {
    if (this.running) await this.pause();
    this.transport.state = "empty";
    this.#apart.count = 0;
  }

  #showPoints(split: Split): void {
    const { classes } = split.train;
    this.#split = this.#plane.split = split;
    this.#network.build(this.config);
    this.#apart.clear();
    this.#apart.count = classes.length;
    // First one near the border between the classes, where there is something to learn.
    this.#mark(this.#opened ? Math.min(this.#example, classes.length - 1) : nearestTo(split.train, 0, 0));
  }

  async #open(split: Split): Promise<void> {
    const {
      config,
      settings: { engine },
      remote,
    } = this;
    if (this.#opened) await remote.configure(config, split, engine.value);
    else await remote.open(config, split, engine.value, prefersLessMotion() ? LOOK_SELDOM_MS : LOOK_EVERY_MS, proxy(this.#events));
    this.#opened = true;
  }

  #onLook(look: Look): void {
    this.#curves.add(look);
    this.#timeline.add(look);
    this.loss.steps = look.steps;
    if (look.steps > 0) this.context.announcer.metrics(() => this.transport.spoken());
  }

  /** The network as it is, or as it was: looking back pauses the training. */
  #show(look: Look, back: boolean): void {
    if (back && this.running) void this.pause();
    this.transport.look = look;
    this.#network.look = look;
    this.#plane.show(look.map, MAP_SIDE, this.context.language.percent(look.test.accuracy));
    this.#curves.mark = back ? look.steps : null;
  }

  get #isOwn(): boolean {
    return this.config.problem === "own";
  }

  #add(x: number, y: number): void {
    const {
      settings,
      words,
      context: { notices, announcer },
    } = this;
    if (settings.placed.length >= MOST_POINTS) return notices.show("error", () => words.now.mostPoints(String(MOST_POINTS)), settings.own);
    const point = roundPoint({ x, y, label: settings.label });
    announcer.say(words.now.placed(point.label, place(point.x), place(point.y)));
    this.#place([...settings.placed, point]);
  }

  /** Other points of one's own. */
  #place(points: PlaygroundConfig["points"]): void {
    this.settings.placed = points;
    this.onOther();
  }

  /** The other class is placed from now on. */
  #changeClass(): void {
    this.settings.label = this.settings.label === 1 ? 0 : 1;
    this.context.announcer.say(this.words.now.classNow(this.settings.label));
  }

  #mark(index: number): void {
    this.#example = this.#plane.example = this.#apart.example = index;
  }

  /** The visitor chose an example. */
  #choose(index: number): void {
    this.#mark(index);
    const { x, y, label } = exampleAt(this.#split.train, index);
    this.context.announcer.say(this.words.now.chosen(index + 1, place(x), place(y), label));
    if (this.#apart.isShown) void this.#take(index);
  }

  async #take(index: number): Promise<void> {
    // It is the network of now that is taken apart.
    this.#timeline.now();
    try {
      const step = await this.remote.inspect(index);
      this.#apart.show(step, exampleAt(this.#split.train, index));
    } catch (error) {
      this.fail(error);
    }
  }
}

export const mount: Mount = (host, context) => new PlaygroundRoom(host, context);
