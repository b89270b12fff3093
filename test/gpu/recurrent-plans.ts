// What the tests of recurrent layers have in common: a network on random data, its plans, and what holds of them.

import { describe, expect, it } from "vitest";
import type { Layer } from "../../src/model/layers.ts";
import { sgd, type Optimizer } from "../../src/model/optimizers.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { SEQUENCES } from "../../src/schedule/sequences.ts";
import { verifyTrace, VerifyReport } from "../../src/train/float64/verify.ts";
import { sample } from "../reference/samples.ts";
import { FORMULAS } from "../support/formulas.ts";
import { sabotage, type useGpu } from "./support.ts";
import { bitsOf, Training } from "./training.ts";

const SOFTWARE = { kind: "software", quads: false, workgroupBytes: 16384 } as const;

export interface Case {
  readonly layers: readonly Layer[];
  readonly loss?: Parameters<typeof sample>[0]["loss"];
  readonly optimizer?: Optimizer;
  readonly metrics?: readonly string[];
  readonly rows?: number;
  readonly masked?: boolean;
  readonly carried?: boolean;
}

type Gpu = ReturnType<typeof useGpu>;

function declare({ layers, loss = "meanSquaredError", optimizer = sgd(0.1), metrics, rows = 5, masked, carried }: Case) {
  return { ...sample({ layers, loss, optimizer, metrics, rows, masked, carried }), batch: rows };
}

const plansOf = ({ graph, batch }: ReturnType<typeof declare>) => ({
  fused: new Plan(graph, { formulas: FORMULAS, batch, sequences: SEQUENCES }),
  "fused in software": new Plan(graph, { formulas: FORMULAS, batch, sequences: SEQUENCES, adapter: SOFTWARE }),
  unfused: new Plan(graph, { formulas: FORMULAS, batch, sequences: SEQUENCES, fuse: false }),
});

/** @param moreThan tensors that are compared */
export function describePlans(gpu: Gpu, cases: Readonly<Record<string, Case>>, moreThan: number): void {
  describe.each(Object.entries(cases))("%s", (_, given) => {
    const declared = declare(given),
      { values, scalars } = declared,
      plans = plansOf(declared);

    it.each(["fused", "fused in software", "unfused"] as const)("every tensor of the %s plan is within its bound", async (kind) => {
      const run = await Training.open(gpu, plans[kind], values);
      for (const step of [scalars, { ...scalars, step: 1, rows: Math.max(1, scalars.rows - 2) }].slice(0, given.carried ? 1 : 2)) {
        const before = await run.before();
        const report = new VerifyReport(1, verifyTrace(run.plan, await run.trace(step), before, step, step.step));
        expect(report.firstFailure, String(report)).toBeNull();
        expect(report.tensors).toBeGreaterThan(moreThan);
      }
      run.dispose();
    });

    it("takes at most four launches, and leaves the same bits again", async () => {
      expect(plans.fused.launchesPerStep).toBeLessThanOrEqual(4);
      const [a, b] = await Promise.all([0, 1].map(() => Training.open(gpu, plans.fused, values)));
      expect(bitsOf(new Map([["results", await a.run([scalars, scalars], true)]]))).toEqual(
        bitsOf(new Map([["results", await b.run([scalars, scalars])]])),
      );
      expect(bitsOf(await a.state())).toEqual(bitsOf(await b.state()));
      a.dispose();
      b.dispose();
    });
  });
}

/** Changes the text of the launch that makes a tensor, each time in one way, and looks for the first tensor that is off. */
export function describeSabotage(
  gpu: Gpu,
  given: Case,
  changes: readonly (readonly [what: string, tensor: string, from: string | RegExp, to: string])[],
): void {
  describe("control: what is off is caught and named", () => {
    const declared = declare(given),
      { values, scalars } = declared,
      plan = plansOf(declared).fused;
    it.each(changes)("%s", async (_, name, from, to) => {
      const launch = plan.launches.findIndex(({ touches }) =>
        touches.some(({ tensor, access }) => tensor === name && access === "read_write"),
      );
      const wrong = sabotage(plan, launch, from, to);
      const run = await Training.open(gpu, wrong, values);
      const report = new VerifyReport(1, verifyTrace(wrong, await run.trace(scalars), values, scalars, 0));
      run.dispose();
      expect(report.firstFailure?.name).toBe(name);
    });
  });
}
