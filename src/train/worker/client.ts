// The page's side of trainInWorker(): starts the worker, gives it the model, calls the user's functions, and takes the model back.
// Loaded when it is first asked for.

import { DeviceLostError, InputError, UnsupportedError } from "../../errors.ts";
import { rebuildSchedule } from "../../model/rebuild-schedule.ts";
import { dataArrays, type Backend, type Floats } from "../backend/backend.ts";
import type { Compiled } from "../compiled/compiled.ts";
import type { DataArray, Dataset } from "../data/data.ts";
import { mapArrays } from "../data/map-arrays.ts";
import type { History } from "../loop/history.ts";
import type { Callbacks } from "../call/fit-options.ts";
import type { Failure } from "../call/lifecycle.ts";
import { fetchRecovery } from "../recovery/fetch-recovery.ts";
import type { Position } from "../loop/passes.ts";
import type { Keep } from "../call/scope.ts";
import { beginTraining, type Training } from "../training.ts";
import type { WebGpuBackend } from "../engines/webgpu-backend.ts";
import { receiveError, sendError, type End, type WorkerJob, type ToPage, type ToWorker } from "./protocol.ts";

const ADVICE =
  "Pass trainInWorker() the option worker: () => new Worker(…) with the script that the package calls deltaprop/worker, or " +
  "train with model.fit().";

/** Starts the script that lies beside this one. Written out so that bundlers see it. */
const startOwn = (): Worker => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });

/** @throws UnsupportedError where there are no workers, or this one may not be had */
function startWorker(start: (() => Worker) | undefined): Worker {
  if (!start && typeof Worker === "undefined") {
    throw new UnsupportedError(
      "trainInWorker(): this host has no Web Workers; Node's worker threads are none, and have no WebGPU. " +
        "Train with model.fit(), which leaves the thread free while the GPU works.",
    );
  }
  try {
    return (start ?? startOwn)();
  } catch (error) {
    throw new UnsupportedError(`trainInWorker(): the host starts no worker (${String(error)}). ${ADVICE}`, { cause: error });
  }
}

/** @throws InputError where the device is the user's own */
function refuseOwnDevice(backend: Backend): void {
  if (backend.kind !== "webgpu" || (backend as WebGpuBackend).context.owned) return;
  throw new InputError(
    "trainInWorker(): compile() was given a device, which cannot go to another thread: a worker has devices of its " +
      "own. Leave device out of compile(), or train with model.fit().",
  );
}

/** Copies, of their own memory alone: those of the user stay where they are. */
const copyOf = (dataset: Dataset): Dataset => mapArrays(dataset, dataset.rows, <A extends DataArray>(array: A) => array.slice() as A);

const buffersOf = (dataset: Dataset | null): ArrayBuffer[] => (dataset ? dataArrays(dataset).map(([, { buffer }]) => buffer) : []);

function jobOf(
  compiled: Compiled,
  { data, validation, options, checked, callbacks: kept }: Training,
  position: Position | null,
): WorkerJob {
  const { network, declared: recipe, assignedRate, backend, autotune, session, progress } = compiled,
    { shuffle, initialEpoch, checkpoint, resumeFrom, callbacks = {} } = options;
  return {
    network,
    recipe,
    assignedRate,
    backend: backend.kind,
    precision: backend.precision,
    debug: backend.debug,
    autotune,
    checked,
    options: { shuffle, initialEpoch },
    start: { state: session.snapshot.state, progress: { ...progress } },
    data: copyOf(data.dataset),
    handle: data.handle && { position },
    validation: validation && copyOf(validation.dataset),
    checkpoint: checkpoint ? { every: checkpoint.every } : null,
    resumes: resumeFrom !== undefined,
    callbacks: (Object.keys(callbacks) as (keyof Callbacks)[]).filter((name) => callbacks[name] != null),
    states: checkpoint && kept ? kept.states() : null,
  };
}

/** A fit() that goes on in the worker, as the page sees it. */
class Conversation {
  /** What a callback threw. */
  failure: Failure | null = null;
  #ready = false;
  #stand: () => void = () => {};
  readonly #asked = new Map<number, (answer: Extract<ToPage, { type: "weights" }>) => void>();
  #questions = 0;

  constructor(
    readonly worker: Worker,
    readonly compiled: Compiled,
    readonly given: Training,
  ) {}

  /** @returns null if the model was disposed meanwhile. @throws UnsupportedError if the script cannot be loaded */
  async hold(job: WorkerJob): Promise<End | null> {
    const {
      worker,
      compiled,
      given: { gate, callbacks },
    } = this;
    if (callbacks) callbacks.read = () => this.#read();
    try {
      return await new Promise((resolve, reject) => {
        worker.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
          // What is sent before the script listens may be lost.
          if (data.type !== "ready") return this.#hear(data, resolve);
          this.#begin(job);
          this.#steer(resolve);
        });
        worker.addEventListener("error", (event) => {
          event.preventDefault();
          reject(this.#deathOf(event.message));
        });
        worker.addEventListener("messageerror", () => reject(this.#deathOf("a message could not be read")));
        gate.onChange = () => this.#steer(resolve);
        compiled.onReset = () => this.#say({ type: "resetStates" });
        compiled.steering.onChange = () => this.#sendChange();
        this.#steer(resolve);
      });
    } finally {
      gate.onChange = compiled.onReset = compiled.steering.onChange = () => {};
      worker.terminate();
    }
  }

  #begin(job: WorkerJob): void {
    this.#ready = true;
    fetchRecovery();
    this.worker.postMessage({ type: "train", job } satisfies ToWorker, [...buffersOf(job.data), ...buffersOf(job.validation)]);
    // It may have been set since.
    if (this.compiled.assignedRate !== job.assignedRate || this.compiled.steering.stopped) this.#sendChange();
  }

