// Tensors that are in no memory of their own because they are only another way to read what lies elsewhere: rows of a
// mini-batch in the data set, the states one step before, the last step of each sequence.

import { gatheredBytes, gatheredNumber, gatheredRow } from "../../shaders/gather.wgsl.ts";
import { stepsOf, tensorOf, type Graph, type Step, type StepOf } from "../graph/types.ts";

export type View = StepOf<"gather" | "previousStep" | "lastStep" | "lastStepGradient">;

export const isView = (step: Step): step is View =>
  step.op === "gather" || step.op === "previousStep" || step.op === "lastStep" || step.op === "lastStepGradient";

/** The views of a graph by the tensors that they make. */
export const viewsOf = (graph: Graph): Map<string, View> =>
  new Map(graph.steps.filter(isView).map((step) => [step.outputs[0], step]));

/** How the buffers behind a view are read: access.ts. */
export interface Reader {
  readonly graph: Graph;
  order(): string;
  data(step: StepOf<"gather">): string;
  rowStart(tensor: string, row: string): string;
  inRow(tensor: string, start: string, col: string): string;
  /** Adds a function at module scope. */
  define(name: string, text: string): void;
}

/** How a view is read; the row's start is worked out once and then given to `inRow`. All are WGSL expressions. */
export interface ViewText {
  rowStart(row: string): string;
  inRow(start: string, col: string): string;
  /** Four columns as a vec4f where that is cheaper than four reads; else null. */
  readonly fourInRow: ((start: string, col: string) => string) | null;
}

/** Stands for a row of zeros, and for one of the carried states. */
const NO_ROW = "0xffffffffu", CARRIED = "0x80000000u";

function gatherText(access: Reader, step: StepOf<"gather">): ViewText {
  const tensor = tensorOf(access.graph, step.outputs[0]), steps = stepsOf(tensor), { cols } = tensor, order = access.order();
  const data = access.data(step);
  return {
    rowStart: (row) => (steps === 1 ? gatheredRow(order, row, cols)
      : `${gatheredRow(order, `(${row}) / ${steps}u`, cols * steps)} + (${row}) % ${steps}u * ${cols}u`),
    inRow: (start, col) => gatheredNumber(data, step, `${start} + ${col}`),
    fourInRow: step.source === "uint8" && cols % 4 === 0 ? (start, col) => gatheredBytes(data, step.scale, `${start} + ${col}`) : null,
  };
}

export function viewText(access: Reader, step: View): ViewText {
  if (step.op === "gather") return gatherText(access, step);
  const [base, carried] = step.inputs, out = step.outputs[0], { graph } = access;
  // Of a sequence: the longer of what is read and what is made.
  const steps = stepsOf(tensorOf(graph, step.op === "lastStepGradient" ? out : base)), { cols } = tensorOf(graph, out);
  if (step.op === "lastStep") {
    return {
      rowStart: (row) => access.rowStart(base, `(${row}) * ${steps}u + ${steps - 1}u`),
      inRow: (start, col) => access.inRow(base, start, col), fourInRow: null,
    };
  }
  const name = `view_${out}`, isStateful = step.op === "previousStep" && step.stateful;
  const ofCarried = isStateful
    ? `\n  if ((start & ${CARRIED}) != 0u) { return ${access.inRow(carried, "(start & 0x7fffffffu)", "col")}; }` : "";
  access.define(name, `fn ${name}(start: u32, col: u32) -> f32 {
  if (start == ${NO_ROW}) { return 0.0; }${ofCarried}
  return ${access.inRow(base, "start", "col")};
}
`);
  const inRow = (start: string, col: string) => `${name}(${start}, ${col})`;
  if (step.op === "lastStepGradient") {
    return { inRow, fourInRow: null, rowStart: (row) =>
      `select(${NO_ROW}, ${access.rowStart(base, `(${row}) / ${steps}u`)}, (${row}) % ${steps}u == ${steps - 1}u)` };
  }
  const first = isStateful
    ? (row: string) => `select(${CARRIED} | (${access.rowStart(carried, `(${row}) / ${steps}u`)}), ${NO_ROW}, step.fresh != 0u)`
    : () => NO_ROW;
  return { inRow, fourInRow: null, rowStart: (row) =>
    `select(${access.rowStart(base, row)} - ${cols}u, ${first(row)}, (${row}) % ${steps}u == 0u)` };
}
