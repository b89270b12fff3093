// What `npm run kernels` prints: the graph, the plan, where each equation stands in the source, and the kernels with a heading each. All but the
// kernels is a comment of WGSL, so that what is printed of one launch is a shader that compiles.

import { InputError } from "../../src/errors.ts";
import { equationsOf } from "../../src/graph/equations.ts";
import { describeStage, describeOps, equationsIn } from "../../src/schedule/describe.ts";
import type { Plan } from "../../src/schedule/plan.ts";
import type { Flags } from "./arguments.ts";
import { sourceMap } from "./sources.ts";

const comment = (lines: readonly string[]): string => lines.map((line) => `// ${line}`.trimEnd()).join("\n");

const OPENING = /[{(]/g,
  CLOSING = /[})]/g;

/** The kernel as the plan has it, indented by its brackets, and without the empty lines that templates leave one after the other. */
export function tidy(source: string): string {
  let depth = 0;
  const lines = source.split("\n").map((line) => {
    const text = line.trim(),
      code = text.replace(/\/\/.*/, "");
    // A line that begins by closing stands where the one stands that opened.
    const leading = /^[})\s]*/.exec(code)?.[0].match(CLOSING)?.length ?? 0,
      at = Math.max(depth - leading, 0);
    depth += (code.match(OPENING)?.length ?? 0) - (code.match(CLOSING)?.length ?? 0);
    return text === "" ? "" : "  ".repeat(at) + text;
  });
  return lines
    .join("\n")
    .replace(/\n{2,}(?=\s*\})/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** The heading of a launch, and its kernel. @param index from 0 */
export function launchListing(plan: Plan, index: number, wgsl: boolean): string {
  const heading = comment(describeStage(plan, index));
  return wgsl ? `${heading}\n${tidy(plan.launches[index].source)}` : heading;
}

/** @throws InputError if there is no launch of that number */
export function listing(plan: Plan, { launch, wgsl }: Pick<Flags, "launch" | "wgsl">): string {
  const { launches, graph } = plan;
  if (launch !== undefined) {
    if (launch > launches.length) {
      throw new InputError(
        `--launch ${launch}: this plan has ${launches.length === 1 ? "one launch" : `launches 1 to ${launches.length}`}. ` +
          "Leave --launch out to see them all.",
      );
    }
    return `${launchListing(plan, launch - 1, wgsl)}\n`;
  }
  const equations = equationsIn(graph.ops, equationsOf(graph));
  return `${[
    comment([`The graph of the step: ${graph.ops.length} operations, in the order of the textbook`, ...describeOps(plan, graph.ops)]),
    comment(plan.toString().split("\n")),
    comment(["Where the equations stand in the source:", ...sourceMap(equations)]),
    ...launches.map((_, index) => launchListing(plan, index, wgsl)),
  ].join("\n\n")}\n`;
}
