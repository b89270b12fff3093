// Who writes the norms that gradients are clipped by: nobody where there are none, and a plan
// that has some must have been given the writer.

import { describe, expect, it } from "vitest";
import type { OpOf } from "../../src/graph/types.ts";
import { sgd } from "../../src/model/optimizers.ts";
import { COMMON_FORMULAS } from "../../src/schedule/formulas.ts";
import { normsOf } from "../../src/schedule/norm-writer.ts";
import { FORMULAS } from "../support/formulas.ts";
import { graphOf } from "./networks.ts";

const graphWith = (optimizer: unknown) => graphOf({ widths: [4, 3, 2], optimizer });

describe("the norms of a graph", () => {
  it.each([
    ["none", "adam", 0],
    ["none of clipped values", sgd({ clipValue: 1 }), 0],
    ["one of all gradients together", sgd({ globalClipNorm: 1 }), 1],
    ["one of each gradient: two kernels, two biases", sgd({ clipNorm: 1 }), 4],
  ])("are %s", (_, optimizer, count) => {
    const norms = normsOf(graphWith(optimizer), FORMULAS);
    expect(norms?.factors.size ?? 0).toBe(count);
    expect(norms === null).toBe(count === 0);
    for (const [name, op] of norms?.factors ?? []) expect(op.outputs).toEqual([name]);
  });

  it("are of all gradients, each once", () => {
    for (const optimizer of [sgd({ globalClipNorm: 1 }), sgd({ clipNorm: 1 })]) {
      const ops = [...normsOf(graphWith(optimizer), FORMULAS)!.factors.values()] as OpOf<"clipFactor">[];
      expect(ops.flatMap(({ inputs }) => inputs).sort()).toEqual(["grad_b1", "grad_b2", "grad_w1", "grad_w2"]);
    }
  });

  it("control: without what writes them they are refused, and a graph without any is not", () => {
    expect(() => normsOf(graphWith(sgd({ clipNorm: 1 })), COMMON_FORMULAS)).toThrow("the formula of norms was not loaded");
    expect(normsOf(graphWith("adam"), COMMON_FORMULAS)).toBeNull();
  });
});
