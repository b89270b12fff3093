// The orders in which passes go through the rows of a data set: which of them are where a runner reads them.

import { halvesOf, RandomSequence, STREAM } from "../../random.ts";
import { ownOrder, type DeviceData } from "./backend.ts";

/** Steps that may be prepared at once, and rows whose orders may be on the device. */
const STEPS_AHEAD = 4096;
const ROWS_AHEAD = 1 << 20;
const BYTES_A_ROW = 4;

/**
 * Passes over the data that run without a pause between them, since a tiny data set would otherwise spend its time on
 * waiting for the last step of every pass: their orders lie side by side.
 * @param bytes what one buffer of orders may take
 */
export function orderSlots(rows: number, stepsPerPass: number, passes: number, bytes: number): number {
  const fitting = Math.floor(Math.min(STEPS_AHEAD / stepsPerPass, ROWS_AHEAD / rows, bytes / (BYTES_A_ROW * rows)));
  return Math.max(1, Math.min(fitting, passes));
}

/** The order of one pass: its rows shuffled, the random numbers of this seed and pass deciding; null for their own order. */
export type Order = { readonly seed: number; readonly pass: number; readonly rows: number } | null;

/** Its rows, of `rows` in all. */
export const rowsInOrder = (order: Order, rows: number): Uint32Array<ArrayBuffer> =>
  order === null ? ownOrder(rows) : new RandomSequence(order.seed, STREAM.shuffle, ...halvesOf(order.pass)).permutation(order.rows);

const nameOf = (order: Order): string => (order === null ? "own" : `${order.seed} ${order.pass} ${order.rows}`);

/** Places for some orders. An order that is there already is not written again. */
export class Orders {
  /** The slot of each order that is there, in the order in which they were filled. */
  readonly #there = new Map<string, number>();

  constructor(
    readonly data: Pick<DeviceData, "dataset" | "setOrder">,
    readonly slots: number,
  ) {}

  /**
   * Sees to it that all these orders are there together, at most as many different ones as there are slots.
   * @returns where each starts, as StepScalars.offset counts
   */
  place(orders: readonly Order[]): number[] {
    const { rows } = this.data.dataset,
      there = this.#there,
      wanted = new Set(orders.map(nameOf));
    return orders.map((order) => {
      const name = nameOf(order);
      let slot = there.get(name);
      if (slot === undefined) {
        const numbers = rowsInOrder(order, rows);
        slot = there.size;
        // The one that was filled longest ago, of those that are not needed now, makes room.
        if (slot === this.slots) {
          for (const [old, at] of there) {
            if (wanted.has(old)) continue;
            there.delete(old);
            slot = at;
            break;
          }
        }
        this.data.setOrder(numbers, slot * rows);
        there.set(name, slot);
      }
      return slot * rows;
    });
  }
}
