// What rooms that train a network have in common on the page: the buttons of the run, messages, the address, the two trials, and what their
// workers tell. Each room adds its cards, and says what makes a new network.

import { copied } from "./clipboard.ts";
import { element } from "./dom.ts";
import type { EngineControl } from "./engine-control.ts";
import type { Texts, Words } from "./i18n.ts";
import { LossCard } from "./loss-card.ts";
import { isLostGpu, reasonOf } from "./notices.ts";
import { RaceCard } from "./race-card.ts";
import type { Room, RoomContext } from "./room.ts";
import { RoomLink } from "./room-link.ts";
import type { Fields } from "./share.ts";
import type { ModelInfo, TrainerCalls, TrainerEvents } from "./trainer.ts";
import type { State, TransportEvents } from "./transport.ts";
import { connect, proxy, type Remote } from "./worker-client.ts";

/** What a room's dictionary must hold. */
export interface RoomWords {
  readonly title: string;
  readonly inside: string;
  readonly failed: (reason: string) => string;
  readonly gpuGone: string;
  readonly stoppedBy: (reason: string) => string;
  readonly badLink: (field: string, got: string, rule: string) => string;
  readonly copied: string;
  /** Where the transport has a button for the link. */
  readonly copyByHand?: (url: string) => string;
}

interface Disposable {
  dispose(): void;
}

/** The transport of a room, as far as this needs it. */
interface RunTransport extends Disposable {
  readonly host: HTMLElement;
  readonly buttons: HTMLElement;
  state: State;
  model: ModelInfo;
}

export abstract class TrainingRoom<Now extends RoomWords, C extends object> implements Room {
  protected readonly words: Words<Now>;
  protected readonly link: RoomLink<C>;
  /** The configuration that it begins with. */
  protected readonly first: C;
  protected readonly lead = element("p", { class: "lead" });
  protected readonly race: RaceCard;
  protected readonly loss: LossCard;
  protected info: ModelInfo | null = null;
  readonly #plan = element("pre", { tabindex: 0 });
  readonly #parts: Disposable[] = [];

  protected abstract readonly remote: Remote<TrainerCalls>;
  protected abstract readonly transport: RunTransport;
  protected abstract readonly settings: { readonly engine: EngineControl };
  /** As the controls have it; setting it tells nobody. */
  protected abstract get config(): C;
  protected abstract set config(config: C);
  protected abstract leadText(): string;
  /** A new network as the settings say; it runs on if the old one ran. */
  protected abstract renew(): Promise<void>;
  /** The worker takes on what changes while the network learns. */
  protected abstract takeLive(): void;

  /**
   * @param name begins the ids of buttons and figures
   * @param live fields that change while the network learns on
   */
  constructor(
    name: string,
    protected readonly host: HTMLElement,
    protected readonly context: RoomContext,
    texts: Texts<Now>,
    fields: Fields<C>,
    defaults: C,
    readonly live: readonly (keyof C)[],
  ) {
    const { language, notices } = context;
    this.words = this.keep(language.words(texts));
    this.link = new RoomLink(
      context,
      fields,
      defaults,
      (field, got, rule) => notices.show("error", () => this.words.now.badLink(field, got, rule)),
      () => this.config,
    );
    this.first = this.link.read(context.link) ?? defaults;
    this.race = this.keep(
      new RaceCard(language, name, async (onLap) => {
        await this.beforeRace();
        return this.remote.race(proxy(onLap)).catch((error: unknown) => {
          this.fail(error);
          return null;
        });
      }),
    );
    this.loss = this.keep(
      new LossCard(language, name, () => {
        this.remote.lose().catch(this.fail);
      }),
    );
  }

  /** For the transport. */
  protected readonly runEvents = {
    onRun: () => this.run(),
    onPause: () => {
      void this.pause();
    },
    onStep: () => this.step(),
    onReset: () => {
      void this.reset();
    },
    onState: (state) => this.onState(state),
  } satisfies TransportEvents;

