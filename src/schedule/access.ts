// How the text of a kernel reaches the numbers of a tensor, wherever they lie: in a packed buffer, in workgroup memory, or
// still in the data set, from which rows of the mini-batch are gathered on load.

import type { BufferDeclaration } from "../../shaders/kernel.wgsl.ts";
import { tensorOf, type Graph, type OpOf } from "../graph/types.ts";
import type { Formulas } from "./formulas.ts";
import { memoryBytes, resultIndex, type Places } from "./places.ts";
import { NUMBER_BYTES, type Precision } from "./precision.ts";
import type { SequenceWriter } from "./sequence-writer.ts";
import { gatherText, type View, type ViewText } from "./views.ts";

/** All arguments and results are WGSL expressions. */
export interface TensorAccess {
  /** @throws if the plan was not given what writes sequences */
  readonly sequences: SequenceWriter;
  readonly formulas: Formulas;
  /** Where a row starts, to be kept in a `let` if several numbers of the row are read. */
  rowStart(tensor: string, row: string): string;
  /** The number `col` of the row that starts there. */
  inRow(tensor: string, start: string, col: string): string;
  /** The one whole number of row `row` as a u32: a class index, a pick or a length, of a data set unrounded. */
  wholeAt(tensor: string, row: string): string;
  /** Reads the numbers `col` to `col` + 3 of a row as a vec4f, `col` a multiple of 4; null where that is no cheaper than four reads. */
  fourInRow(tensor: string): ((start: string, col: string) => string) | null;
  /** Number `index` of a tensor that is in memory. */
  load(tensor: string, index: string): string;
  /** The number at `row`, `col` and `element`, variables where this is put. */
  here(tensor: string): string;
  /** Number `index`, to assign an f32 to: of tensors that are never f16, such as weights and sums. */
  store(tensor: string, index: string): string;
  /** The statement that stores `value`, an f32, as number `index`. */
  assign(tensor: string, index: string, value: string): string;
  /** `value` as it would be read back after it was stored: rounded, if memory holds it as f16. */
  asStored(tensor: string, value: string): string;
}

/** A buffer that a kernel binds. */
export interface LaunchBinding extends BufferDeclaration {
  /** Which buffer: of weights, of scratch, a data set, the order or the results. */
  readonly memory: string;
}

/** A tensor that a launch reads or writes in memory. */
export interface Touch {
  readonly tensor: string;
  readonly access: "read" | "read_write";
}

/** Collects what one kernel binds while its source is written: the same buffer is bound once. */
export class BufferAccess implements TensorAccess {
  readonly #bindings = new Map<string, Omit<LaunchBinding, "elements">>();
  readonly #touches = new Map<string, Touch>();
  readonly #variables = new Map<string, string>();
  readonly #views = new Map<string, ViewText>();
  readonly #functions = new Map<string, string>();

  readonly #sequences: SequenceWriter | undefined;

  /** @param views tensors that are read from where others lie */
  constructor(
    readonly graph: Graph,
    readonly batch: number,
    readonly places: Places,
    readonly views: ReadonlyMap<string, View>,
    readonly formulas: Formulas,
    sequences?: SequenceWriter,
  ) {
    this.#sequences = sequences;
  }

