// The callbacks of one fit() as one: called in order, those with a state begun, kept in checkpoints and brought back from them. Loaded with
// validate-all.ts, for a fit() whose callbacks are more than the common functions.

import { FormatError, InputError } from "../../errors.ts";
import { show } from "../../model/checks.ts";
import type { Network } from "../../model/network.ts";
import type { Backend, Floats } from "../backend/backend.ts";
import type { Readout } from "../data/batches.ts";
import type { Callback, Callbacks, FitOptions, FitRun, Logs } from "./fit-options.ts";
import { invalidWeights } from "./validate-weights.ts";
import { fromWeights, type GivenWeight, type Weight } from "./weights.ts";

/** What a fit() trains, as far as its callbacks see it. */
export interface Trainee {
  readonly model: FitRun["model"];
  readonly compiled: { readonly readout: Readout; readonly network: Network };
}

/** The state of a callback, as checkpoints hold it. */
export interface NamedState {
  readonly name: string;
  readonly values: unknown;
  /** By symbol. */
  readonly weights: ReadonlyMap<string, Floats> | null;
}

/** Does work on the backend as it is after the steps so far, on another one if its GPU is lost. */
export interface Steady {
  on<T>(work: (ground: unknown, backend: Backend) => Promise<T>): Promise<T>;
}

/** Reads the weights, by symbol. */
export type ReadWeights = () => Promise<ReadonlyMap<string, Floats>>;

export const readOn =
  (steady: Steady, { parameters }: Network): ReadWeights =>
  () =>
    steady.on(async (_, backend) => backend.read(parameters.map(({ symbol }) => symbol)));

/** The callbacks as training itself and its checkpoints need them. */
export interface KeptCallbacks {
  /** Training begins: this is where weights are read. */
  follow(steady: Steady): void;
  states(): readonly NamedState[];
  /** Goes on from these. @throws FormatError if they are of other callbacks */
  adopt(states: readonly NamedState[] | null): void | Promise<void>;
}

export const CALLBACKS: readonly (keyof Callbacks)[] = [
  "onTrainBegin",
  "onResume",
  "onEpochBegin",
  "onBatchEnd",
  "onEpochEnd",
  "onTrainEnd",
  "onDeviceLost",
];

const isPromise = (returned: unknown): returned is PromiseLike<unknown> =>
  typeof (returned as PromiseLike<unknown> | null | undefined)?.then === "function";

/** Calls one after the other; at once where none of them returns a promise, so that steps may run ahead. */
function inOrder(calls: readonly (() => unknown)[]): void | Promise<void> {
  for (const [i, call] of calls.entries()) {
    const returned = call();
    if (isPromise(returned)) return Promise.resolve(returned).then(() => inOrder(calls.slice(i + 1)));
  }
}

/** An object may hold more than callbacks, but nothing that looks like one and would never be called. */
function check(callbacks: unknown, where: string): asserts callbacks is Callback {
  if (typeof callbacks !== "object" || callbacks === null || Array.isArray(callbacks)) {
    throw new InputError(
      `fit(): ${where} must be an object of functions, or what a function of deltaprop/callbacks gave; got ${show(callbacks)}.`,
    );
  }
  const unknown = Object.keys(callbacks).find((key) => /^on[A-Z]/.test(key) && !(CALLBACKS as readonly string[]).includes(key));
  if (unknown !== undefined)
    throw new InputError(
      `fit(): unknown callback ${unknown}${where === "callbacks" ? "" : ` in ${where}`}. Known: ${CALLBACKS.join(", ")}.`,
    );
  for (const key of [...CALLBACKS, "begin", "getState", "setState"]) {
    const value = (callbacks as Record<string, unknown>)[key];
    if (value != null && typeof value !== "function")
      throw new InputError(`fit(): ${where}.${key} must be a function; got ${show(value)}.`);
  }
}

/** @throws InputError naming the callback that is none */
export function checkCallbacks(given: unknown): void {
  if (Array.isArray(given)) given.forEach((one, i) => check(one, `callbacks[${i}]`));
  else check(given ?? {}, "callbacks");
}

export class CallbackList implements KeptCallbacks {
  readonly #all: readonly Callback[];
  readonly #network: Network;
  /** What callbacks were given, so that it need not be looked at and copied when it comes back. */
  readonly #known = new WeakMap<readonly GivenWeight[], ReadonlyMap<string, Floats>>();
  /** By fit() here, or in a worker. */
  read: ReadWeights = () => Promise.reject(new InputError("readWeights(): no fit() is under way."));
  /** With which fit() is to end; null for those that were trained. */
  final: ReadonlyMap<string, Floats> | null = null;

