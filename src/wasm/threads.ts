// The threads of an engine: workers on one shared memory, which run the same steps side by side and meet at the module's barrier. Loaded
// where memory can be shared (lazy.ts).

import { GpuError } from "../errors.ts";
import { BARRIER_BYTES, writeBarrier } from "./barrier.ts";
import { builtin } from "./thread-count.ts";

/** A worker as browsers, Deno and Bun have them, or one of Node's threads. */
interface Thread {
  send(message: unknown): void;
  end(): void;
}

interface Events {
  onMessage(message: { ready?: true; done?: true; error?: string }): void;
  onDeath(reason: string): void;
}

/** A call that takes so many times as long as it should, and so many milliseconds at least, is given up: a thread has died unheard. */
const PATIENCE = 50,
  LEAST_PATIENCE = 10_000,
  START_PATIENCE = 10_000;
/** Threads that had nothing to do for so many milliseconds are ended: training is over or paused, and the model may be forgotten. */
const IDLE = 1000;

interface NodeWorker {
  on(event: string, listener: (value: unknown) => void): void;
  postMessage(message: unknown): void;
  terminate(): Promise<number>;
  unref(): void;
}

function startThread(events: Events): Thread {
  if (typeof Worker === "undefined") {
    const { Worker: NodeThread } = builtin<{ Worker: new (url: URL) => NodeWorker }>("node:worker_threads")!;
    const thread = new NodeThread(new URL("./thread.js", import.meta.url));
    thread.on("message", (message) => events.onMessage(message as Parameters<Events["onMessage"]>[0]));
    thread.on("error", (error) => events.onDeath(String(error)));
    thread.on("exit", (code) => events.onDeath(`it ended with code ${String(code)}`));
    // A model that nobody disposed must not keep a process alive.
    thread.unref();
    return { send: (message) => thread.postMessage(message), end: () => void thread.terminate() };
  }
  const worker = new Worker(new URL("./thread.js", import.meta.url), { type: "module" });
  // Bun would stay alive for it, too.
  (worker as Worker & { unref?: () => void }).unref?.();
  worker.onmessage = ({ data }: MessageEvent<Parameters<Events["onMessage"]>[0]>) => events.onMessage(data);
  worker.onerror = (event) => {
    event.preventDefault();
    events.onDeath(event.message || "its script cannot be loaded");
  };
  return { send: (message) => worker.postMessage(message), end: () => worker.terminate() };
}

/** What all threads have still to answer. */
interface Waiting {
  left: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ThreadPool {
  readonly #threads: Thread[] = [];
  #waiting: Waiting | null = null;
  #listens = false;
  #death: string | null = null;
  #ended = false;
  #lastUse = 0;

  /** @param onDeath is told once when one of them, having listened, ends by itself or no longer answers; all others are ended then */
  constructor(
    readonly count: number,
    readonly onDeath: (reason: string) => void,
  ) {}

  /** Starts the threads. @returns when all listen, or false where they cannot be had: their script may not be loaded, for example */
  async start(): Promise<boolean> {
    try {
      await this.#answered(START_PATIENCE, () => {
        for (let i = 0; i < this.count; i++) {
          this.#threads.push(startThread({ onMessage: (message) => this.#hear(message), onDeath: (reason) => this.#die(reason) }));
        }
      });
      this.#listens = true;
    } catch {
      this.dispose();
    }
    return this.#listens;
  }

  /** Milliseconds since they had something to do. */
  get idle(): number {
    return this.#waiting ? 0 : performance.now() - this.#lastUse;
  }

  /** Brings a module to all threads, by this id. */
  add(id: number, module: WebAssembly.Module, memory: WebAssembly.Memory): void {
    for (const thread of this.#threads) thread.send({ id, module, memory });
  }

  forget(id: number): void {
    for (const thread of this.#threads) thread.send({ id, forget: true });
  }

  /**
   * Runs steps on all threads. @param expected milliseconds that they should take
   * @throws GpuError if a thread has died
   */
  run(id: number, slot: number, count: number, expected: number): Promise<void> {
    return this.#answered(Math.max(LEAST_PATIENCE, PATIENCE * expected), () =>
      this.#threads.forEach((each, thread) => each.send({ id, slot, count, thread, threads: this.count })),
    );
  }

  dispose(): void {
    this.#ended = true;
    for (const thread of this.#threads) thread.end();
    this.#threads.length = 0;
    this.#waiting?.reject(new GpuError("the threads were ended"));
    this.#waiting = null;
  }

  async #answered(milliseconds: number, ask: () => void): Promise<void> {
    if (this.#death !== null) throw lost(this.#death);
    const timer = setTimeout(() => this.#die(`no answer within ${milliseconds} ms`), milliseconds);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting = { left: this.count, resolve, reject };
        ask();
      });
    } finally {
      clearTimeout(timer);
      this.#lastUse = performance.now();
    }
  }

  #hear({ error }: { error?: string }): void {
    if (error !== undefined) return this.#die(error);
    const waiting = this.#waiting;
    if (!waiting || --waiting.left > 0) return;
    this.#waiting = null;
    waiting.resolve();
  }

  #die(reason: string): void {
    if (this.#ended) return;
    this.#death = reason;
    this.#waiting?.reject(lost(reason));
    this.#waiting = null;
    // The others may wait at the barrier for the one that is gone.
    this.dispose();
    if (this.#listens) this.onDeath(reason);
  }
}

const lost = (reason: string): GpuError => new GpuError(`a thread of the WebAssembly engine has ended: ${reason}`);

/** The threads of one engine: started when they are first wanted, ended when they idle, and started again. */
export class Crew {
  #pool: ThreadPool | null = null;
  /** Whether all of the pool listen. */
  #listens = false;
  /** None is started any more. */
  #closed = false;
  #lost: string | null = null;
  /** Where they meet, in each module: so many bytes of memory, and the function by its address. */
  readonly barrierBytes = BARRIER_BYTES;
  readonly writeBarrier = writeBarrier;

  constructor(readonly count: number) {}

  /** Why a thread is gone, and with it what it was to compute; null as long as all is well. */
  get lost(): string | null {
    return this.#lost;
  }

  /** The threads; null while they start, where none can be had, and after dispose(). Nobody waits for them: one thread can do it all. */
  get pool(): ThreadPool | null {
    if (!this.#pool && !this.#closed) void this.#start();
    return this.#listens ? this.#pool : null;
  }

  dispose(): void {
    this.#closed = true;
    this.#end();
  }

  async #start(): Promise<void> {
    const pool = new ThreadPool(this.count, (reason) => {
      this.#lost = reason;
      this.dispose();
    });
    this.#pool = pool;
    const listens = await pool.start();
    if (this.#pool !== pool) return;
    if (!listens) return this.dispose();
    this.#listens = true;
    this.#endWhenIdle(pool, IDLE);
  }

  #endWhenIdle(pool: ThreadPool, milliseconds: number): void {
    const timer: unknown = setTimeout(() => {
      if (this.#pool !== pool) return;
      const left = IDLE - pool.idle;
      if (left > 0) this.#endWhenIdle(pool, left);
      else this.#end();
    }, milliseconds);
    // In Node, which gives an object, threads keep no process alive, nor does this.
    (timer as { unref?: () => void }).unref?.();
  }

  #end(): void {
    this.#pool?.dispose();
    this.#pool = null;
    this.#listens = false;
  }
}
