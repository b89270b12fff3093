// Data too large for one buffer of the device: they stay in memory, and the rows of the coming mini-batches are brought to
// the device slice by slice. Two slices take turns: one is filled while steps run on the other. To the training loop they
// look like any other data and runner, and the steps are the very same, so the results are too, bit for bit.

import { OutOfMemoryError } from "../../errors.ts";
import type { StepScalars } from "../../graph/types.ts";
import type { DeviceNumbers } from "../../typed-arrays.ts";
import type { Plan } from "../../schedule/plan.ts";
import {
  dataArrays,
  ORDER_BYTES,
  ownOrder,
  wholeWords,
  type Backend,
  type DeviceData,
  type ResultHandler,
  type Runner,
  type StopSignal,
} from "../backend/backend.ts";
import type { Dataset } from "../data/data.ts";
import { mapArrays } from "../data/map-arrays.ts";

/** Bytes of x or y in a slice, where the device would hold more: enough for many submits, soon gathered. */
const SLICE_BYTES = 1 << 24;

/** Rows of a slice: whole mini-batches, one at least. @throws OutOfMemoryError if the backend cannot hold even that */
export function sliceRows(dataBytes: number, { rows, x, y }: Dataset, batchSize: number): number {
  const rowBytes = Math.max(x.byteLength / rows, (y?.byteLength ?? 0) / rows, ORDER_BYTES);
  const bytes = wholeWords(rowBytes * batchSize);
  if (bytes > dataBytes) {
    throw new OutOfMemoryError(
      `data set: one mini-batch of ${batchSize} rows takes ${bytes} bytes but one buffer of this device ` +
        `holds ${dataBytes}. Use a smaller batchSize.`,
      bytes,
      dataBytes,
    );
  }
  const fitting = Math.floor(Math.min(dataBytes, SLICE_BYTES) / (rowBytes * batchSize));
  return Math.max(1, Math.min(fitting, Math.ceil(rows / batchSize))) * batchSize;
}

const emptyLike = <A extends DeviceNumbers>(array: A, length: number): A => new (array.constructor as new (n: number) => A)(length);

/** Copies rows from[order[at]], from[order[at + 1]], … to the rows `row`, … of `to`; neighbours in one go. */
function copyRows(from: DeviceNumbers, to: DeviceNumbers, cols: number, order: Uint32Array, at: number, row: number, rows: number): void {
  for (let done = 0; done < rows;) {
    const first = order[at + done];
    let run = 1;
    while (done + run < rows && order[at + done + run] === first + run) run++;
    to.set(from.subarray(first * cols, (first + run) * cols), (row + done) * cols);
    done += run;
  }
}

/** Part of a data set on the backend: an array to gather rows in, and where it goes. */
class Slice {
  private constructor(
    readonly whole: Dataset,
    readonly data: DeviceData,
    readonly runner: Runner,
  ) {}

  static async open(backend: Backend, plan: Plan, whole: Dataset, rows: number): Promise<Slice> {
    const part = mapArrays(whole, rows, (array, cols) => emptyLike(array, rows * cols));
    const data = await backend.upload(part, 1);
    try {
      data.setOrder(ownOrder(rows), 0);
      return new Slice(whole, data, await backend.prepare(plan, data));
    } catch (error) {
      data.dispose();
      throw error;
    }
  }

  /** Brings the rows of these steps to the backend. @returns the steps as they run on the slice */
  fill(steps: readonly StepScalars[], order: Uint32Array): StepScalars[] {
    const {
      whole,
      data: { dataset: part },
    } = this;
    let row = 0;
    const from = dataArrays(whole),
      to = dataArrays(part);
    const moved = steps.map((step) => {
      from.forEach(([, array], i) => copyRows(array, to[i][1], array.length / whole.rows, order, step.offset, row, step.rows));
      row += step.rows;
      return { ...step, offset: row - step.rows };
    });
    this.data.refresh(row);
    return moved;
  }

  dispose(): void {
    this.runner.dispose();
    this.data.dispose();
  }
}

/** Data and runner in one: the orders stay in memory, too. */
export class StreamedRunner implements Runner {
  readonly #order: Uint32Array<ArrayBuffer>;

  private constructor(
    readonly dataset: Dataset,
    orders: number,
    readonly slices: readonly [Slice, Slice],
    readonly capacity: number,
  ) {
    this.#order = new Uint32Array(dataset.rows * orders);
  }

  /** @throws OutOfMemoryError if one mini-batch is too large, or memory runs out */
  static async open(backend: Backend, plan: Plan, dataset: Dataset, orders: number): Promise<StreamedRunner> {
    const capacity = sliceRows(backend.dataBytes, dataset, plan.batch);
    const first = await Slice.open(backend, plan, dataset, capacity);
    try {
      const second = await Slice.open(backend, plan, dataset, capacity);
      return new StreamedRunner(dataset, orders, [first, second], capacity);
    } catch (error) {
      first.dispose();
      throw error;
    }
  }

  get resultElements(): number {
    return this.slices[0].runner.resultElements;
  }

  setOrder(order: Uint32Array<ArrayBuffer>, at: number): void {
    this.#order.set(order, at);
  }

  async run(steps: readonly StepScalars[], onResults: ResultHandler, signal?: StopSignal): Promise<number> {
    const parts = this.#cut(steps);
    const fill = (part: number) => (part < parts.length ? this.slices[part % 2].fill(parts[part], this.#order) : []);
    let done = 0,
      coming = fill(0);
    for (let part = 0; part < parts.length && !signal?.aborted; part++) {
      const first = done;
      const running = this.slices[part % 2].runner.run(coming, (index, count, results) => onResults(first + index, count, results), signal);
      try {
        // While the GPU is busy with this slice.
        coming = fill(part + 1);
      } finally {
        done += await running;
      }
      if (done < first + parts[part].length) break;
    }
    return done;
  }

  dispose(): void {
    for (const slice of this.slices) slice.dispose();
  }

  /** As many steps as fit a slice, and again. */
  #cut(steps: readonly StepScalars[]): StepScalars[][] {
    const parts: StepScalars[][] = [];
    let room = 0;
    for (const step of steps) {
      if (step.rows > room) {
        parts.push([]);
        room = this.capacity;
      }
      parts[parts.length - 1].push(step);
      room -= step.rows;
    }
    return parts;
  }
}