  #sendChange(): void {
    const {
      compiled: { assignedRate, steering },
    } = this;
    this.#say({ type: "steer", assignedRate, stopped: steering.stopped });
  }

  #say(message: ToWorker): void {
    if (this.#ready) this.worker.postMessage(message);
  }

  #deathOf(message: string | undefined): Error {
    if (this.#ready) return new Error(`trainInWorker(): the worker has ended (${message}). The model is as it was before.`);
    return new UnsupportedError(`trainInWorker(): the worker's script does not run (${message || "it could not be loaded"}). ${ADVICE}`);
  }

  /** After each pause(), resume(), abort and dispose(). */
  #steer(resolve: (end: End | null) => void): void {
    const { signal, options, gate } = this.given;
    // Of a disposed model nothing is wanted back.
    if (signal.aborted && !options.signal?.aborted) resolve(null);
    else if (signal.aborted) this.#say({ type: "stop" });
    else if (gate.closed && this.#ready) void this.#pause();
  }

  async #pause(): Promise<void> {
    const standing = new Promise<void>((resolve) => {
      this.#stand = resolve;
    });
    this.#say({ type: "pause" });
    await standing;
    await this.given.gate.pass();
    this.#say({ type: "resume" });
  }

  #hear(message: Exclude<ToPage, { type: "ready" }>, resolve: (end: End) => void): void {
    switch (message.type) {
      case "standing":
        this.#stand();
        break;
      case "call":
        void this.#call(message);
        break;
      case "adopt":
        void this.#adopt(message);
        break;
      case "weights":
        this.#asked.get(message.question)?.(message);
        break;
      case "store":
        void this.#store(message);
        break;
      case "end":
        resolve(message.end);
    }
  }

  async #call({ id, name, arguments: given, told }: Extract<ToPage, { type: "call" }>): Promise<void> {
    const { callbacks = {} } = this.given.options,
      { steering } = this.compiled;
    steering.told = told;
    try {
      const call = () => (callbacks[name] as ((...given: readonly unknown[]) => unknown) | undefined)?.call(callbacks, ...given);
      if (!this.failure) await this.given.gate.still(call);
    } catch (error) {
      this.failure ??= { error };
    } finally {
      steering.told = null;
    }
    this.#answer(id);
  }

  /** States that a callback has left go to where checkpoints are written. */
  #answer(id: number): void {
    const { callbacks, options } = this.given;
    this.#say({ type: "answer", id, threw: this.failure !== null, states: options.checkpoint && callbacks ? callbacks.states() : null });
  }

  async #adopt({ id, states }: Extract<ToPage, { type: "adopt" }>): Promise<void> {
    try {
      await this.given.callbacks?.adopt(states);
    } catch (error) {
      this.failure ??= { error };
    }
    this.#answer(id);
  }

  async #read(): Promise<ReadonlyMap<string, Floats>> {
    const question = this.#questions++;
    this.#say({ type: "read", question });
    const { weights, error } = await new Promise<Extract<ToPage, { type: "weights" }>>((resolve) => {
      this.#asked.set(question, resolve);
    });
    this.#asked.delete(question);
    if (!weights) throw receiveError(error ?? { message: "no weights came", stack: undefined, fields: {} });
    return weights;
  }

  async #store({ id, of, arguments: [name, bytes] }: Extract<ToPage, { type: "store" }>): Promise<void> {
    const { checkpoint, resumeFrom } = this.given.options,
      store = of === "checkpoint" ? checkpoint?.store : resumeFrom;
    try {
      const read = bytes ? await store?.write(name, bytes) : await store?.read(name);
      this.#say({ type: "stored", id, bytes: read ?? null, error: null });
    } catch (error) {
      this.#say({ type: "stored", id, bytes: null, error: sendError(error) });
    }
  }
}

/** Takes the place of train(), for one fit(). @throws InputError, UnsupportedError; what the worker or a callback throws */
export async function trainElsewhere(start: (() => Worker) | undefined, compiled: Compiled, keep: Keep, given: Training): Promise<History> {
  const { session, progress } = compiled,
    { data } = given,
    { batchSize } = beginTraining(compiled, given);
  refuseOwnDevice(compiled.backend);
  await session.settled();
  if (session.snapshot.progress.steps !== progress.steps) await compiled.use("fit", () => session.takeSnapshot());
  // Of what the plan that people are shown is made.
  await compiled.prepare(batchSize);
  compiled.shownBatch = batchSize;
  const deviceDataset = compiled.deviceDatasets.open(keep, data);
  const conversation = new Conversation(startWorker(start), compiled, given);
  const end = await conversation.hold(jobOf(compiled, given, deviceDataset.position));
  // Nobody sees this one: fit() then says that the model was disposed.
  if (!end) return { history: {}, epochs: 0, steps: 0, stopped: true };
  const { left, position, history, error, assignedRate } = end;
  // Where the page's own GPU is lost, the next call finds another, or says that there is none.
  if (left)
    await session.adopt(left).catch((reason: unknown) => {
      if (!(reason instanceof DeviceLostError)) throw reason;
    });
  if (given.options.resumeFrom) compiled.restoreLearningRate(assignedRate && rebuildSchedule(assignedRate));
  deviceDataset.position = position;
  if (conversation.failure) throw conversation.failure.error;
  if (error || !history) throw receiveError(error ?? { message: "a fit() without an end", stack: undefined, fields: {} });
  return history;
}
