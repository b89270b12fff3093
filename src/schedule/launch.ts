// A launch: one dispatch of one kernel, with everything that it needs named but nothing created.

import { STEP_BYTES, type BufferDeclaration } from "../../shaders/kernel.wgsl.ts";
import type { Graph, Step, Tensor } from "../graph/types.ts";
import { tensorOf } from "../graph/types.ts";

export { STEP_BYTES };

/** WebGPU's limit on workgroups in one dimension, the same on every device. */
export const MAX_WORKGROUPS = 65535;

export interface LaunchBinding extends BufferDeclaration {
  readonly tensor: string;
}

export interface Launch {
  /** The kernel's name in shaders/. */
  readonly kernel: string;
  /** What it computes, by the names of the graph: "z1 → a1". */
  readonly label: string;
  readonly steps: readonly Step[];
  readonly source: string;
  /** In binding order from 1; binding 0 is the step's numbers. */
  readonly bindings: readonly LaunchBinding[];
  /** Workgroups in x and y. */
  readonly grid: readonly [number, number];
  /** Multiplications and additions of its products, for reports. */
  readonly flops: number;
  /** What binding 0 is: one step's numbers, chosen by a dynamic offset; or a table of many steps that it goes through. */
  readonly table: "uniform" | "storage";
}

/** How the text of a kernel reaches the numbers of a tensor, wherever they lie; `index` is a WGSL expression. */
export interface TensorAccess {
  /** An expression to read. */
  load(tensor: string, index: string): string;
  /** An expression to assign to. */
  store(tensor: string, index: string): string;
}

/** Collects the buffers of one kernel while its source is written: the same tensor is bound once. */
export class BindingList implements TensorAccess {
  readonly #bindings = new Map<string, LaunchBinding>();

  constructor(readonly graph: Graph, readonly batch: number) {}

  load(tensor: string, index: string): string {
    return `${this.read(tensor)}[${index}]`;
  }

  store(tensor: string, index: string): string {
    return `${this.write(tensor)}[${place(tensorOf(this.graph, tensor), this.batch, index)}]`;
  }

  /** The shader's name for a tensor that is read. `name` is a wish, for kernels whose operands have names. */
  read(tensor: string, name?: string): string {
    return this.#bind(tensor, "read", name);
  }

  write(tensor: string, name?: string): string {
    return this.#bind(tensor, "read_write", name);
  }

  #bind(tensor: string, access: "read" | "read_write", wish?: string): string {
    const known = this.#bindings.get(tensor);
    const name = known?.name ?? wish ?? `t${this.#bindings.size}`;
    this.#bindings.set(tensor, {
      tensor, name, type: storageType(this.graph, tensor), access: known?.access === "read_write" ? "read_write" : access,
    });
    return name;
  }

  list(): LaunchBinding[] {
    return [...this.#bindings.values()];
  }
}

/** Everything is f32 but the order of the rows and data that stay bytes or class indices. */
function storageType(graph: Graph, name: string): "f32" | "u32" {
  if (name === "order") return "u32";
  if (tensorOf(graph, name).role !== "data") return "f32";
  const reader = graph.steps.find((step) => step.op === "gather" && step.inputs[0] === name);
  return reader?.op === "gather" && reader.source !== "float32" ? "u32" : "f32";
}

/** The rows of a tensor as a WGSL expression. */
export const rowsExpression = (tensor: Tensor): string => (tensor.rows === "batch" ? "step.rows" : `${tensor.rows}u`);

/** Where `element` of a tensor lies: results of many steps lie one after the other in one buffer. */
export function place(tensor: Tensor, batch: number, element: string): string {
  if (tensor.role !== "result") return element;
  const size = (tensor.rows === "batch" ? batch : tensor.rows) * tensor.cols;
  return `step.slot * ${size}u + ${element}`;
}

/** A grid of at least `workgroups` workgroups of a kernel that uses flat_index. */
export function flatGrid(workgroups: number): readonly [number, number] {
  const x = Math.min(workgroups, MAX_WORKGROUPS);
  return [x, Math.ceil(workgroups / x)];
}
