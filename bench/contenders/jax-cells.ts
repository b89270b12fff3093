// One time step of each cell, written out for jax-js: see recurrent.ts. The products of all gates are one. What a step is given it consumes, but for
// h(t−1), W and b_W, which others use too.

import { nn, numpy as np } from "@jax-js/jax";
import { BLOCKS, type Cell } from "../recurrent.ts";

export interface State {
  readonly h: np.Array;
  /** Of an LSTM. */
  readonly c?: np.Array;
}

/**
 * @param z x(t)·U + b (batch × blocks·hidden)
 * @param before null at the first step, where h(t−1)·W is 0
 * @param recurrentBias b_W of a GRU
 */
type Advance = (z: np.Array, before: State | null, W: np.Array, recurrentBias: np.Array | null) => State;

const product = ({ h }: State, W: np.Array): np.Array => np.dot(h.ref, W.ref);

function simple(z: np.Array, before: State | null, W: np.Array): State {
  return { h: np.tanh(before ? z.add(product(before, W)) : z) };
}

function lstm(z: np.Array, before: State | null, W: np.Array): State {
  const [i, f, g, o] = np.split(before ? z.add(product(before, W)) : z, BLOCKS.lstm, 1);
  const fresh = nn.sigmoid(i).mul(np.tanh(g));
  if (!before) f.dispose();
  const c = before ? nn.sigmoid(f).mul(before.c!).add(fresh) : fresh;
  return { h: nn.sigmoid(o).mul(np.tanh(c.ref)), c };
}

function gru(z: np.Array, before: State | null, W: np.Array, recurrentBias: np.Array | null): State {
  const bias = recurrentBias!.ref,
    q = before ? product(before, W).add(bias) : bias.reshape([1, -1]);
  const [zUpdate, zReset, zNew] = np.split(z, BLOCKS.gru, 1),
    [qUpdate, qReset, qNew] = np.split(q, BLOCKS.gru, 1);
  const update = nn.sigmoid(zUpdate.add(qUpdate)),
    fresh = np.tanh(zNew.add(nn.sigmoid(zReset.add(qReset)).mul(qNew)));
  // z ⊙ h + (1 − z) ⊙ g
  const ahead = before ? before.h.ref.sub(fresh.ref) : np.negative(fresh.ref);
  return { h: fresh.add(update.mul(ahead)) };
}

export const ADVANCE: Readonly<Record<Cell, Advance>> = { rnn: simple, lstm, gru };
