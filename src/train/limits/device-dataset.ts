// What one backend holds of data sets: their arrays, and the runners made for them with the orders that these read. For
// arrays it lasts as long as a call, for a handle until the handle or the model is disposed: the next call then finds
// arrays and runner as it needs them and creates nothing.

import { DeltapropError } from "../../errors.ts";
import type { Plan } from "../../schedule/plan.ts";
import type { CallData } from "../call/call.ts";
import { mustStream, type Backend, type DeviceData, type Runner } from "../backend/backend.ts";
import type { Dataset } from "../data/data.ts";
import { contentsOf, type DatasetHandle } from "../data/dataset.ts";
import { SerialQueue } from "../call/lifecycle.ts";
import { Orders } from "../backend/orders.ts";
import type { Position } from "../loop/passes.ts";
import type { OnData, PlanSource, Purpose, RunnerRequest } from "./plan-source.ts";
import { loadLimits } from "../../lazy.ts";
import type { Keep } from "../call/scope.ts";

/** Runners that wait for another call, each with the memory of its intermediates. */
const MAX_IDLE = 8;

/** What one call runs on; nobody else does meanwhile. */
export interface Lease {
  readonly runner: Runner;
  readonly orders: Orders;
  /** Gives it back. */
  dispose(): void;
}

interface IdleRunner extends Omit<RunnerRequest, "slots">, Pick<OnData, "runner" | "free"> {
  /** None of another backend is of use. */
  readonly backend: Backend;
  readonly orders: Orders;
}

/** One data set on one backend. */
export class DeviceDataset {
  /** Where the training by steps stands in the data. */
  position: Position | null = null;
  /** x, and x with y, without an order: what all runners share. */
  #inputs: DeviceData | null = null;
  #labelled: DeviceData | null = null;
  /** The one that was used last comes last. */
  #idle: IdleRunner[] = [];
  readonly #making = new SerialQueue();
  #busy = 0;
  #disposed = false;
  /** Whose all of it is. */
  #backend: Backend;

  constructor(
    readonly source: PlanSource,
    readonly onDispose: () => void = () => {},
  ) {
    this.#backend = source.backend;
  }

  /**
   * A runner with room for so many orders of the rows; their arrays are brought to the backend if they are not there.
   * @throws OutOfMemoryError or UnsupportedError if they do not fit, GpuError if the device is lost
   */
  async lease(purpose: Purpose, dataset: Dataset, batch: number, slots = 1): Promise<Lease> {
    this.#busy++;
    try {
      this.#follow(this.source.backend);
      const index = this.#idle.findLastIndex(
        (ready) => ready.purpose === purpose && ready.batch === batch && ready.dataset === dataset && ready.orders.slots >= slots,
      );
      const ready = index >= 0 ? this.#idle.splice(index, 1)[0] : await this.#make({ purpose, dataset, batch, slots });
      return { runner: ready.runner, orders: ready.orders, dispose: () => this.#giveBack(ready) };
    } catch (error) {
      this.#busy--;
      this.#freeUnused();
      throw error;
    }
  }

  /** Frees all of it as soon as no call uses it. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.onDispose();
    this.#freeUnused();
  }

  #giveBack(ready: IdleRunner): void {
    this.#busy--;
    if (ready.backend !== this.#backend) return ready.free();
    // One of a kind is enough.
    const twin = this.#idle.findIndex(({ purpose, batch }) => purpose === ready.purpose && batch === ready.batch);
    if (twin >= 0) this.#idle.splice(twin, 1)[0].free();
    this.#idle.push(ready);
    if (this.#idle.length > MAX_IDLE) this.#idle.shift()?.free();
    this.#freeUnused();
  }

  async #make(wanted: RunnerRequest): Promise<IdleRunner> {
    const { backend } = this.source,
      { purpose, dataset, batch, slots } = wanted,
      open = (plan: Plan) => this.#open(backend, plan, dataset, slots);
    let opened: OnData;
    try {
      opened = await open(await this.source.tunedPlan(purpose, batch, dataset.format));
    } catch (error) {
      if (!(error instanceof DeltapropError)) throw error;
      const hasData = (dataset.y ? this.#labelled : this.#inputs) !== null;
      // What does not fit is computed in chunks, or told with advice; few pages need either.
      opened = await (await loadLimits()).otherwise(error, this.source, wanted, hasData, open);
    }
    const { runner, data, free } = opened;
    return { backend, purpose, batch, dataset, runner, orders: new Orders(data, slots), free };
  }

  async #open(backend: Backend, plan: Plan, dataset: Dataset, slots: number): Promise<OnData> {
    if (mustStream(backend, dataset)) {
      // Few data sets are so large: what it takes is loaded for those.
      const { StreamedRunner } = await loadLimits();
      const runner = await StreamedRunner.open(backend, plan, dataset, slots);
      return { runner, data: runner, free: () => runner.dispose() };
    }
    backend.compile(plan);
    // One after the other, so that no array goes to the device twice.
    await this.#making.run(() => this.#upload(dataset));
    const data = await backend.upload(dataset, slots, (dataset.y ? this.#labelled : this.#inputs) ?? undefined);
    try {
      const runner = await backend.prepare(plan, data);
      return {
        runner,
        data,
        free: () => {
          runner.dispose();
          data.dispose();
        },
      };
    } catch (error) {
      data.dispose();
      throw error;
    }
  }

  async #upload(dataset: Dataset): Promise<void> {
    const { backend } = this.source;
    // Weights may be others in the next call: each runner has its own.
    dataset = { ...dataset, sampleWeights: undefined };
    this.#inputs ??= await backend.upload({ ...dataset, y: null }, 0);
    if (dataset.y) this.#labelled ??= await backend.upload(dataset, 0, this.#inputs);
  }

  /** What was on a backend that is no longer there is brought to the one at hand. */
  #follow(backend: Backend): void {
    if (backend === this.#backend) return;
    this.#backend = backend;
    this.#free();
  }

  #freeUnused(): void {
    if (this.#disposed && this.#busy === 0) this.#free();
  }

  #free(): void {
    for (const ready of this.#idle) ready.free();
    this.#idle = [];
    this.#labelled?.dispose();
    this.#inputs?.dispose();
    this.#labelled = this.#inputs = null;
  }
}

/** The data sets on one backend. */
export class DeviceDatasets {
  readonly #kept = new Map<DatasetHandle, DeviceDataset>();

  constructor(readonly source: PlanSource) {}

  /** What the backend holds of the data: for the length of the call, or as long as their handle lives. */
  open(keep: Keep, { handle }: CallData): DeviceDataset {
    const contents = handle && contentsOf(handle);
    if (!contents || contents.disposed) return keep(new DeviceDataset(this.source));
    const known = this.#kept.get(handle);
    if (known) return known;
    const deviceDataset: DeviceDataset = new DeviceDataset(this.source, () => {
      this.#kept.delete(handle);
      contents.detach(deviceDataset);
    });
    contents.attach(deviceDataset);
    this.#kept.set(handle, deviceDataset);
    return deviceDataset;
  }

  /** Frees all of them. */
  dispose(): void {
    for (const deviceDataset of [...this.#kept.values()]) deviceDataset.dispose();
  }
}
