// Compares a tensor that came back from a GPU with the reference and its bound. What is not a number never passes, on
// either side, and neither does a bound that proves nothing.

/** Numbers, and how far the GPU's may lie from them. */
export interface Bounded {
  readonly values: Float64Array;
  readonly bounds: Float64Array;
}

/** One tensor of the GPU beside the float64 reference. */
export interface Comparison {
  readonly name: string;
  /** The element whose error is the largest share of its bound. */
  readonly worstIndex: number;
  readonly gpu: number;
  readonly reference: number;
  readonly bound: number;
  /** error / bound there: at most 1 if all is well, infinite for NaN. */
  readonly ratio: number;
  readonly ok: boolean;
}

/** error / bound; infinite where either side is not finite, so that it can pass no test. */
function ratioOf(gpu: number, reference: number, bound: number): number {
  const error = Math.abs(gpu - reference);
  if (!Number.isFinite(error) || !Number.isFinite(bound)) return Infinity;
  return error === 0 ? 0 : error / bound;
}

/** @throws Error if the GPU's tensor has another length than the reference's */
export function compareTensor(name: string, gpu: ArrayLike<number>, { values, bounds }: Bounded): Comparison {
  if (gpu.length !== values.length) {
    throw new Error(`compareTensor(): ${name} has ${gpu.length} numbers but its reference has ${values.length}.`);
  }
  let worstIndex = 0,
    ratio = -1,
    ok = true;
  for (let i = 0; i < values.length; i++) {
    const share = ratioOf(gpu[i], values[i], bounds[i]);
    if (!(share <= 1)) ok = false;
    if (share > ratio) [worstIndex, ratio] = [i, share];
  }
  return { name, worstIndex, gpu: gpu[worstIndex], reference: values[worstIndex], bound: bounds[worstIndex], ratio, ok };
}
