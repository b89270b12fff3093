// What one fit() reads from a checkpoint and writes to others. Loaded when it has any.

import { FormatError } from "../../errors.ts";
import type { Network } from "../../model/network.ts";
import type { CheckpointStore } from "../../storage/checkpoint-store.ts";
import type { Plan } from "../../schedule/plan.ts";
import type { StopSignal } from "../backend/backend.ts";
import type { CallData } from "../call/call.ts";
import { sent, type Expected } from "./checkpoint-file.ts";
import { CheckpointWriter, readCheckpoint } from "./checkpoint.ts";
import type { Compiled } from "../compiled/compiled.ts";
import { initialStates } from "../../model/initial-states.ts";
import type { Checkpointing } from "../recovery/fault-tolerant-runner.ts";
import { allFinite } from "../backend/finite.ts";
import type { Standing } from "../loop/history.ts";
import type { KeptCallbacks } from "../call/callback-list.ts";
import type { CheckedFitOptions, RunOptions } from "../call/fit-options.ts";
import type { Gate } from "../call/lifecycle.ts";
import type { Course, Position } from "../loop/passes.ts";

/** A fit() as far as its checkpoints need it. */
export interface FitCourse {
  readonly compiled: Compiled;
  readonly course: Course;
  /** What fit() was given. */
  readonly given: {
    readonly checked: CheckedFitOptions;
    readonly callbacks?: KeptCallbacks;
    readonly options: RunOptions;
    readonly gate: Gate;
    readonly signal: StopSignal;
    readonly data: CallData;
    readonly validation: CallData | null;
  };
  readonly validates: boolean;
  readonly position: Position | null;
  readonly plan: Plan;
}

/** After an abort or dispose() a store has this long to take the last checkpoint. */
const STORE_MILLISECONDS = 5000;

/** Bytes that are hashed at a time: digest() copies what it is given. */
const PIECE = 2 ** 26;

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** SHA-256 over kind, length and bytes of all arrays that are trained and validated on. */
async function digestOf(data: readonly (CallData | null)[]): Promise<string> {
  const parts: string[] = [];
  for (const given of data) {
    if (!given) continue;
    const { format, x, y, lengths, sampleWeights } = given.dataset;
    parts.push(JSON.stringify(format, sent));
    for (const array of [x, y, lengths, ...(sampleWeights ? [sampleWeights] : [])]) {
      parts.push(array ? `${array.constructor.name} ${array.length}` : "none");
      const bytes = array ? new Uint8Array(array.buffer, array.byteOffset, array.byteLength) : new Uint8Array();
      for (let at = 0; at < bytes.length; at += PIECE) parts.push(await sha256(bytes.subarray(at, at + PIECE)));
    }
  }
  return sha256(new TextEncoder().encode(parts.join("\n")));
}

const saysGelu = ({ stages }: Network): boolean => stages.some((stage) => "activation" in stage && stage.activation === "gelu");

/** What checkpoints of this fit() hold. What it is, they say as it was declared; its learning rate may have been set since. */
export async function expectedOf({ compiled, course, given, validates, plan }: FitCourse): Promise<Expected> {
  const {
      network,
      declared,
      backend,
      readout: { names, means },
    } = compiled,
    { optimizer } = declared;
  const { rows, batchSize } = course.portions,
    { steps, validationSplit, validationSteps, onNaN } = given.checked,
    { initialEpoch } = given.options;
  const words = (value: unknown) => JSON.stringify(value, sent);
  const weights = new Map(network.parameters.map(({ symbol, shape }) => [symbol, shape.reduce((a, b) => a * b, 1)] as const));
  return {
    fingerprint: {
      weights: network.parameters.map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join(", "),
      seed: String(network.seed),
      optimizer: optimizer.name,
      loss: names.join(" "),
      batchSize: String(batchSize),
      rows: String(rows),
      shuffle: String(course.shuffle),
      length: (steps === null ? "epochs" : `${steps} steps`) + (initialEpoch ? ` from epoch ${initialEpoch} on` : ""),
      // Elsewhere it lies differently.
      ...(network.stateful ? { "stateful layers on": backend.kind } : {}),
      ...Object.fromEntries(network.stages.map((stage, i) => [`stage ${i + 1} of the network`, words(stage)] as const)),
      "optimizer's settings": words(optimizer),
      "loss function": words(declared.loss),
      validation: validates
        ? `of ${validationSplit || "other data"}${validationSteps < Infinity ? `, ${validationSteps} mini-batches` : ""}`
        : "none",
      "data of SHA-256": await digestOf([given.data, given.validation]),
    },
    weights,
    tensors: new Map([...weights, ...[...initialStates(network, optimizer)].map(([name, { length }]) => [name, length] as const)]),
    carried: network.stateful ? backend.carriedSizes(plan) : new Map(),
    names: validates ? [...names, ...names.map((name) => `val_${name}`)] : names,
    averaged: means,
    perEpoch: steps ?? Math.ceil(rows / batchSize),
    batchSize,
    rows,
    outputSteps: network.outputSteps,
    leavesOut: onNaN === "rollback",
    bySteps: steps !== null,
    shuffle: course.shuffle,
    engine: `${backend.kind}, ${backend.adapter}`.slice(0, 1000),
    saysGelu: saysGelu(network),
  };
}

/**
 * Puts the model where the newest checkpoint of the store was taken, and says so.
 * @returns where fit() goes on; undefined if the store holds none. @throws FormatError, with the model unchanged, if none is of use
 */
export async function resumeFrom(fit: FitCourse, expected: Expected): Promise<Standing | undefined> {
  const {
    compiled,
    position,
    given: {
      checked: { onNaN },
      options: { resumeFrom: store, callbacks },
      callbacks: kept,
      gate,
      signal,
    },
  } = fit;
  // A store may never answer: nothing is trained yet, so an abort need not wait for it.
  const reading = readCheckpoint(store!, expected),
    found = await gate.still(() => Promise.race([reading, gate.ended(signal)]));
  if (!found) return undefined;
  if (onNaN !== "ignore" && ![...found.state.values()].every(allFinite)) {
    throw new FormatError("fit(): resumeFrom: the checkpoint holds numbers that are not finite. Start anew with a smaller learningRate.");
  }
  await gate.still(() => kept?.adopt(found.callbacks));
  compiled.restoreLearningRate(found.learningRate);
  await compiled.session.adopt(found);
  if (position && found.position) Object.assign(position, found.position);
  const {
    standing: {
      history: { epochs: epoch, steps },
      batches: batch,
    },
  } = found;
  await gate.still(() => callbacks?.onResume?.({ epoch, batch, steps }));
  return found.standing;
}

/** @param standing how far fit() is, once it runs */
export function checkpointing(
  store: CheckpointStore,
  every: number,
  fit: FitCourse,
  expected: Expected,
  standing: () => Standing | undefined,
): Checkpointing {
  const writer = new CheckpointWriter(store, expected),
    {
      compiled,
      given: { gate, signal, callbacks: kept },
    } = fit;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abandoned = gate.ended(signal).then(
    () =>
      new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          writer.abandon();
          resolve();
        }, STORE_MILLISECONDS);
      }),
  );
  return {
    every,
    abandoned,
    close: () => clearTimeout(timer),
    begin() {
      const now = standing();
      if (!now) throw new Error("checkpoints are taken while training");
      const position = fit.position && { ...fit.position },
        { assignedRate: learningRate } = compiled,
        { engine } = expected;
      const callbacks = kept?.states() ?? [];
      return (snapshot) => writer.write({ ...snapshot, position, standing: now, learningRate, engine, callbacks });
    },
  };
}