  get sequences(): SequenceWriter {
    if (!this.#sequences) throw new Error("plan: what writes ops of sequences was not given");
    return this.#sequences;
  }

  rowStart(tensor: string, row: string): string {
    return this.#view(tensor)?.rowStart(row) ?? this.#index(tensor, `(${row}) * ${tensorOf(this.graph, tensor).cols}u`);
  }

  inRow(tensor: string, start: string, col: string): string {
    return this.#view(tensor)?.inRow(start, col) ?? this.#read(tensor, `${start} + ${col}`);
  }

  wholeAt(tensor: string, row: string): string {
    const start = this.rowStart(tensor, row);
    return this.#view(tensor)?.wholeInRow?.(start) ?? `u32(${this.inRow(tensor, start, "0u")})`;
  }

  fourInRow(tensor: string): ((start: string, col: string) => string) | null {
    return this.#view(tensor)?.fourInRow ?? null;
  }

  /** A function that reads need, once. */
  define(name: string, text: string): void {
    this.#functions.set(name, text);
  }

  functions(): string {
    return [...this.#functions.values()].join("");
  }

  /** From now on a tensor of one number is this variable. */
  name(tensor: string, variable: string): void {
    this.#variables.set(tensor, variable);
  }

  /** The shader's name for a buffer of floats that holds no tensors. */
  bind(memory: string, access: "read" | "read_write"): string {
    return this.#bind(memory, "f32", access);
  }

  load(tensor: string, index: string): string {
    return this.#variables.get(tensor) ?? this.#read(tensor, this.#index(tensor, index));
  }

  here(tensor: string): string {
    return this.views.has(tensor) ? this.inRow(tensor, this.rowStart(tensor, "row"), "col") : this.load(tensor, "element");
  }

  store(tensor: string, index: string): string {
    if (this.#isHalf(tensor)) throw new Error(`plan: ${tensor} is f16; write it by assign()`);
    return this.#written(tensor, index);
  }

  assign(tensor: string, index: string, value: string): string {
    return this.#isHalf(tensor) ? `${this.#written(tensor, index)} = to_half(${value});` : `${this.store(tensor, index)} = ${value};`;
  }

  asStored(tensor: string, value: string): string {
    return this.#isHalf(tensor) ? `f32(to_half(${value}))` : value;
  }

  /** The shader's name for the data set of a gather; bytes and labels lie in whole words. */
  data({ inputs: [data], source }: OpOf<"gather">): string {
    return this.#data(data, source === "float32" ? "f32" : "u32");
  }

  order(): string {
    return this.#data("order", "u32");
  }

  bindings(): LaunchBinding[] {
    const bytes = memoryBytes(this.places);
    return [...this.#bindings.values()].map((binding) => ({
      ...binding,
      elements: (bytes.get(binding.memory) ?? 0) / (binding.type === "f16" ? NUMBER_BYTES.f16 : NUMBER_BYTES.f32),
    }));
  }

  touches(): Touch[] {
    return [...this.#touches.values()];
  }

  viewText(op: View): ViewText {
    return op.type === "gather" ? gatherText(this, op) : this.sequences.viewText(this, op);
  }

  #view(tensor: string): ViewText | undefined {
    const op = this.views.get(tensor);
    if (op && !this.#views.has(tensor)) this.#views.set(tensor, this.viewText(op));
    return this.#views.get(tensor);
  }

  #data(tensor: string, type: "f32" | "u32"): string {
    this.#touch(tensor, "read");
    return this.#bind(tensor, type, "read");
  }

  #isHalf(tensor: string): boolean {
    return this.places.get(tensor)?.type === "f16";
  }

  /** Sums and products are f32, whatever memory holds. */
  #read(tensor: string, index: string): string {
    const number = `${this.#memory(tensor, "read")}[${index}]`;
    return this.#isHalf(tensor) ? `f32(${number})` : number;
  }

  #written(tensor: string, index: string): string {
    return `${this.#memory(tensor, "read_write")}[${this.#index(tensor, index)}]`;
  }

  /** Where number `index` of a tensor lies in its buffer. */
  #index(tensor: string, index: string): string {
    return tensorOf(this.graph, tensor).role === "result"
      ? resultIndex(this.graph, tensor, this.batch, index)
      : `${this.#place(tensor).offset}u + ${index}`;
  }

  #memory(tensor: string, access: "read" | "read_write"): string {
    this.#touch(tensor, access);
    if (tensorOf(this.graph, tensor).role === "result") return this.#bind("results", "f32", access);
    const { memory, type } = this.#place(tensor);
    return this.#bind(memory, type, access);
  }

  #place(tensor: string) {
    const place = this.places.get(tensor);
    if (place === undefined) throw new Error(`plan: ${tensor} has no place in memory`);
    return place;
  }

  #touch(tensor: string, access: "read" | "read_write"): void {
    if (this.#touches.get(tensor)?.access !== "read_write") this.#touches.set(tensor, { tensor, access });
  }

  #bind(memory: string, type: Precision | "u32", access: "read" | "read_write"): string {
    const known = this.#bindings.get(memory)?.access;
    this.#bindings.set(memory, { memory, name: memory, type, access: known === "read_write" ? known : access });
    return memory;
  }
}
