// jax-js by a jitted training step. Route: loss, gradients (valueAndGrad) and the update of every weight in one jit(), so
// that it can fuse across them, Adam too (jax-adam.ts). There is no scan(): one jit() holds the steps of a whole cycle through the batches, one after
// the other, and the loss of its last is read back while the next cycle is under way. Arrays are owned: a call consumes what
// it is given unless it is a `.ref`.
//
// Measured in turn, medians of five: eight steps in a jit() instead of one run 784-128-10 at 1.02 times the steps (WebGPU) and
// 1.19 (WebAssembly), 2-8-1 at 1.24 and 1.33. Reading a loss every step, or every 32, is never faster (pending work piles up).

import { jit, nn, numpy as np, tree, valueAndGrad, type Device } from "@jax-js/jax";
import { pipelined, type Contender, type Training } from "../contender.ts";
import { BATCHES, type Problem, type Workload } from "../workloads.ts";
import { adamStart, adamUpdate, type AdamState } from "./jax-adam.ts";
import { jaxReady } from "./jax-ready.ts";

/** Weights, or one moment of each: kernel (K, J), bias (J) per layer. */
type Params = { kernel: np.Array; bias: np.Array }[];
/** Empty with SGD. */
type State = AdamState<Params>[];
/** Goes through the mini-batches given, in order: the loss of the last, the new weights and state. */
type Steps = (params: Params, state: State, xs: np.Array[], ys: np.Array[]) => [np.Array, Params, State];

function lossOf({ hidden, loss, batch, widths }: Workload) {
  const activate = hidden === "tanh" ? np.tanh : nn.relu;
  return (params: Params, x: np.Array, y: np.Array): np.Array => {
    const output = params.reduce((a, { kernel, bias }, i) => {
      const z = np.dot(a, kernel).add(bias);
      return i === params.length - 1 ? z : activate(z);
    }, x);
    if (loss === "softmaxCrossentropy")
      return nn
        .logSoftmax(output)
        .mul(y)
        .sum()
        .mul(-1 / batch);
    return np
      .square(output.sub(y))
      .sum()
      .mul(1 / (batch * widths.at(-1)!));
  };
}

function stepsOf(workload: Workload): Steps {
  const lossAndGrads = valueAndGrad(lossOf(workload)),
    { learningRate } = workload;
  const step = (params: Params, state: State, x: np.Array, y: np.Array): [np.Array, Params, State] => {
    const [loss, grads] = lossAndGrads(tree.ref(params), x, y) as unknown as [np.Array, Params];
    if (workload.optimizer === "adam") {
      const [next, moments] = adamUpdate(learningRate, params, grads, state[0]);
      return [loss, next, [moments]];
    }
    return [loss, tree.map((w: np.Array, g: np.Array) => w.sub(g.mul(learningRate)), params, grads), state];
  };
  // Another number of mini-batches is traced anew.
  return jit((params: Params, state: State, xs: np.Array[], ys: np.Array[]) => {
    let [loss, newParams, newState] = step(params, state, xs[0], ys[0]);
    for (let i = 1; i < xs.length; i++) {
      loss.dispose();
      [loss, newParams, newState] = step(newParams, newState, xs[i], ys[i]);
    }
    return [loss, newParams, newState];
  }) as unknown as Steps;
}

function initialState({ optimizer }: Workload, { weights }: Problem): State {
  if (optimizer === "sgd") return [];
  return [adamStart((): Params => weights.map(({ fanIn, fanOut }) => ({ kernel: np.zeros([fanIn, fanOut]), bias: np.zeros([fanOut]) })))];
}

function trainingOf(workload: Workload, problem: Problem): Training {
  const { widths, batch } = workload,
    run = stepsOf(workload);
  let params: Params = problem.weights.map(({ fanIn, fanOut, kernel, bias }) => ({
    kernel: np.array(kernel).reshape([fanIn, fanOut]),
    bias: np.array(bias),
  }));
  let state = initialState(workload, problem);
  const cut = (values: Float32Array<ArrayBuffer>, width: number) =>
    Array.from({ length: BATCHES }, (_, i) => np.array(values.slice(i * batch * width, (i + 1) * batch * width)).reshape([batch, width]));
  const xs = cut(problem.x, widths[0]),
    ys = cut(problem.y, widths.at(-1)!);
  const step = (from: number, to: number): np.Array => {
    let loss: np.Array;
    const refs = (arrays: np.Array[]) => arrays.slice(from, to).map((array) => array.ref);
    [loss, params, state] = run(params, state, refs(xs), refs(ys));
    return loss;
  };
  const read = async (loss: np.Array): Promise<number> => ((await loss.data()) as Float32Array)[0];
  // Each loss is read: a cycle is as long as the wait between two (READ_EVERY).
  const cycles = (count: number) =>
    pipelined(
      count,
      () => step(0, BATCHES),
      read,
      () => {},
      1,
    );
  return {
    async losses(steps) {
      const losses: number[] = [];
      for (let at = 0; at < steps; at++) losses.push(await read(step(at % BATCHES, (at % BATCHES) + 1)));
      return losses;
    },
    async run(steps, clock) {
      const count = Math.ceil(steps / BATCHES);
      await cycles(1); // traced and compiled, every batch on the device
      clock.start();
      await cycles(count);
      clock.stop();
      return count * BATCHES;
    },
  };
}

export const jaxOn = (device: Device): Contender => ({
  async start(workload, problem) {
    await jaxReady(device);
    return trainingOf(workload, problem);
  },
});
