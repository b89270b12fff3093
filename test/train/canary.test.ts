// The canary's stored answers are those of the float64 reference, and a GPU that computes something else is caught.

import { describe, expect, it } from "vitest";
import { runGraph } from "../../src/reference/evaluate.ts";
import { agrees, fingerprint, firstWrong, prepareSpecimen, SPECIMENS, type Answer } from "../../src/train/canary.ts";
import { CpuBackend } from "../../src/train/cpu-backend.ts";
import { dataArrays, ownOrder, type State } from "../../src/train/backend.ts";

describe.each(SPECIMENS)("$name", (specimen) => {
  const { graph, values, dataset, step } = prepareSpecimen(specimen);
  const all = new Map<string, ArrayLike<number>>([...values, ...dataArrays(dataset), ["order", ownOrder(dataset.rows)]]);
  runGraph(graph, all, step);
  const exact: Answer = { loss: all.get("results")![0], weights: [...values.keys()].map((name) => fingerprint(all.get(name)!)) };
  const sizes = [...values.keys()].map((name) => 3 * Array.from(all.get(name)!).reduce((sum, value) => sum + Math.abs(value), 0));

  it("has the answer of the reference", () => {
    expect(specimen.answer.loss).toBeCloseTo(exact.loss, 12);
    expect(specimen.answer.weights).toHaveLength(exact.weights.length);
    specimen.answer.weights.forEach((value, i) => expect(value).toBeCloseTo(exact.weights[i], 9));
  });

  it("control: weights without their gradient, numbers that are not finite and another loss are no answer", () => {
    expect(agrees(specimen.answer, exact, sizes)).toBe(true);
    [...values.values()].forEach((before, i) => {
      const weights = exact.weights.map((value, j) => (i === j ? fingerprint(before) : value));
      expect(agrees(specimen.answer, { ...exact, weights }, sizes), [...values.keys()][i]).toBe(false);
    });
    expect(agrees(specimen.answer, { ...exact, loss: NaN }, sizes)).toBe(false);
    expect(agrees(specimen.answer, { ...exact, loss: exact.loss * 1.01 }, sizes)).toBe(false);
  });
});

it("passes a backend that computes right, and names what one gets wrong whose gradients are zero", async () => {
  expect(await firstWrong(async () => CpuBackend.create())).toBeNull();
  class Frozen extends CpuBackend {
    #first: State = new Map();
    override async write(given: State): Promise<void> {
      this.#first = given;
      await super.write(given);
    }
    override async read(names: readonly string[]) {
      return new Map(names.map((name) => [name, Float32Array.from(this.#first.get(name)!)]));
    }
  }
  expect(await firstWrong(async () => new Frozen())).toBe(SPECIMENS[0].name);
});
