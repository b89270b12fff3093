// How each operation is computed. (What it is: graph/ops.ts.)

import type { OpName } from "../graph/types.ts";

/** The kind of kernel that a group of steps becomes, by the first of them. */
export type Anchor = "gather" | "product" | "rowSum" | "elementwise" | "rowWise" | "reduce" | "recurrent";

export interface OpSchedule {
  readonly anchor: Anchor;
  /** The anchor in a fused plan, where it is another. */
  readonly fused?: Anchor;
  /** It joins no group that was begun before it: it reads other rows than it makes, or waits for all of a gradient. */
  readonly first?: true;
  /** With precision "f16": what it reads is not rounded. */
  readonly precise?: true;
  /** With precision "f16": what it makes is not rounded. */
  readonly whole?: true;
}

/** One number at a time: it can follow any kernel that makes numbers of its shape. */
const CELL: OpSchedule = { anchor: "elementwise" },
  OTHER_ROWS: OpSchedule = { anchor: "elementwise", first: true };
const CARRIED: OpSchedule = { ...OTHER_ROWS, whole: true };
const ROW: OpSchedule = { anchor: "rowWise" },
  PRECISE_ROW: OpSchedule = { ...ROW, precise: true };
const PRODUCT: OpSchedule = { anchor: "product" },
  COLUMNS: OpSchedule = { anchor: "rowSum" },
  SUM: OpSchedule = { anchor: "reduce" };

/** Operations that are CELL. */
type CellOpName =
  | "activation"
  | "activationDerivative"
  | "hadamard"
  | "dropout"
  | "maskRows"
  | "weightRows"
  | "normalize"
  | "penaltyGradient"
  | "clipValue"
  | "accumulate"
  | "update";

const OTHERS: Readonly<Record<Exclude<OpName, CellOpName>, OpSchedule> & Partial<Record<CellOpName, undefined>>> = {
  gather: { anchor: "gather", whole: true },
  previousStep: OTHER_ROWS,
  lastStep: CARRIED,
  lastStepGradient: OTHER_ROWS,
  carry: CARRIED,
  product: PRODUCT,
  embeddingGradient: PRODUCT,
  rowSum: COLUMNS,
  moment: COLUMNS,
  // States whose rounding would go on from time step to time step.
  recurrentForward: { anchor: "recurrent", whole: true },
  recurrentBackward: { anchor: "recurrent" },
  softmax: PRECISE_ROW,
  softmaxPullback: ROW,
  normalizeRows: ROW,
  lossRows: PRECISE_ROW,
  metricRows: PRECISE_ROW,
  // Row by row in a fused plan, so that softmax, loss and δᴸ share one kernel.
  lossGradient: { ...CELL, fused: "rowWise", precise: true },
  penalty: SUM,
  clipFactor: SUM,
  summarize: SUM,
  countSteps: SUM,
  scale: OTHER_ROWS,
  embeddingLookup: OTHER_ROWS,
};

export const scheduleOf = (type: OpName): OpSchedule => OTHERS[type] ?? CELL;

/** Whether fused plans take the operation row by row. */
export function isRowWise(type: OpName): boolean {
  const { anchor, fused = anchor } = scheduleOf(type);
  return fused === "rowWise";
}
