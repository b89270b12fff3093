// The canary's stored answers are those of the float64 reference, and a GPU that computes something else is caught.

import { describe, expect, it } from "vitest";
import { dense, simpleRNN } from "../../src/index.ts";
import { APPEND, resolveNetwork } from "../../src/model/network.ts";
import { runGraph } from "../../src/reference/evaluate.ts";
import {
  agrees,
  fingerprint,
  firstWrong,
  prepareSpecimen,
  sizeOf,
  SPECIMENS,
  trialsFor,
  type SpecimenResult,
} from "../../src/train/engines/canary.ts";
import { CpuBackend } from "../../src/train/float64/cpu-backend.ts";
import { dataArrays, ownOrder, type State } from "../../src/train/backend/backend.ts";
import { more } from "../../src/train/compiled/recurrent.ts";
import { COMMON_FORMULAS } from "../../src/schedule/formulas.ts";

const recurrent = await more(false);
const RECURRENT = resolveNetwork([simpleRNN({ units: 2, inputShape: [3, 2] })], 1);
const SMALL = resolveNetwork([dense({ units: 2, inputShape: [3] })], 1),
  LARGE = resolveNetwork([dense({ units: 100, inputShape: [300] })], 1);

describe.each(SPECIMENS)("$name", (specimen) => {
  const { graph, values, dataset, step } = prepareSpecimen(specimen, { formulas: COMMON_FORMULAS, recurrent });
  const all = new Map<string, ArrayLike<number>>([...values, ...dataArrays(dataset), ["order", ownOrder(dataset.rows)]]);
  runGraph(graph, all, step);
  const exact: SpecimenResult = { loss: all.get("results")![0], weights: [...values.keys()].map((name) => fingerprint(all.get(name)!)) };
  const sizes = [...values.keys()].map((name) => sizeOf(all.get(name)!));

  it("has the answer of the reference", () => {
    expect(specimen.answer.loss).toBeCloseTo(exact.loss, 12);
    expect(specimen.answer.weights).toHaveLength(exact.weights.length);
    specimen.answer.weights.forEach((value, i) => expect(value).toBeCloseTo(exact.weights[i], 9));
  });

  it("control: weights without their gradient, a gradient that is 1 % off, numbers that are not finite and another loss are no answer", () => {
    expect(agrees(specimen.answer, exact, sizes)).toBe(true);
    [...values].forEach(([name, before], i) => {
      const with_ = (value: number) => ({ ...exact, weights: exact.weights.map((other, j) => (i === j ? value : other)) });
      expect(agrees(specimen.answer, with_(fingerprint(before)), sizes), name).toBe(false);
      expect(agrees(specimen.answer, with_(exact.weights[i] + 0.01 * (exact.weights[i] - fingerprint(before))), sizes), name).toBe(false);
      expect(agrees(specimen.answer, with_(NaN), sizes), name).toBe(false);
    });
    expect(agrees(specimen.answer, { ...exact, loss: NaN }, sizes)).toBe(false);
    expect(agrees(specimen.answer, { ...exact, loss: exact.loss * 1.01 }, sizes)).toBe(false);
  });
});

it("tries what the network may use, and nothing else", () => {
  const names = (network: Parameters<typeof trialsFor>[0]) => trialsFor(network).map(({ name }) => name.replace(/ \(.*?\)/, ""));
  const always = ["a classifier", "a regression", "a regression, products in tiles", "a regression, products in blocks"];
  expect(names(LARGE)).toEqual(always);
  expect(names(SMALL)).toEqual([...always, "a tiny classifier, in one kernel"]);
  expect(names(RECURRENT)).toEqual([...always, "a recurrent network"]);
});

it("declares its recurrent layer as simpleRNN() does, and makes the same network of it", () => {
  const { layers } = SPECIMENS.find(({ serves }) => serves(RECURRENT) && !serves(LARGE))!,
    [given, ...rest] = layers();
  const declared = simpleRNN({
    units: 9,
    inputShape: [4, 5],
    returnSequences: true,
    kernelInitializer: "zeros",
    recurrentInitializer: "zeros",
    biasInitializer: "zeros",
  });
  expect({ ...given, [APPEND]: null }).toEqual({ ...declared, [APPEND]: null });
  expect(resolveNetwork([given, ...rest], 1)).toEqual(resolveNetwork([declared, ...rest], 1));
  expect(resolveNetwork([given, ...rest], 1)).not.toEqual(
    resolveNetwork([simpleRNN({ units: 9, inputShape: [4, 5], returnSequences: true, activation: "relu" }), ...rest], 1),
  );
});

it("passes a backend that computes right, and names what one gets wrong whose gradients are zero", async () => {
  expect(await firstWrong(trialsFor(RECURRENT), async () => CpuBackend.create())).toBeNull();
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
  expect(await firstWrong(trialsFor(LARGE), async () => new Frozen())).toBe(SPECIMENS[0].name);
});
