// The threads of an engine: workers on one shared memory, which run the same steps side by side and meet at the module's barrier.

import { GpuError } from "../errors.ts";

/** A worker as browsers, Deno and Bun have them, or one of Node's threads. */
interface Thread {
  send(message: unknown): void;
  end(): void;
}

interface Events {
  onMessage(message: { ready?: true; done?: true; error?: string }): void;
  onDeath(reason: string): void;
}

/** More threads than these wait for one another longer than they compute. */
export const MAX_THREADS = 8;
/** A call that takes so many times as long as it should, and so many milliseconds at least, is given up: a thread has died unheard. */
const PATIENCE = 50,
  LEAST_PATIENCE = 10_000,
  START_PATIENCE = 10_000;

interface NodeWorker {
  on(event: string, listener: (value: unknown) => void): void;
  postMessage(message: unknown): void;
  terminate(): Promise<number>;
  unref(): void;
}

const builtin = <T>(name: string): T | undefined =>
  (globalThis as { process?: { getBuiltinModule?: (name: string) => T | undefined } }).process?.getBuiltinModule?.(name);

/** Threads that are worth having here: 1 where memory cannot be shared, as in pages that are not cross-origin isolated. */
export function availableThreads(): number {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  if (typeof SharedArrayBuffer === "undefined" || crossOriginIsolated === false) return 1;
  const node = builtin<{ availableParallelism(): number }>("node:os");
  if (typeof Worker === "undefined" && !builtin("node:worker_threads")) return 1;
  const cores = typeof navigator === "undefined" ? undefined : navigator.hardwareConcurrency;
  return Math.max(1, Math.min(MAX_THREADS, cores ?? node?.availableParallelism() ?? 1));
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
  #death: string | null = null;
  #ended = false;

  private constructor(
    readonly count: number,
    readonly onDeath: (reason: string) => void,
  ) {}

  /**
   * Starts so many threads and waits until all listen.
   * @param onDeath is told once when one of them ends by itself, or no longer answers; all others are ended then
   * @returns null where a thread cannot be had: its script may not be loaded, for example
   */
  static async start(count: number, onDeath: (reason: string) => void): Promise<ThreadPool | null> {
    const pool = new ThreadPool(count, onDeath);
    try {
      await pool.#answered(START_PATIENCE, () => {
        for (let i = 0; i < count; i++) {
          pool.#threads.push(startThread({ onMessage: (message) => pool.#hear(message), onDeath: (reason) => pool.#die(reason) }));
        }
      });
      return pool;
    } catch {
      pool.dispose();
      return null;
    }
  }

  get death(): string | null {
    return this.#death;
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
    this.onDeath(reason);
  }
}

const lost = (reason: string): GpuError => new GpuError(`a thread of the WebAssembly engine has ended: ${reason}`);