  /** What every worker tells. */
  protected readonly trainerEvents: TrainerEvents = {
    onModel: (info) => this.#onModel(info),
    onFresh: () => {
      this.loss.steps = 0;
    },
    onLost: (step) => this.loss.lost(step),
    onStopped: (reason, lost) => {
      const { words } = this;
      this.transport.state = "paused";
      this.context.notices.show("error", () => (lost ? words.now.gpuGone : words.now.stoppedBy(reason)));
    },
  };

  /** The visitor changed what the network learns on with. */
  protected readonly onLive = (): void => {
    this.link.changed();
    this.takeLive();
  };

  /** The visitor changed what takes another network. */
  protected readonly onOther = (): void => {
    this.link.changed();
    void this.renew();
  };

  /** Something went wrong: the message stands beside what was asked. */
  protected failAt(beside: HTMLElement | null): (error: unknown) => void {
    const now = () => this.words.now;
    return (error) => this.context.notices.show("error", () => (isLostGpu(error) ? now().gpuGone : now().failed(reasonOf(error))), beside);
  }

  protected readonly fail = this.failAt(null);

  /** @param worker whose api holds trainerCalls() */
  protected connect<W>(worker: Worker): Remote<W> {
    const client = this.keep(connect<W>(worker, this.fail));
    return client.remote;
  }

  /** What goes with the room. */
  protected keep<D extends Disposable>(part: D): D {
    this.#parts.push(part);
    return part;
  }

  /** The cards between the head of the room and its plan; the address says what they show. */
  protected layOut(...cards: readonly HTMLElement[]): void {
    const { words } = this;
    words.follow(this.lead, () => this.showLead());
    this.host.append(
      element(
        "header",
        { class: "room-head" },
        words.show(element("h1"), (now) => now.title),
        this.lead,
      ),
      this.transport.host,
      ...cards,
      element(
        "details",
        { class: "card" },
        words.show(element("summary"), (now) => now.inside),
        this.#plan,
      ),
    );
    this.link.shown();
  }

  protected get trials(): HTMLElement {
    return element("div", { class: "trials" }, this.race.host, this.loss.host);
  }

  protected showLead(): void {
    this.lead.textContent = this.leadText();
  }

  protected get running(): boolean {
    return this.transport.state === "running";
  }

  protected run(): void {
    this.transport.state = "running";
    this.remote.run().catch(this.fail);
  }

  protected step(): void {
    // Run may have been pressed meanwhile.
    this.remote.step().then(() => {
      if (!this.running) this.transport.state = "paused";
    }, this.fail);
  }

  protected async pause(): Promise<void> {
    await this.remote.pause().catch(this.fail);
    this.transport.state = "paused";
  }

  /** Step 0 is shown, and waits. */
  protected async reset(): Promise<void> {
    if (this.running) await this.pause();
    await this.renew();
  }

  protected onState(state: State): void {
    this.loss.possible = state === "running" && this.info?.backend === "webgpu";
  }

  protected async beforeRace(): Promise<void> {
    if (this.running) await this.pause();
  }

  protected async share(): Promise<void> {
    const { url } = this.link,
      { words } = this,
      done = await copied(url);
    this.context.notices.show("done", () => (done ? words.now.copied : (words.now.copyByHand?.(url) ?? "")), this.transport.buttons);
  }

  hide(): void {
    if (this.running) void this.pause();
  }

  open(link: string): void {
    this.link.open(
      link,
      (wanted) => {
        this.config = wanted;
      },
      this.live,
      () => this.takeLive(),
      () => {
        void this.renew();
      },
    );
  }

  dispose(): void {
    for (const part of this.#parts) part.dispose();
    this.host.replaceChildren();
  }

  #onModel(info: ModelInfo): void {
    const missing = this.settings.engine.take(info);
    if (missing) this.context.notices.show("hint", missing);
    this.info = this.transport.model = info;
    this.race.engines = info.engines;
    this.onState(this.transport.state);
    this.#plan.textContent = info.plan;
    this.showLead();
  }
}
