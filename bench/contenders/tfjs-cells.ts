// One time step of each cell, written out for TensorFlow.js: see recurrent.ts. The products of all gates are one.

import { add, matMul, mul, reshape, sigmoid, split, sub, tanh, type Tensor, type Tensor2D } from "@tensorflow/tfjs-core";
import { BLOCKS, type Cell } from "../recurrent.ts";

export interface State {
  readonly h: Tensor2D;
  /** Of an LSTM. */
  readonly c?: Tensor2D;
}

/** (rows × blocks·hidden) to as many of (rows × hidden). */
const blocksOf = (x: Tensor, blocks: number): Tensor2D[] => split<Tensor2D>(x, blocks, 1);

/**
 * @param z x(t)·U + b (batch × blocks·hidden)
 * @param before null at the first step, where h(t−1)·W is 0
 * @param recurrentBias b_W of a GRU
 */
type Advance = (z: Tensor2D, before: State | null, W: Tensor2D, recurrentBias: Tensor | null) => State;

function simple(z: Tensor2D, before: State | null, W: Tensor2D): State {
  return { h: tanh(before ? add(z, matMul(before.h, W)) : z) };
}

function lstm(z: Tensor2D, before: State | null, W: Tensor2D): State {
  const [i, f, g, o] = blocksOf(before ? add(z, matMul(before.h, W)) : z, BLOCKS.lstm);
  const fresh = mul<Tensor2D>(sigmoid(i), tanh(g)),
    c = before ? add<Tensor2D>(mul(sigmoid(f), before.c!), fresh) : fresh;
  return { h: mul(sigmoid(o), tanh(c)), c };
}

function gru(z: Tensor2D, before: State | null, W: Tensor2D, recurrentBias: Tensor | null): State {
  const q = before ? add(matMul(before.h, W), recurrentBias!) : reshape(recurrentBias!, [1, -1]);
  const [zUpdate, zReset, zNew] = blocksOf(z, BLOCKS.gru),
    [qUpdate, qReset, qNew] = blocksOf(q, BLOCKS.gru);
  const update = sigmoid(add(zUpdate, qUpdate)),
    fresh: Tensor2D = tanh(add(zNew, mul(sigmoid(add(zReset, qReset)), qNew)));
  // z ⊙ h + (1 − z) ⊙ g
  return { h: before ? add(fresh, mul(update, sub(before.h, fresh))) : sub(fresh, mul(update, fresh)) };
}

export const ADVANCE: Readonly<Record<Cell, Advance>> = { rnn: simple, lstm, gru };
