// Collects the tensors and ops of a graph while it is built, and refuses what would not make sense.

import type { Parameter } from "../model/network.ts";
import { tensorOf, type ProductForm, type Role, type Rows, type Op, type Tensor } from "./types.ts";

/** A weight tensor with what makes the gradient of the data under a name. */
export type Made = readonly [parameter: Parameter, gradient: (name: string) => string];

export class GraphBuilder {
  readonly tensors = new Map<string, Tensor>();
  readonly ops: Op[] = [];

  /** @param timesteps rows of each example where `rows` is "batch" */
  tensor(name: string, rows: Rows, cols: number, role: Role = "intermediate", timesteps = 1): string {
    if (this.tensors.has(name)) throw new Error(`graph already has a tensor "${name}"`);
    this.tensors.set(name, Object.freeze({ name, role, rows, cols, ...(timesteps > 1 ? { timesteps } : {}) }));
    return name;
  }

  /** A new tensor of the shape of `like`. */
  alike(name: string, like: string): string {
    const { rows, cols, timesteps } = tensorOf(this, like);
    return this.tensor(name, rows, cols, "intermediate", timesteps);
  }

  product(form: ProductForm, left: string, right: string, out: string, bias?: string): string {
    const { rows, cols: width, timesteps } = tensorOf(this, left);
    const cols = tensorOf(this, right)[form === "rightTransposed" ? "rows" : "cols"];
    if (cols === "batch") throw new Error(`product ${out}: the batch cannot be a column dimension`);
    if (form === "leftTransposed") this.tensor(out, width, cols);
    else this.tensor(out, rows, cols, "intermediate", timesteps);
    this.ops.push({ type: "product", form, inputs: bias ? [left, right, bias] : [left, right], outputs: [out] });
    return out;
  }

  push(op: Op): string {
    this.ops.push(op);
    return op.outputs[0];
  }
}
