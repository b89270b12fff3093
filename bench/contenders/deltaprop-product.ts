// deltaprop's matrix product alone: a plan of one step, run through the queue that fit() uses. Single kernels have no public
// door, so this imports schedule and gpu.

import { createExecutor } from "../../src/gpu/create-executor.ts";
import { acquireDevice, planAdapter } from "../../src/gpu/device.ts";
import { TensorStore } from "../../src/gpu/memory.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { StepQueue } from "../../src/gpu/queue.ts";
import { GraphBuilder } from "../../src/graph/builder.ts";
import type { Graph, StepScalars } from "../../src/graph/types.ts";
import { staged } from "../../src/schedule/blocks.ts";
import { COMMON_FORMULAS } from "../../src/schedule/formulas.ts";
import type { Places } from "../../src/schedule/places.ts";
import { Plan } from "../../src/schedule/plan.ts";
import type { Adapter } from "../../src/schedule/tiles.ts";
import type { ProductContender } from "../contender.ts";
import type { Product } from "../products.ts";

/**
 * All three are weights, so that the product ends in memory. The result, which no step writes, makes the queue
 * wait for each submit: it learns from the time of one how long the next may be.
 */
function graphOf({ form, m, k, n }: Product): Graph {
  const g = new GraphBuilder();
  g.tensor("left", "batch", form === "leftTransposed" ? m : k, "parameter");
  if (form === "leftTransposed") g.tensor("right", "batch", n, "parameter");
  else if (form === "rightTransposed") g.tensor("right", n, k, "parameter");
  else g.tensor("right", k, n, "parameter");
  g.tensor("out", form === "leftTransposed" ? m : "batch", n, "parameter");
  g.tensor("nothing", 1, 1, "result");
  g.push({ type: "product", form, inputs: ["left", "right"], outputs: ["out"] });
  return { purpose: "train", tensors: g.tensors, ops: g.ops, output: "out", seed: 0 };
}

const batchOf = ({ form, m, k }: Product): number => (form === "leftTransposed" ? k : m);

/** @param adapter what the plan is made for */
export const productPlan = (product: Product, adapter: Adapter, weights?: Places): Plan =>
  new Plan(graphOf(product), { batch: batchOf(product), adapter, weights, formulas: { ...COMMON_FORMULAS, staged } });

export const products: ProductContender = {
  async start(product, { left, right }) {
    const context = await acquireDevice(),
      { device } = context,
      store = new TensorStore(device);
    await store.write(
      new Map([
        ["left", left],
        ["right", right],
        ["out", new Float32Array(product.m * product.n)],
      ]),
    );
    const plan = productPlan(product, planAdapter(context), store.places),
      memory = (name: string) => store.buffer(name);
    const queue = new StepQueue(await createExecutor(device, new PipelineCache(device), plan, memory));
    const step: StepScalars = { rows: plan.batch, offset: 0, step: 0, learningRate: 0, correctedRate: 0 };
    const run = async (times: number): Promise<void> => {
      await queue.run(Array<StepScalars>(times).fill(step), () => {});
      await device.queue.onSubmittedWorkDone();
    };
    return {
      async answer() {
        await run(1);
        return (await store.read(["out"])).get("out")!;
      },
      async run(times, clock) {
        clock.start();
        await run(times);
        clock.stop();
        return times;
      },
    };
  },
};
