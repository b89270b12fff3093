// Collects the tensors and steps of a graph while it is built, and refuses what would not make sense.

import { tensorOf, type ProductForm, type Role, type Rows, type Step, type Tensor } from "./types.ts";

export class GraphBuilder {
  readonly tensors = new Map<string, Tensor>();
  readonly steps: Step[] = [];

  tensor(name: string, rows: Rows, cols: number, role: Role = "intermediate"): string {
    if (this.tensors.has(name)) throw new Error(`graph already has a tensor "${name}"`);
    this.tensors.set(name, Object.freeze({ name, role, rows, cols }));
    return name;
  }

  /** A new tensor of the shape of `like`. */
  alike(name: string, like: string): string {
    const { rows, cols } = tensorOf(this, like);
    return this.tensor(name, rows, cols);
  }

  product(form: ProductForm, left: string, right: string, out: string, bias?: string): string {
    const rows = tensorOf(this, left)[form === "leftTransposed" ? "cols" : "rows"];
    const cols = tensorOf(this, right)[form === "rightTransposed" ? "rows" : "cols"];
    if (cols === "batch") throw new Error(`product ${out}: the batch cannot be a column dimension`);
    this.tensor(out, rows, cols);
    this.steps.push({ op: "product", form, inputs: bias ? [left, right, bias] : [left, right], outputs: [out] });
    return out;
  }

  push(step: Step): string {
    this.steps.push(step);
    return step.outputs[0];
  }
}
