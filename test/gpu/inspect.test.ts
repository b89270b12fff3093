// inspectStep(): a training step taken apart must be the textbook's, number by number, and leave training as it was. The
// second opinion on its numbers is support/plain-network.ts, which shares nothing with the source.

import { describe, expect, it } from "vitest";
import { adam, dense, dropout, l2, sgd, simpleRNN, type CompileOptions, type StepInspection } from "../../src/index.ts";
import { ROUNDOFF, worstError } from "../support/compare.ts";
import { BACKENDS, compiledModel, describeGpu, noise, numbersOf } from "../support/models.ts";
import { CROSS_ENTROPY, errors, meanGradient, plainLayers } from "../support/plain-network.ts";
import { replaceOrThrow } from "../support/replace-or-throw.ts";
import { ownDevice } from "./counted-device.ts";

const LAYERS = [
  dense({ units: 5, activation: "tanh", inputShape: [2] }),
  dense({ units: 4, activation: "sigmoid" }),
  dense({ units: 1, activation: "sigmoid" }),
];
const RECIPE: CompileOptions = { optimizer: sgd(0.5), loss: "binaryCrossentropy" };
const EXAMPLE = { x: [0.25, -0.75], y: [1] };
/** Some dozen float32 roundings of numbers around 1, and of the worst that exp() may err by. */
const CLOSE = 64 * ROUNDOFF;

const namesOf = ({ tensors }: StepInspection, equation: string): string[] =>
  tensors.filter((tensor) => tensor.equation === equation).map(({ name }) => name);

