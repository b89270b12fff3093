// How long the commands of compute passes take on the device: by timestamps where the adapter has them, else by the clock,
// from which what a submit costs in itself is taken away.

/** Enough that the rounding of timestamps (0.1 ms in Chrome) and the clock matter little. */
const ENOUGH_MILLIS = { quick: 4, full: 25 } as const;
const REPEATS = { quick: 2, full: 5 } as const;
const MAX_GROWTH = 8;

/** Submits `times` runs in one command buffer with one compute pass, and resolves when they are done. */
export type Submit = (times: number) => Promise<unknown>;

export interface Timing {
  /** The best of several repetitions, for one run. */
  readonly micros: number;
  /** In one submit. */
  readonly runs: number;
}

/** Writes a timestamp at both ends of every pass of a device; `read` gives those of the last submit. */
function stampPasses(device: GPUDevice): () => Promise<number> {
  const set = device.createQuerySet({ type: "timestamp", count: 2 });
  const resolved = device.createBuffer({ size: 16, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
  const staging = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const create = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    const encoder = create(descriptor),
      begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (pass) =>
      begin({ ...pass, timestampWrites: { querySet: set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 } });
    return encoder;
  };
  return async () => {
    const encoder = create();
    encoder.resolveQuerySet(set, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const [start, stop] = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.unmap();
    return Number(stop - start) / 1e3;
  };
}

export class Timer {
  readonly #readMicros: (() => Promise<number>) | null;

  constructor(
    readonly device: GPUDevice,
    readonly pace: "quick" | "full",
  ) {
    this.#readMicros = device.features.has("timestamp-query") ? stampPasses(device) : null;
  }

  get method(): "timestamp queries" | "clock, many runs in a submit" {
    return this.#readMicros ? "timestamp queries" : "clock, many runs in a submit";
  }

  /** @param most runs that one submit can hold */
  async time(submit: Submit, most: number): Promise<Timing> {
    const enough = ENOUGH_MILLIS[this.pace] * 1e3;
    await submit(1); // software adapters compile when a pipeline first runs
    let runs = 1,
      micros = await this.#once(submit, runs);
    while (micros < 0.8 * enough && runs < most) {
      const wanted = Math.ceil((runs * enough) / Math.max(micros, 1));
      runs = Math.min(most, wanted, runs * MAX_GROWTH);
      micros = await this.#once(submit, runs);
    }
    // The clock sees the submit as well; one of a single run tells how much that is.
    const [single, per] = this.#readMicros || runs === 1 ? [0, runs] : [await this.#best(submit, 1), runs - 1];
    return { micros: Math.max((await this.#best(submit, runs)) - single, 0) / per, runs };
  }

  async #best(submit: Submit, runs: number): Promise<number> {
    let best = Infinity;
    for (let i = 0; i < REPEATS[this.pace]; i++) best = Math.min(best, await this.#once(submit, runs));
    return best;
  }

  async #once(submit: Submit, runs: number): Promise<number> {
    const started = performance.now();
    await submit(runs);
    const elapsed = (performance.now() - started) * 1e3;
    return this.#readMicros ? this.#readMicros() : elapsed;
  }
}
