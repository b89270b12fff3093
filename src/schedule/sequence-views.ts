// Views of sequences: the states one step before, the last step of each, and the gradient that goes back to it.

import { timestepsOf, tensorOf } from "../graph/types.ts";
import type { Reader, SequenceView, ViewText } from "./views.ts";

/** Stands for a row of zeros, and for one of the carried states. */
const NO_ROW = "0xffffffffu",
  CARRIED = "0x80000000u";

export function viewText(access: Reader, op: SequenceView): ViewText {
  const [base, carried] = op.inputs,
    out = op.outputs[0],
    { graph } = access;
  // Of a sequence: the longer of what is read and what is made.
  const steps = timestepsOf(tensorOf(graph, op.type === "lastStepGradient" ? out : base)),
    { cols } = tensorOf(graph, out);
  if (op.type === "lastStep") {
    return {
      rowStart: (row) => access.rowStart(base, `(${row}) * ${steps}u + ${steps - 1}u`),
      inRow: (start, col) => access.inRow(base, start, col),
      fourInRow: null,
    };
  }
  const name = `view_${out}`,
    isStateful = op.type === "previousStep" && op.stateful;
  const ofCarried = isStateful
    ? `\n  if ((start & ${CARRIED}) != 0u) { return ${access.inRow(carried, "(start & 0x7fffffffu)", "col")}; }`
    : "";
  access.define(
    name,
    `fn ${name}(start: u32, col: u32) -> f32 {
  if (start == ${NO_ROW}) { return 0.0; }${ofCarried}
  return ${access.inRow(base, "start", "col")};
}
`,
  );
  const inRow = (start: string, col: string) => `${name}(${start}, ${col})`;
  if (op.type === "lastStepGradient") {
    return {
      inRow,
      fourInRow: null,
      rowStart: (row) => `select(${NO_ROW}, ${access.rowStart(base, `(${row}) / ${steps}u`)}, (${row}) % ${steps}u == ${steps - 1}u)`,
    };
  }
  const first = isStateful
    ? (row: string) => `select(${CARRIED} | (${access.rowStart(carried, `(${row}) / ${steps}u`)}), ${NO_ROW}, step.fresh != 0u)`
    : () => NO_ROW;
  return {
    inRow,
    fourInRow: null,
    rowStart: (row) => `select(${access.rowStart(base, row)} - ${cols}u, ${first(row)}, (${row}) % ${steps}u == 0u)`,
  };
}
