// fit({ checkpoint, resumeFrom }): two slots that take turns, and a pointer that is switched last, so that the last good checkpoint
// is never touched. Loaded when a fit() has either.

import { FormatError } from "../../errors.ts";
import type { CheckpointStore } from "../../storage/checkpoint-store.ts";
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint, type Expected } from "./checkpoint-file.ts";

const SLOTS = ["checkpoint-a.safetensors", "checkpoint-b.safetensors"] as const;
const POINTER = "checkpoint-latest";

type CheckpointSlot = (typeof SLOTS)[number];

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const other = (slot: CheckpointSlot): CheckpointSlot => (slot === SLOTS[0] ? SLOTS[1] : SLOTS[0]);

/** Null where it points nowhere. */
async function pointedAt(store: CheckpointStore): Promise<CheckpointSlot | null> {
  const bytes = await store.read(POINTER);
  return (bytes && SLOTS.find((slot) => slot === new TextDecoder().decode(bytes))) ?? null;
}

/**
 * The newest checkpoint that is whole; null if the store holds none.
 * @throws FormatError if there are some, but none of use; what the store throws
 */
export async function readCheckpoint(store: CheckpointStore, expected: Expected): Promise<Checkpoint | null> {
  const first = await pointedAt(store),
    found: Checkpoint[] = [],
    failures: FormatError[] = [];
  for (const slot of first ? [first, other(first)] : SLOTS) {
    const bytes = await store.read(slot);
    if (!bytes) continue;
    try {
      const checkpoint = await decodeCheckpoint(bytes, expected, `fit(): resumeFrom: ${slot}`);
      found.push(checkpoint);
      // The other one is older.
      if (slot === first) break;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      failures.push(error);
    }
  }
  const newest = found.reduce<Checkpoint | null>((a, b) => (a && a.progress.steps >= b.progress.steps ? a : b), null);
  if (newest && failures.length > 0) {
    console.warn(`deltaprop: ${failures[0].message} Going on from the one before, after step ${newest.progress.steps}.`);
  }
  if (!newest && failures.length > 0) throw failures[0];
  if (newest?.engine && newest.engine !== expected.engine) {
    console.warn(
      `deltaprop: fit(): resumeFrom: the checkpoint was made on ${JSON.stringify(newest.engine)}, and this fit() runs on ` +
        `${JSON.stringify(expected.engine)}, which rounds otherwise: the weights will differ in their last digits.`,
    );
  }
  return newest;
}

/** Writes checkpoints one after the other. */
export class CheckpointWriter {
  #last: CheckpointSlot | null | undefined;
  #told = "";
  /** Whether a checkpoint is on its way. */
  #writing = false;
  #abandoned = false;

  constructor(
    readonly store: CheckpointStore,
    readonly expected: Expected,
  ) {}

  /** Nothing more is written, whatever the store answers to the call that it still owes an answer. */
  abandon(): void {
    this.#abandoned = true;
    if (this.#writing) {
      console.warn(
        "deltaprop: fit(): the store has not answered, and training was to end: its last checkpoint may be missing. The one " +
          "before is still there.",
      );
    }
  }

  /** Training does not depend on it: what fails is told on the console. */
  async write(checkpoint: Checkpoint): Promise<void> {
    if (this.#abandoned) return;
    this.#writing = true;
    try {
      const bytes = await encodeCheckpoint(checkpoint, this.expected.fingerprint);
      this.#last ??= await this.#lastGood();
      const slot = this.#last === null ? SLOTS[0] : other(this.#last);
      if (this.#abandoned) return;
      await this.store.write(slot, bytes);
      // A write that was cut short may have gone unnoticed.
      const there = await this.store.read(slot);
      if (there?.length !== bytes.length || !bytes.every((byte, i) => byte === there[i]))
        throw new Error("what was written is not what is there");
      // By now another fit() may write there.
      if (this.#abandoned) return;
      await this.store.write(POINTER, new TextEncoder().encode(slot));
      this.#last = slot;
      this.#told = "";
    } catch (error) {
      // The pointer may have been switched or not.
      this.#last = undefined;
      const words = wordsOf(error);
      if (this.#abandoned) return;
      if (words !== this.#told) {
        console.warn(
          `deltaprop: fit(): the checkpoint after step ${checkpoint.progress.steps} could not be saved (${words}). Training goes on; ` +
            "the one before is still there.",
        );
      }
      this.#told = words;
    } finally {
      this.#writing = false;
    }
  }

  /** The slot that must not be touched. */
  async #lastGood(): Promise<CheckpointSlot | null> {
    const pointed = await pointedAt(this.store);
    for (const slot of pointed ? [pointed, other(pointed)] : SLOTS) {
      const bytes = await this.store.read(slot);
      if (!bytes) continue;
      try {
        await decodeCheckpoint(bytes, this.expected, slot);
        return slot;
      } catch {
        // Of another fit(), or damaged: the other one may be good.
      }
    }
    return pointed;
  }
}
