// Losses of the float64 reference, computed once for a campaign: several parts compare with the same ones, and for the larger
// networks they take seconds.

import { createHash } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { referenceLosses } from "../agreement.ts";
import type { RecurrentWorkload } from "../recurrent.ts";
import type { Workload } from "../workloads.ts";

type Networks = Workload | RecurrentWorkload;

/** @param compute stands in for the reference in tests */
export async function rememberedLosses(folder: string, workload: Networks, steps: number, compute = referenceLosses): Promise<number[]> {
  // All that they depend on.
  const key = createHash("sha256").update(JSON.stringify(workload)).digest("hex").slice(0, 16),
    path = join(folder, `losses-${key}.json`);
  const known = await readFile(path, "utf8").then(
    (text) => JSON.parse(text) as number[],
    () => [],
  );
  if (known.length >= steps) return known.slice(0, steps);
  const losses = await compute(workload, steps);
  await writeFile(`${path}.part`, JSON.stringify(losses));
  await rename(`${path}.part`, path);
  return losses;
}
