// What recurrent networks are trained on: windows of a text, the same windows and weights for every contender. Pure, seeded,
// no GPU. A simple (Elman) network predicts the next character at each step: tanh, then a softmax over the vocabulary. The loss
// is the mean over all steps of all windows; each window starts from the state 0.

import { uniform } from "./random.ts";
import { BATCHES, initialWeights, type LayerWeights } from "./workloads.ts";

export interface RecurrentWorkload {
  readonly kind: "recurrent";
  readonly name: string;
  /** Different characters: each input is one of them, so is each answer. */
  readonly vocabulary: number;
  readonly hidden: number;
  /** Of a window: T. */
  readonly steps: number;
  /** Windows of a mini-batch. */
  readonly batch: number;
  /** Of Adam. */
  readonly learningRate: number;
  /** Steps of an epoch at most, as in Workload. */
  readonly epochSteps: number;
  /** Losses compared at most: contenders that take seconds for each would not answer in time. */
  readonly mostLosses: number;
}

const CHARACTERS = { kind: "recurrent", vocabulary: 65, batch: 16, learningRate: 1e-3 } as const;

export const RECURRENT: readonly RecurrentWorkload[] = [
  { name: "rnn 65-128 T32 b16 adam", ...CHARACTERS, hidden: 128, steps: 32, epochSteps: 32, mostLosses: 10 },
  { name: "rnn 65-256 T128 b16 adam", ...CHARACTERS, hidden: 256, steps: 128, epochSteps: 8, mostLosses: 4 },
];

export interface RecurrentProblem {
  /** Windows: batch · BATCHES. */
  readonly rows: number;
  /** (rows × steps): the character at each step. */
  readonly x: Uint8Array<ArrayBuffer>;
  /** (rows × steps): the one after it. */
  readonly labels: Uint8Array<ArrayBuffer>;
  /** U (vocabulary × hidden) and b of h(t) = tanh(U·x(t) + W·h(t−1) + b). */
  readonly input: LayerWeights;
  /** W (hidden × hidden). */
  readonly recurrent: Float32Array<ArrayBuffer>;
  /** V (hidden × vocabulary) and c of o(t) = V·h(t) + c. */
  readonly output: LayerWeights;
}

/** How often a character is followed by the one that usually follows it. */
const USUAL = 0.75;

/** Each character has one that usually follows, so that there is something to learn and the loss falls. */
function makeText(vocabulary: number, length: number, next: () => number): Uint8Array<ArrayBuffer> {
  const any = () => Math.floor(next() * vocabulary),
    usual = Array.from({ length: vocabulary }, any);
  const text = new Uint8Array(length);
  for (let at = 1; at < length; at++) text[at] = next() < USUAL ? usual[text[at - 1]] : any();
  return text;
}

/** W by Glorot's bounds, too: its singular values are around 1. */
export function makeRecurrentProblem({ vocabulary, hidden, steps, batch }: RecurrentWorkload, seed = 1): RecurrentProblem {
  const next = uniform(seed),
    rows = batch * BATCHES,
    text = makeText(vocabulary, rows * steps + 1, next);
  const [input, { kernel: recurrent }, output] = initialWeights([vocabulary, hidden, hidden, vocabulary], next);
  return { rows, x: text.slice(0, -1), labels: text.slice(1), input, recurrent, output };
}

/** One row of `vocabulary` numbers for each character: 1 where it stands, else 0. */
export function oneHot(characters: Uint8Array, vocabulary: number): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(characters.length * vocabulary);
  characters.forEach((character, at) => {
    rows[at * vocabulary + character] = 1;
  });
  return rows;
}

/** Mini-batch `index` of characters (rows × steps), time first: (steps × batch). */
export function timeFirst(
  characters: Uint8Array,
  { steps, batch }: Pick<RecurrentWorkload, "steps" | "batch">,
  index: number,
): Uint8Array<ArrayBuffer> {
  const first = index * batch;
  return Uint8Array.from({ length: steps * batch }, (_, at) => characters[(first + (at % batch)) * steps + Math.floor(at / batch)]);
}
