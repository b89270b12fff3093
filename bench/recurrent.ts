// What recurrent networks are trained on: windows of a text, the same windows and weights for every contender. Pure, seeded,
// no GPU. A recurrent layer predicts the next character at each step, with a softmax over the vocabulary behind it. The loss
// is the mean over all steps of all windows; each window starts from the state 0. Blocks of gates lie side by side, in Keras' order:
//
//   rnn    h(t) = tanh(x(t)·U + h(t−1)·W + b)
//   lstm   a = x(t)·U + h(t−1)·W + b: i, f, g, o     c(t) = σ(f) ⊙ c(t−1) + σ(i) ⊙ tanh(g)     h(t) = σ(o) ⊙ tanh(c(t))
//   gru    a = x(t)·U + b, q = h(t−1)·W + b_W: z, r, g     h(t) = σ(z) ⊙ h(t−1) + (1 − σ(z)) ⊙ tanh(a_g + σ(r) ⊙ q_g), which is reset_after: true

import { uniform } from "./random.ts";
import { BATCHES, initialWeights, type LayerWeights } from "./workloads.ts";

export type Cell = "rnn" | "lstm" | "gru";

/** H columns each in U and W. */
export const BLOCKS = { rnn: 1, lstm: 4, gru: 3 } as const satisfies Readonly<Record<Cell, number>>;

export interface RecurrentWorkload {
  readonly kind: "recurrent";
  readonly cell: Cell;
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
const SHORT = { hidden: 128, steps: 32, epochSteps: 32 } as const;

export const RECURRENT: readonly RecurrentWorkload[] = [
  { name: "rnn 65-128 T32 b16 adam", ...CHARACTERS, cell: "rnn", ...SHORT, mostLosses: 10 },
  { name: "rnn 65-256 T128 b16 adam", ...CHARACTERS, cell: "rnn", hidden: 256, steps: 128, epochSteps: 8, mostLosses: 4 },
  { name: "lstm 65-128 T32 b16 adam", ...CHARACTERS, cell: "lstm", ...SHORT, mostLosses: 4 },
  { name: "gru 65-128 T32 b16 adam", ...CHARACTERS, cell: "gru", ...SHORT, mostLosses: 4 },
  {
    name: "lstm 64-256 T128 b32 adam",
    ...CHARACTERS,
    cell: "lstm",
    vocabulary: 64,
    hidden: 256,
    steps: 128,
    batch: 32,
    epochSteps: 8,
    mostLosses: 2,
  },
];

export interface RecurrentProblem {
  /** Windows: batch · BATCHES. */
  readonly rows: number;
  /** (rows × steps): the character at each step. */
  readonly x: Uint8Array<ArrayBuffer>;
  /** (rows × steps): the one after it. */
  readonly labels: Uint8Array<ArrayBuffer>;
  /** U (vocabulary × blocks·hidden) and b (blocks·hidden). */
  readonly input: LayerWeights;
  /** W (hidden × blocks·hidden). */
  readonly recurrent: Float32Array<ArrayBuffer>;
  /** b_W (blocks·hidden) of a GRU; null of others. */
  readonly recurrentBias: Float32Array<ArrayBuffer> | null;
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

/** Gates get biases other than 0: a contender that adds one in another place gives another first loss. */
function gateBiases(columns: number, next: () => number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: columns }, () => next() - 0.5);
}

/** W by Glorot's bounds, too: of a simple layer its singular values are around 1. */
export function makeRecurrentProblem({ cell, vocabulary, hidden, steps, batch }: RecurrentWorkload, seed = 1): RecurrentProblem {
  const next = uniform(seed),
    rows = batch * BATCHES,
    text = makeText(vocabulary, rows * steps + 1, next);
  const columns = BLOCKS[cell] * hidden,
    [input] = initialWeights([vocabulary, columns], next),
    [{ kernel: recurrent }] = initialWeights([hidden, columns], next),
    [output] = initialWeights([hidden, vocabulary], next);
  return {
    rows,
    x: text.slice(0, -1),
    labels: text.slice(1),
    input: cell === "rnn" ? input : { ...input, bias: gateBiases(columns, next) },
    recurrent,
    recurrentBias: cell === "gru" ? gateBiases(columns, next) : null,
    output,
  };
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
