// jax-js by a jitted training step, as jax.ts. There is no scan(): the steps of a window are written out one after the other
// inside one jit(), x(t)·U each by itself, V on all steps at once. As one product of all steps, cut into T slices, U·x made
// the check of three losses at T = 32 take a minute in place of three seconds (SwiftShader).

import { jit, nn, numpy as np, tree, valueAndGrad, type Device } from "@jax-js/jax";
import { stepped, type RecurrentContender, type Training } from "../contender.ts";
import { BLOCKS, oneHot, timeFirst, type RecurrentProblem, type RecurrentWorkload } from "../recurrent.ts";
import { BATCHES } from "../workloads.ts";
import { adamStart, adamUpdate, type AdamState } from "./jax-adam.ts";
import { ADVANCE, type State } from "./jax-cells.ts";
import { jaxReady } from "./jax-ready.ts";

/** bW: of a GRU; of others there is none. */
type Params = { U: np.Array; b: np.Array; W: np.Array; bW: np.Array[]; V: np.Array; c: np.Array };
/** Consumes what it is given; x, y (steps × batch × vocabulary). */
type Step = (params: Params, state: AdamState<Params>, x: np.Array, y: np.Array) => [np.Array, Params, AdamState<Params>];

function lossOf({ cell, vocabulary, steps, batch }: RecurrentWorkload) {
  return ({ U, b, W, bW, V, c }: Params, x: np.Array, y: np.Array): np.Array => {
    const states: State[] = [];
    for (let t = 0; t < steps; t++) {
      const z = np.dot(x.ref.slice(t), U.ref).add(b.ref);
      states.push(ADVANCE[cell](z, states[t - 1] ?? null, W, bW[0] ?? null));
    }
    states.at(-1)?.c?.dispose();
    for (const used of [x, U, b, W, ...bW]) used.dispose();
    const output = np.dot(np.concatenate(states.map(({ h }) => h)), V).add(c);
    return nn
      .logSoftmax(output)
      .mul(y.reshape([steps * batch, vocabulary]))
      .sum()
      .mul(-1 / (steps * batch));
  };
}

function stepOf(workload: RecurrentWorkload): Step {
  const lossAndGrads = valueAndGrad(lossOf(workload));
  return jit((params: Params, state: AdamState<Params>, x: np.Array, y: np.Array): [np.Array, Params, AdamState<Params>] => {
    const [loss, grads] = lossAndGrads(tree.ref(params), x, y) as unknown as [np.Array, Params];
    return [loss, ...adamUpdate(workload.learningRate, params, grads, state)];
  });
}

function trainingOf(workload: RecurrentWorkload, { x, labels, input, recurrent, recurrentBias, output }: RecurrentProblem): Training {
  const { cell, vocabulary, hidden, steps, batch } = workload,
    columns = BLOCKS[cell] * hidden,
    run = stepOf(workload);
  let params: Params = {
    U: np.array(input.kernel).reshape([vocabulary, columns]),
    b: np.array(input.bias),
    W: np.array(recurrent).reshape([hidden, columns]),
    bW: recurrentBias ? [np.array(recurrentBias)] : [],
    V: np.array(output.kernel).reshape([hidden, vocabulary]),
    c: np.array(output.bias),
  };
  let state = adamStart((): Params => ({
    U: np.zeros([vocabulary, columns]),
    b: np.zeros([columns]),
    W: np.zeros([hidden, columns]),
    bW: recurrentBias ? [np.zeros([columns])] : [],
    V: np.zeros([hidden, vocabulary]),
    c: np.zeros([vocabulary]),
  }));
  const cut = (characters: Uint8Array) =>
    Array.from({ length: BATCHES }, (_, i) =>
      np.array(oneHot(timeFirst(characters, workload, i), vocabulary)).reshape([steps, batch, vocabulary]),
    );
  const xs = cut(x),
    ys = cut(labels);
  const step = (index: number): np.Array => {
    let loss: np.Array;
    [loss, params, state] = run(params, state, xs[index % BATCHES].ref, ys[index % BATCHES].ref);
    return loss;
  };
  const read = async (loss: np.Array): Promise<number> => ((await loss.data()) as Float32Array)[0];
  return stepped(step, read, (loss) => loss.dispose());
}

export const jaxRecurrentOn = (device: Device): RecurrentContender => ({
  async start(workload, problem) {
    await jaxReady(device);
    return trainingOf(workload, problem);
  },
});
