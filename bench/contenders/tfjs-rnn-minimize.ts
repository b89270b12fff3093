// TensorFlow.js by optimizer.minimize() on a cell written out step by step, without the layers package.
// Route: x·U + b of all steps as one product of one-hot characters, cut by split() (its gradient is one concat()); W from step to
// step; V on all steps at once. Time comes first, so that a step is a run of rows.
// Each in a run of its own on SwiftShader, a simple layer, T = 32: this 540 ms a step; [x(t), h]·[U; W] by fused.matMul with the bias 770; x(t)·U
// as the bias of fused.matMul 1,300 (and not at all on WebAssembly, which takes a vector only).

// The layers package would import this.
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { add, concat, matMul, split, tensor1d, tensor2d, tidy, variable, type Scalar, type Tensor2D } from "@tensorflow/tfjs-core";
import { stepped, type RecurrentContender, type Training } from "../contender.ts";
import { BLOCKS, oneHot, timeFirst, type RecurrentProblem, type RecurrentWorkload } from "../recurrent.ts";
import { BATCHES } from "../workloads.ts";
import { ADVANCE, type State } from "./tfjs-cells.ts";
import { lossOf, optimizerOf } from "./tfjs-recipe.ts";

function trainingOf(workload: RecurrentWorkload, { x, labels, input, recurrent, recurrentBias, output }: RecurrentProblem): Training {
  const { cell, vocabulary, hidden, steps, batch, learningRate } = workload,
    columns = BLOCKS[cell] * hidden;
  const optimizer = optimizerOf({ optimizer: "adam", learningRate }),
    lossFunction = lossOf({ loss: "softmaxCrossentropy" });
  const U = variable(tensor2d(input.kernel, [vocabulary, columns])),
    b = variable(tensor1d(input.bias));
  const W = variable(tensor2d(recurrent, [hidden, columns])),
    bW = recurrentBias && variable(tensor1d(recurrentBias));
  const V = variable(tensor2d(output.kernel, [hidden, vocabulary])),
    c = variable(tensor1d(output.bias));
  const cut = (characters: Uint8Array): Tensor2D[] =>
    Array.from({ length: BATCHES }, (_, i) =>
      tensor2d(oneHot(timeFirst(characters, workload, i), vocabulary), [steps * batch, vocabulary]),
    );
  const xs = cut(x),
    ys = cut(labels);
  const forward = (characters: Tensor2D): Tensor2D => {
    const states: State[] = [];
    for (const z of split<Tensor2D>(add(matMul(characters, U), b), steps)) states.push(ADVANCE[cell](z, states.at(-1) ?? null, W, bW));
    return add(matMul(concat(states.map(({ h }) => h)), V), c);
  };
  const trained = [U, b, W, ...(bW ? [bW] : []), V, c];
  const step = (index: number): Scalar =>
    tidy(() => optimizer.minimize(() => lossFunction(ys[index % BATCHES], forward(xs[index % BATCHES])), true, trained)!);
  const read = async (loss: Scalar): Promise<number> => {
    const [value] = await loss.data();
    loss.dispose();
    return value;
  };
  return stepped(step, read, (loss) => loss.dispose());
}

export const tfjsRecurrentMinimize = (ready: () => Promise<void>): RecurrentContender => ({
  async start(workload, problem) {
    await ready();
    return trainingOf(workload, problem);
  },
});