describe.each(BACKENDS)("on %s", (backend) => {
  it("gives every tensor of the four equations, equal to plain loops", async () => {
    const model = await compiledModel({ seed: 3, layers: LAYERS }, { ...RECIPE, backend });
    const layers = plainLayers(await model.getWeights(), ["tanh", "sigmoid", "sigmoid"]);
    const inspection = await model.inspectStep([EXAMPLE.x], EXAMPLE.y);
    const { z, a, delta } = errors(layers, EXAMPLE.x, EXAMPLE.y, CROSS_ENTROPY);
    const gradients = meanGradient(layers, [EXAMPLE], CROSS_ENTROPY);
    const expected: [string, readonly number[]][] = [
      ["x", EXAMPLE.x],
      ...z.map((numbers, l): [string, number[]] => [`z${l + 1}`, numbers]),
      ...a.slice(1).map((numbers, l): [string, number[]] => [`a${l + 1}`, numbers]),
      ...delta.map((numbers, l): [string, number[]] => [`delta${l + 1}`, numbers]),
      ...gradients.map((numbers, i): [string, number[]] => [`grad_${i % 2 ? "b" : "w"}${(i >> 1) + 1}`, numbers]),
    ];
    for (const [name, numbers] of expected) {
      const { gpu, reference, bound, worst } = inspection.tensor(name);
      expect(worstError(reference, numbers), name).toBeLessThan(backend === "cpu" ? 1e-7 : CLOSE);
      expect(bound, name).toHaveLength(numbers.length);
      if (backend === "cpu") expect([gpu, worst]).toEqual([null, null]);
      else {
        expect(worstError(gpu!, numbers), name).toBeLessThan(CLOSE);
        expect(worst!.ratio, name).toBeLessThanOrEqual(1);
      }
    }
    expect(inspection.ok).toBe(true);
    expect(namesOf(inspection, "BP1")).toEqual(["delta3"]);
    expect(namesOf(inspection, "BP2")).toEqual(["grad_a2", "slope_z2", "delta2", "grad_a1", "slope_z1", "delta1"]);
    expect(namesOf(inspection, "BP3")).toEqual(["grad_b3", "grad_b2", "grad_b1"]);
    expect(namesOf(inspection, "BP4")).toEqual(["grad_w3", "grad_w2", "grad_w1"]);
    expect(inspection.tensor("delta2").inputs).toEqual(["grad_a2", "slope_z2"]);
    expect(inspection.tensor("grad_w1").shape).toEqual([2, 5]);
    expect(inspection.given.map(({ name }) => name)).toEqual(["w1", "b1", "w2", "b2", "w3", "b3"]);
    // w ← w − η·∂C/∂w.
    const stepped = [...inspection.given[0].values].map((w, i) => w - 0.5 * gradients[0][i]);
    expect(worstError(inspection.tensor("w1").reference, stepped)).toBeLessThan(CLOSE);
    expect(() => inspection.tensor("z9")).toThrow(/there is no z9/);
  });

  it("leaves weights, optimizer and step as they were", async () => {
    const declared = {
      seed: 1,
      layers: [dense({ units: 6, activation: "tanh", inputShape: [2] }), dropout({ rate: 0.5 }), dense({ units: 1 })],
    } as const;
    const recipe = { optimizer: adam(0.05), loss: "meanSquaredError", backend } as const;
    const x = noise(40, 7),
      y = noise(20, 8);
    const [inspected, plain] = [await compiledModel(declared, recipe), await compiledModel(declared, recipe)];
    for (const model of [inspected, plain]) await model.fit(x, y, { batchSize: 4 });
    const before = await numbersOf(inspected),
      inspection = await inspected.inspectStep(x, y);
    expect(inspection.ok).toBe(true);
    expect(await numbersOf(inspected)).toEqual(before);
    for (const model of [inspected, plain]) await model.fit(x, y, { batchSize: 4 });
    expect(await numbersOf(inspected)).toEqual(await numbersOf(plain));
    // Control: the step that was put back did change the weights.
    expect([...inspection.tensor("w1").reference]).not.toEqual(before[0]);
  });

  it("takes quadratic costs, penalties and recurrent layers apart as well", async () => {
    const quadratic = await compiledModel(
      {
        layers: [
          dense({ units: 3, activation: "swish", inputShape: [2], kernelRegularizer: l2(0.01) }),
          dense({ units: 2, activation: "tanh" }),
        ],
      },
      { optimizer: "adam", loss: "halfSquaredError", backend },
    );
    const taken = await quadratic.inspectStep(noise(10, 1), noise(10, 2));
    expect(taken.ok).toBe(true);
    expect(namesOf(taken, "BP1")).toEqual(["grad_a2", "slope_z2", "delta2"]);
    expect(namesOf(taken, "BP4")).toContain("data_grad_w1");
    const recurrent = await compiledModel(
      { layers: [simpleRNN({ units: 4, inputShape: [5, 2] }), dense({ units: 1 })] },
      { optimizer: "sgd", loss: "meanSquaredError", backend },
    );
    const { ok, tensors } = await recurrent.inspectStep(noise(30, 3), noise(3, 4));
    expect(ok).toBe(true);
    expect(tensors.find(({ op: type }) => type === "recurrentBackward")?.equation).toBe("BP2");
  });

  it("says what is wrong with data", async () => {
    const model = await compiledModel({ layers: LAYERS }, { ...RECIPE, backend });
    await expect(model.inspectStep([[1, 2, 3]], [1])).rejects.toThrow(/inspectStep\(\).*3/s);
    await expect(model.inspectStep([[1, 2]], [1], { batch: 1 } as never)).rejects.toThrow(/batch/);
  });
});

describeGpu("control: what a GPU computes wrong is reported", () => {
  it.each([
    ["one number of a product", "z1", /let out_value = ([^;]*);/, "let out_value = ($1) * 1.0001;"],
    ["the ⊙ of BP2", "delta2", /return p \* q/, "return p * q * 1.0001"],
    ["a tensor that is never written", "grad_b3", /\w+\(sum, 0u, col\);/, ""],
  ])("%s", async (_, name, from, to) => {
    const device = await ownDevice(),
      create = device.createShaderModule.bind(device);
    let changed = 0;
    device.createShaderModule = (descriptor) => {
      // Other kernels of the step are without that text.
      if (descriptor.code.search(from) < 0) return create(descriptor);
      changed++;
      return create({ ...descriptor, code: replaceOrThrow(descriptor.code, from, to) });
    };
    const model = await compiledModel({ seed: 3, layers: LAYERS }, { ...RECIPE, device });
    const inspection = await model.inspectStep([EXAMPLE.x], EXAMPLE.y);
    expect(changed).toBeGreaterThan(0);
    expect(inspection.ok).toBe(false);
    expect(inspection.firstFailure?.name).toBe(name);
    expect(inspection.firstFailure?.worst?.ratio).toBeGreaterThan(1);
    device.destroy();
  });
});
