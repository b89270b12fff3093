// The job by itself, on the CPU: what it tells, and what it makes of outputs that are no numbers.

import { expect, it } from "vitest";
import { classesOf, NO_CLASS, runJob, type JobEvent } from "../../src/cli/job.ts";
import { resolveOptions } from "../../src/cli/options.ts";
import { tinyDigits } from "../support/tiny-digits.ts";

it("takes the largest output as the class, and none where an output is NaN", () => {
  const outputs = Float32Array.of(0.1, 0.9, -3, -2, NaN, NaN, 1, NaN, -Infinity, -Infinity, Infinity, 0);
  expect(classesOf(outputs, 6)).toEqual([1, 1, NO_CLASS, NO_CLASS, 0, 0]);
});

it("shows no launches for the CPU, which runs none, but the memory of its weights", async () => {
  const { model } = resolveOptions({ layers: [9, 8, 4], dropout: 0 }, null),
    events: JobEvent[] = [];
  const request = { model, backend: "cpu", epochs: 1, batchSize: 8, validation: 0, verifySteps: 0, checkpoints: null } as const;
  await runJob(
    request,
    { train: tinyDigits(16), test: tinyDigits(4), weights: null },
    { emit: (event) => events.push(event), signal: new AbortController().signal },
  );
  // (9 + 1)·8 + (8 + 1)·4 = 116 numbers of 8 bytes.
  expect(events.find(({ type }) => type === "plan")).toEqual({
    type: "plan",
    plan: "CPU: float64 reference, no launches\nmemory: weights 0.9 kB",
  });
});
