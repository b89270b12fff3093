// What the tasks of a campaign tell, one row as soon as it is known, and the report that is written after each. Pure data.

import type { RooflineResult } from "../roofline/report.ts";
import type { PartName } from "./tasks.ts";

export interface AdapterRow {
  readonly kind: "adapter";
  readonly adapter: string;
  /** As plans are made for it: "gpu" or "software". */
  readonly plansFor: string;
  readonly runtime: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

export interface TestRow {
  readonly kind: "test";
  readonly passed: number;
  readonly failed: readonly { readonly name: string; readonly error: string }[];
  readonly notRun: readonly { readonly name: string; readonly reason: string }[];
}

export interface RooflineRow {
  readonly kind: "roofline";
  readonly result: Omit<RooflineResult, "kind">;
}

/** Whether a contender, or a variant of deltaprop, computes what it should. One that does not is not timed. */
export interface AgreementRow {
  readonly kind: "agreement";
  readonly workload: string;
  readonly contender: string;
  readonly status: "agrees" | "wrong" | "failed" | "not here";
  /** The largest from the float64 reference; null where nothing was compared. */
  readonly difference: number | null;
  readonly says: string;
}

/** Of one round; round 0 is the one that found how long a round must be, in which nothing was interleaved. */
export interface RateRow {
  readonly kind: "rate";
  readonly workload: string;
  readonly contender: string;
  readonly round: number;
  /** Steps of training, or products. */
  readonly perSecond: number;
  /** Multiplications and additions of one; null where they are not counted. */
  readonly flops: number | null;
}

export interface CandidateRow {
  readonly kind: "candidate";
  readonly workload: string;
  /** The launch that the product is part of, and the product's key. */
  readonly launch: string;
  readonly site: string;
  readonly shape: string;
  readonly isModels: boolean;
  /** Median of one launch; null where the cut does not compile. */
  readonly micros: number | null;
}

export interface PyTorchRow {
  readonly kind: "pytorch";
  readonly version: string;
  readonly device: string;
}

export type Row = AdapterRow | TestRow | RooflineRow | AgreementRow | RateRow | CandidateRow | PyTorchRow;

export type Status = "done" | "failed" | "out of time";

export interface TaskReport {
  readonly name: string;
  status: Status | "not started";
  /** Why it is not done. */
  says: string;
  seconds: number;
  /** What it told before it ended, however it ended. */
  readonly rows: Row[];
}

export interface PartReport {
  readonly name: PartName;
  readonly title: string;
  status: Status | "running";
  seconds: number;
  readonly tasks: readonly TaskReport[];
}

export interface CampaignReport {
  readonly date: string;
  readonly quick: boolean;
  readonly cpu: string;
  readonly parts: PartReport[];
}

export const rowsOf = <K extends Row["kind"]>({ tasks }: PartReport, kind: K): Extract<Row, { kind: K }>[] =>
  tasks.flatMap(({ rows }) => rows.filter((row): row is Extract<Row, { kind: K }> => row.kind === kind));
