// TensorFlow.js by optimizer.minimize() on mini-batches that lie on the device, without the layers package.
// Route: minimize() tidies what it makes; a loss is read back every few steps, while the next ones are under way. Measured in
// turn, medians of six on SwiftShader: fused.matMul with the bias and a linear activation, the one form that stays one launch
// while a gradient is recorded, runs 2-64-64-1 at 1.18 times the steps of matMul and add; but 784-128-10 at 0.79, since only
// without a bias TensorFlow.js splits long sums. So each layer takes what suits it. A larger batch of deferred commands
// (WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE) is slower.

// The layers package would import this.
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import {
  add,
  fused,
  matMul,
  relu,
  tanh,
  tensor1d,
  tensor2d,
  tidy,
  variable,
  type Scalar,
  type Tensor,
  type Tensor2D,
} from "@tensorflow/tfjs-core";
import { stepped, type Contender, type Training } from "../contender.ts";
import { BATCHES, type Problem, type Workload } from "../workloads.ts";
import { lossOf, optimizerOf } from "./tfjs-recipe.ts";

/** Terms of a sum from which the bias is added by itself. */
const LONG_SUM = 512;

function trainingOf(workload: Workload, problem: Problem): Training {
  const { widths, batch, hidden } = workload,
    activate = hidden === "tanh" ? tanh : relu;
  const optimizer = optimizerOf(workload),
    lossFunction = lossOf(workload);
  const weights = problem.weights.map(({ fanIn, fanOut, kernel, bias }) => ({
    kernel: variable(tensor2d(kernel, [fanIn, fanOut])),
    bias: variable(tensor1d(bias)),
  }));
  const variables = weights.flatMap(({ kernel, bias }) => [kernel, bias]);
  const cut = (values: Float32Array, width: number): Tensor2D[] =>
    Array.from({ length: BATCHES }, (_, i) => tensor2d(values.slice(i * batch * width, (i + 1) * batch * width), [batch, width]));
  const xs = cut(problem.x, widths[0]),
    ys = cut(problem.y, widths.at(-1)!);
  const forward = (x: Tensor2D): Tensor =>
    weights.reduce<Tensor>((a, { kernel, bias }, i) => {
      const z = widths[i] >= LONG_SUM ? add(matMul(a, kernel), bias) : fused.matMul({ a, b: kernel, bias, activation: "linear" });
      return i === weights.length - 1 ? z : activate(z);
    }, x);
  const step = (index: number): Scalar =>
    tidy(() => optimizer.minimize(() => lossFunction(ys[index % BATCHES], forward(xs[index % BATCHES])), true, variables)!);
  const read = async (loss: Scalar): Promise<number> => {
    const [value] = await loss.data();
    loss.dispose();
    return value;
  };
  return stepped(step, read, (loss) => loss.dispose());
}

export const tfjsMinimize = (ready: () => Promise<void>): Contender => ({
  async start(workload, problem) {
    await ready();
    return trainingOf(workload, problem);
  },
});
