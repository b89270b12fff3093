// Tensors that are in no memory of their own because they are only another way to read what lies elsewhere: rows of a
// mini-batch in the data set, the states one step before, the last step of each sequence.

import { gatheredBytes, gatheredNumber, gatheredRow } from "../../shaders/gather.wgsl.ts";
import { OPS } from "../graph/ops.ts";
import { timestepsOf, tensorOf, type Graph, type Op, type OpOf } from "../graph/types.ts";

export type SequenceView = OpOf<"previousStep" | "lastStep" | "lastStepGradient">;
export type View = OpOf<"gather"> | SequenceView;

export const isView = (op: Op): op is View => OPS[op.type]?.view === true;

/** The views of a graph by the tensors that they make. What is read back lies in memory, so a result is none. */
export const viewsOf = (graph: Graph): Map<string, View> =>
  new Map(
    graph.ops
      .filter(isView)
      .filter(({ outputs: [out] }) => tensorOf(graph, out).role !== "result")
      .map((op) => [op.outputs[0], op]),
  );

/**
 * The views of whole numbers: class indices, picks of a kernel's rows, lengths. They are read from the data set also where the rows are
 * copied, since the copy is f32 and rounds what is above 2²⁴.
 */
export const wholeNumbersOf = (graph: Graph): Map<string, View> =>
  new Map([...viewsOf(graph)].filter(([, op]) => op.type === "gather" && op.source === "uint32"));

/** How the buffers behind a view are read: access.ts. */
export interface Reader {
  readonly graph: Graph;
  order(): string;
  data(op: OpOf<"gather">): string;
  rowStart(tensor: string, row: string): string;
  inRow(tensor: string, start: string, col: string): string;
  wholeAt(tensor: string, row: string): string;
  /** Adds a function at module scope. */
  define(name: string, text: string): void;
}

/** How a view is read; the row's start is worked out once and then given to `inRow`. All are WGSL expressions. */
export interface ViewText {
  rowStart(row: string): string;
  inRow(start: string, col: string): string;
  /** Four columns as a vec4f where that is cheaper than four reads; else null. */
  readonly fourInRow: ((start: string, col: string) => string) | null;
  /** The first number of a row as a u32, where the data set holds whole numbers. */
  readonly wholeInRow?: (start: string) => string;
}

/** Rows of the data set; the other views are those of sequences.ts. */
export function gatherText(access: Reader, op: OpOf<"gather">): ViewText {
  const tensor = tensorOf(access.graph, op.outputs[0]),
    steps = timestepsOf(tensor),
    { cols } = tensor,
    order = access.order();
  const data = access.data(op);
  return {
    rowStart: (row) =>
      steps === 1
        ? gatheredRow(order, row, cols)
        : `${gatheredRow(order, `(${row}) / ${steps}u`, cols * steps)} + (${row}) % ${steps}u * ${cols}u`,
    inRow: (start, col) => gatheredNumber(data, op, `${start} + ${col}`),
    ...(op.source === "uint32" ? { wholeInRow: (start: string) => `${data}[${start}]` } : {}),
    fourInRow: op.source === "uint8" && cols % 4 === 0 ? (start, col) => gatheredBytes(data, op.scale, `${start} + ${col}`) : null,
  };
}
