// The worker's side of trainInWorker(): does one fit() as it is told, and gives back what it leaves.

import type { Network } from "../../model/network.ts";
import { rebuildSchedule } from "../../model/rebuild-schedule.ts";
import { Compiled } from "../compiled/compiled.ts";
import { DatasetHandle } from "../data/dataset.ts";
import { loadExtras, loadKnown } from "../compiled/extras.ts";
import type { CheckpointStore } from "../../storage/checkpoint-store.ts";
import { readOn, type KeptCallbacks, type NamedState, type ReadWeights, type Steady } from "../call/callback-list.ts";
import type { Callbacks } from "../call/fit-options.ts";
import type { Snapshot } from "../recovery/journal.ts";
import { Gate } from "../call/lifecycle.ts";
import { openBackend, reopenBackend } from "../engines/open-backend.ts";
import { scoped } from "../call/scope.ts";
import { train } from "../training.ts";
import { receiveError, sendError, type End, type WorkerJob, type ToPage, type ToWorker } from "./protocol.ts";

/** The worker's own end of the line. */
export interface Port {
  addEventListener(type: "message", listen: (event: { readonly data: ToWorker }) => void): void;
  postMessage(message: ToPage, transfer?: readonly Transferable[]): void;
}

type WorkerCall = Extract<ToWorker, { readonly id: number }>;

/** A callback of the page threw: the page knows what. */
class CallbackThrew extends Error {}

/** Calls the page's functions. */
class Page implements KeptCallbacks {
  readonly #waiting = new Map<number, (answer: WorkerCall) => void>();
  #calls = 0;
  /** As the last callback left them. */
  #states: readonly NamedState[] = [];
  #network: Network | null = null;
  #read: ReadWeights = () => Promise.reject(new Error("no fit() is under way"));

  constructor(readonly port: Port) {}

  say(message: ToPage, transfer?: readonly Transferable[]): void {
    this.port.postMessage(message, transfer);
  }

  follow(steady: Steady): void {
    this.#read = readOn(steady, this.#network!);
  }

  states(): readonly NamedState[] {
    return this.#states;
  }

  async adopt(states: readonly NamedState[] | null): Promise<void> {
    this.#hear(await this.#ask((id) => ({ type: "adopt", id, states })));
  }

  /** Answers the page's question for the weights. */
  async tellWeights(question: number): Promise<void> {
    try {
      const weights = await this.#read();
      this.say({ type: "weights", question, weights, error: null }, [...new Set([...weights.values()].map(({ buffer }) => buffer))]);
    } catch (error) {
      this.say({ type: "weights", question, weights: null, error: sendError(error) });
    }
  }

  /** What fit() is to call: it waits for each, so that what one sets of the model has arrived when training goes on. */
  callbacks({ callbacks: names, states, network }: WorkerJob, told: () => number): Callbacks {
    this.#network = network;
    this.#states = states ?? [];
    return Object.fromEntries(names.map((name) => [name, (...given: unknown[]) => this.#call(name, given, told())]));
  }

  /** A store that the page has. */
  store(of: "checkpoint" | "resumeFrom"): CheckpointStore {
    const use = async (...given: [string, Uint8Array<ArrayBuffer>?]): Promise<Uint8Array | null> => {
      const answer = await this.#ask((id) => ({ type: "store", id, of, arguments: given }));
      if (answer.type === "stored" && answer.error) throw receiveError(answer.error);
      return answer.type === "stored" ? answer.bytes : null;
    };
    return {
      read: (name) => use(name),
      write: async (name, bytes) => {
        await use(name, bytes);
      },
    };
  }

  answer(answer: WorkerCall): void {
    this.#waiting.get(answer.id)?.(answer);
    this.#waiting.delete(answer.id);
  }

  #ask(question: (id: number) => ToPage): Promise<WorkerCall> {
    const id = this.#calls++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.say(question(id));
    });
  }

  async #call(name: keyof Callbacks, given: readonly unknown[], told: number): Promise<void> {
    this.#hear(await this.#ask((id) => ({ type: "call", id, name, arguments: given, told })));
  }

  #hear(answer: WorkerCall): void {
    if (answer.type !== "answer") return;
    if (answer.states) this.#states = answer.states;
    if (answer.threw) throw new CallbackThrew("a callback threw");
  }
}

