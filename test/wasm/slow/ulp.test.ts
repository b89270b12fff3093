// The largest error of every function of one number over all 2³² float32 numbers, multiply-adds rounded once and twice.

import { expect, it } from "vitest";
import { allowRelaxedMadd, FUNCTIONS, largestErrors } from "../ulp.ts";

allowRelaxedMadd();

it.each(Object.entries(FUNCTIONS))("%s", async (name, { most, ...measured }) => {
  const found = await largestErrors({ ...measured, most }, 1);
  console.log(name, found);
  for (const [i, { ulps, x }] of found.entries()) {
    expect(ulps, `at ${x}`).toBeLessThanOrEqual(most[i]);
    // The bound says something.
    expect(ulps, `at ${x}`).toBeGreaterThanOrEqual(0.7 * most[i]);
  }
});
