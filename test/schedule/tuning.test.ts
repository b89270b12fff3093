// Choices of how products are cut: what they are named by, what a plan makes of them. Their names are in candidates.test.ts.

import { describe, expect, it } from "vitest";
import { buildGraph } from "../../src/graph/build.ts";
import { resolveNetwork, resolveRecipe } from "../../src/model/network.ts";
import { adam } from "../../src/model/optimizers.ts";
import { dense } from "../../src/model/layers.ts";
import { Plan } from "../../src/schedule/plan.ts";
import { candidatesFor, shapeName } from "../../src/schedule/candidates.ts";
import { DEFAULT_ADAPTER, type Adapter } from "../../src/schedule/tiles.ts";
import type { Choices } from "../../src/schedule/tuning.ts";
import { FORMULAS } from "../support/formulas.ts";

const SOFTWARE: Adapter = { kind: "software", quads: true, workgroupBytes: 32768 };

function planWith(choices?: Choices, adapter = DEFAULT_ADAPTER): Plan {
  const network = resolveNetwork(
    [dense({ units: 128, activation: "relu", inputShape: [784] }), dense({ units: 10, activation: "softmax" })],
    1,
  );
  const recipe = resolveRecipe(network, { optimizer: adam(), loss: "sparseCategoricalCrossentropy" });
  return new Plan(buildGraph(network, recipe, "train"), { formulas: FORMULAS, batch: 64, choices, adapter });
}

describe("a plan", () => {
  it("names the products that have the grid to themselves, with their launch", () => {
    const plan = planWith();
    expect(plan.products.map(({ site }) => site.key)).toContain("normal 64×784×128 gathered float32 activation");
    expect(plan.products.map(({ site }) => site.key)).toContain("leftTransposed 784×64×128 gathered float32 update");
    for (const { launch, site } of plan.products) {
      expect(plan.launches[launch].products).toContain(site);
      expect(candidatesFor(site)[0]).toEqual(site.shape);
    }
  });

  it.each([
    ["a GPU", DEFAULT_ADAPTER],
    ["software", SOFTWARE],
  ])("for %s cuts a product as chosen, and the others as before", (_, adapter) => {
    const plan = planWith(undefined, adapter),
      { launch, site } = plan.products[0];
    for (const shape of candidatesFor(site)) {
      const chosen = planWith(new Map([[site.key, shape]]), adapter);
      expect(chosen.products.map(({ site: { key } }) => key)).toEqual(plan.products.map(({ site: { key } }) => key));
      expect(chosen.products[0].site.shape).toEqual(shape);
      expect(chosen.launches.map(({ source }, i) => i === launch || source === plan.launches[i].source)).not.toContain(false);
      expect(chosen.launches[launch].source === plan.launches[launch].source).toBe(
        shape === candidatesFor(site)[0] || shapeName(shape) === shapeName(site.shape),
      );
    }
  });

  it("is not changed by choices for other products, and refuses one for another number of lanes", () => {
    const plan = planWith(),
      { site } = plan.products[0];
    expect(planWith(new Map([["normal 1×2×3", site.shape]])).toString()).toBe(plan.toString());
    expect(() => planWith(new Map([[site.key, { ...site.shape, lanesY: site.shape.lanesY * 2 }]]))).toThrow(
      /128 lanes but its launch has 64/,
    );
  });
});