  /** Begins all of them. @throws what one throws, such as an InputError; nothing is trained yet */
  constructor(
    { callbacks, initialEpoch = 0, epochs = 1, verbose }: Pick<FitOptions, "callbacks" | "initialEpoch" | "epochs" | "verbose">,
    {
      model,
      compiled: {
        readout: { names },
        network,
      },
    }: Trainee,
    validates: boolean,
  ) {
    this.#all = callbacks ? [callbacks].flat() : [];
    this.#network = network;
    this.hooks = this.#hooks(initialEpoch, verbose ? epochs : null);
    const run = Object.freeze<FitRun>({
      model,
      names: validates ? [...names, ...names.map((name) => `val_${name}`)] : names,
      readWeights: async () => this.#named(await this.read()),
      endWith: (weights) => {
        this.final = weights && this.#symbols(weights);
      },
    });
    for (const one of this.#all) one.begin?.(run);
  }

  /** All of them as one; without the functions that none of them has. */
  readonly hooks: Callbacks;

  #hooks(first: number, lines: number | null): Callbacks {
    const hooks: Record<string, (...given: never[]) => unknown> = {};
    for (const name of CALLBACKS) {
      const all = this.#all.filter((one) => one[name] != null);
      if (all.length > 0)
        hooks[name] = (...given) => inOrder(all.map((one) => () => (one[name] as (...given: never[]) => unknown)(...given)));
    }
    return first === 0 && lines === null ? hooks : numberedFrom(first, lines, hooks);
  }

  #named(values: ReadonlyMap<string, Floats>): Weight[] {
    const weights = this.#network.parameters.map(({ name, symbol, shape }) => ({ name, shape: [...shape], data: values.get(symbol)! }));
    this.#known.set(weights, values);
    return weights;
  }

  #symbols(weights: readonly GivenWeight[]): ReadonlyMap<string, Floats> {
    const values = this.#known.get(weights) ?? fromWeights(this.#network, weights);
    if (!values) throw invalidWeights(this.#network, weights);
    return values;
  }

  get #stateful(): Callback[] {
    return this.#all.filter((one) => typeof one.getState === "function" && typeof one.setState === "function");
  }

  follow(steady: Steady): void {
    this.read = readOn(steady, this.#network);
  }

  states(): readonly NamedState[] {
    return this.#stateful.map((one) => {
      const { values, weights } = one.getState!();
      return { name: one.name ?? "", values: structuredClone(values), weights: weights && this.#symbols(weights) };
    });
  }

  adopt(states: readonly NamedState[] | null): void {
    const stateful = this.#stateful,
      words = (all: readonly { name?: string }[]) => all.map(({ name }) => name || "one without a name").join(", ") || "none";
    if (stateful.length === 0) return;
    if (!states?.length) {
      console.warn(`deltaprop: fit(): resumeFrom: the checkpoint holds no state of callbacks, so these begin anew: ${words(stateful)}.`);
      return;
    }
    if (words(states) !== words(stateful)) {
      throw new FormatError(
        `fit(): resumeFrom: the checkpoint holds the state of these callbacks: ${words(states)}; this fit() has ${words(stateful)}. ` +
          "Use the same in the same order, or another store.",
      );
    }
    states.forEach(({ values, weights }, i) => stateful[i].setState!({ values, weights: weights && this.#named(weights) }));
  }
}

const epochLine = (epoch: number, epochs: number, logs: Logs): string =>
  [`epoch ${epoch + 1}/${epochs}`, ...Object.entries(logs).map(([name, value]) => `${name} ${value.toFixed(4)}`)].join("  ");

/** Callbacks that are told of epochs from another number on; with lines on the console if it is known how many epochs there are. */
function numberedFrom(first: number, lines: number | null, hooks: Callbacks): Callbacks {
  return {
    ...hooks,
    ...(hooks.onResume && { onResume: (info) => hooks.onResume?.({ ...info, epoch: info.epoch + first }) }),
    ...(hooks.onEpochBegin && { onEpochBegin: (epoch) => hooks.onEpochBegin?.(epoch + first) }),
    onEpochEnd: (epoch, logs) => {
      if (lines !== null) console.log(epochLine(epoch + first, lines, logs));
      return hooks.onEpochEnd?.(epoch + first, logs);
    },
  };
}
