// Adam for jax-js, in Keras' form with the corrections kept on the device, as in its own optax but to be called inside a jit().

import { numpy as np, tree, type JsTree } from "@jax-js/jax";
import { ADAM } from "../workloads.ts";

type Tree = JsTree<np.Array>;

/** Moments of each weight; `power1`, `power2` are β₁ᵗ and β₂ᵗ. */
export type AdamState<P extends Tree> = { m: P; v: P; power1: np.Array; power2: np.Array };

/** @param zeros of the shapes of the weights */
export function adamStart<P extends Tree>(zeros: () => P): AdamState<P> {
  const one = () => np.array(new Float32Array([1])).reshape([]);
  return { m: zeros(), v: zeros(), power1: one(), power2: one() };
}

/** @returns new weights and state; what it is given is consumed */
export function adamUpdate<P extends Tree>(learningRate: number, params: P, grads: P, state: AdamState<P>): [P, AdamState<P>] {
  const { beta1, beta2, epsilon } = ADAM;
  const power1 = state.power1.mul(beta1),
    power2 = state.power2.mul(beta2);
  const m = tree.map((old: np.Array, g: np.Array) => old.mul(beta1).add(g.mul(1 - beta1)), state.m, tree.ref(grads));
  const v = tree.map((old: np.Array, g: np.Array) => old.mul(beta2).add(np.square(g).mul(1 - beta2)), state.v, grads);
  const rate = np.sqrt(np.subtract(1, power2.ref)).div(np.subtract(1, power1.ref)).mul(learningRate);
  const next = tree.map(
    (w: np.Array, mean: np.Array, square: np.Array) => w.sub(mean.mul(rate.ref).div(np.sqrt(square).add(epsilon))),
    params,
    tree.ref(m),
    tree.ref(v),
  );
  rate.dispose();
  return [next, { m, v, power1, power2 }];
}