/** The model of the page, with its weights and as far as it has come. */
async function open({
  network,
  recipe: declared,
  assignedRate,
  backend: kind,
  precision,
  debug,
  autotune,
  start,
  checked,
}: WorkerJob): Promise<Compiled> {
  const { optimizer } = declared;
  const recipe = { ...declared, optimizer: { ...optimizer, learningRate: rebuildSchedule(optimizer.learningRate) } };
  const options = { ...recipe, backend: kind, precision, debug };
  const [backend, known] = await Promise.all([openBackend(options, network, recipe, autotune), loadKnown(network, recipe)]);
  const reopen = () => reopenBackend(backend.kind, options);
  const compiled = new Compiled(
    network,
    recipe,
    { backend, reopen, state: start.state },
    await loadExtras(network, backend, known),
    checked.batchSize,
    autotune,
  );
  compiled.restoreLearningRate(assignedRate && rebuildSchedule(assignedRate));
  await compiled.session.adopt(start);
  return compiled;
}

/** What the model is, whatever has happened; the last good state where the GPU is lost for good. */
async function whatIsLeft({ session, progress }: Compiled): Promise<Snapshot> {
  await session.settled();
  if (session.snapshot.progress.steps !== progress.steps) await session.takeSnapshot().catch(() => null);
  const { snapshot } = session;
  return { state: snapshot.state, progress: snapshot.progress.steps === progress.steps ? { ...progress } : snapshot.progress };
}

/** One fit() under way, and how it can be steered. */
class Run {
  readonly #gate = new Gate();
  readonly #stop = { aborted: false };
  #compiled: Compiled | null = null;
  /** What was set before there was a model here. */
  #early: Extract<ToWorker, { type: "steer" }> | null = null;

  constructor(readonly page: Page) {}

  async pause(): Promise<void> {
    await this.#gate.close();
    this.page.say({ type: "standing" });
  }

  resume(): void {
    this.#gate.open();
  }

  stop(): void {
    this.#stop.aborted = true;
    this.#gate.open();
  }

  steer({ assignedRate, stopped }: Extract<ToWorker, { type: "steer" }>): void {
    const compiled = this.#compiled;
    this.#early = compiled ? null : { type: "steer", assignedRate, stopped };
    if (!compiled) return;
    if (assignedRate) compiled.setLearningRate(rebuildSchedule(assignedRate));
    compiled.steering.stop(stopped);
  }

  resetStates(): void {
    this.#compiled?.resetStates();
  }

  async run(job: WorkerJob): Promise<void> {
    const handle = job.handle && new DatasetHandle([], undefined, {}),
      data = { dataset: job.data, handle };
    let end: Pick<End, "history" | "error">;
    try {
      const history = await this.#gate.guard(undefined, async () => {
        const compiled = (this.#compiled = await open(job)),
          { checked } = job;
        if (this.#early?.stopped) this.#stop.aborted = true;
        if (this.#early) this.steer(this.#early);
        return compiled.session.hold(() =>
          scoped((keep) => {
            if (job.handle) compiled.deviceDatasets.open(keep, data).position = job.handle.position;
            return train(compiled, keep, {
              recipe: compiled.recipe,
              data,
              validation: job.validation && { dataset: job.validation, handle: null },
              checked,
              gate: this.#gate,
              signal: this.#stop,
              callbacks: this.page,
              options: {
                ...job.options,
                callbacks: this.page.callbacks(job, () => compiled.steering.told ?? compiled.progress.steps),
                checkpoint: job.checkpoint ? { store: this.page.store("checkpoint"), every: job.checkpoint.every } : undefined,
                resumeFrom: job.resumes ? this.page.store("resumeFrom") : undefined,
              },
            });
          }),
        );
      });
      end = { history, error: null };
    } catch (error) {
      end = { history: null, error: error instanceof CallbackThrew ? null : sendError(error) };
    }
    const left = this.#compiled && (await whatIsLeft(this.#compiled));
    const position = handle && this.#compiled?.deviceDatasets.open((held) => held, data).position;
    this.page.say({ type: "end", end: { ...end, left, position: position ?? null, assignedRate: this.#compiled?.assignedRate ?? null } }, [
      ...new Set([...(left?.state.values() ?? [])].map(({ buffer }) => buffer)),
    ]);
  }
}

/** Does the one fit() that the page asks for. */
export function serve(port: Port): void {
  const page = new Page(port),
    run = new Run(page);
  port.addEventListener("message", ({ data: message }) => {
    if (message.type === "train") void run.run(message.job);
    else if ("id" in message) page.answer(message);
    else if (message.type === "read") void page.tellWeights(message.question);
    else if (message.type === "steer") run.steer(message);
    else void run[message.type]();
  });
  page.say({ type: "ready" });
}
