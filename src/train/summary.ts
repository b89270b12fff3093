// The network as a table, for people.

import { elementsOf, type Network, type Parameter, type NetworkLayer } from "../model/network.ts";

/** Name and layer. */
function labelOf(stage: NetworkLayer): readonly [string, string] {
  switch (stage.type) {
    case "dense":
      return [stage.kernel.name.split("/")[0], stage.layer];
    case "recurrent":
      return ["", `recurrent ${stage.activation}`];
    case "lastStep":
      return ["", "last step"];
    case "activation":
      return ["", stage.activation];
    case "dropout":
      return ["", `dropout ${stage.rate}`];
    default:
      return [stage.name, stage.type];
  }
}

/** Numbers in its weights. */
const countOf = (stage: NetworkLayer): number =>
  Object.values<unknown>(stage).reduce<number>(
    (sum, value) => sum + elementsOf((value as Partial<Parameter> | null | undefined)?.shape ?? [0]),
    0,
  );

export function summarize(network: Network): string {
  const shapeOf = ({ steps, width }: { steps: number; width: number }): string =>
    `(batch, ${network.sequences && steps > 1 ? `${steps}, ` : ""}${width})`;
  const rows = network.stages.map((stage) => [...labelOf(stage), shapeOf(stage), String(countOf(stage))]);
  const numbersOf = (parameters: readonly Parameter[]): number => parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const total = numbersOf(network.parameters),
    frozen = numbersOf(network.parameters.filter((parameter) => parameter.frozen));
  const table = [
    ["name", "layer", "output shape", "parameters"],
    ["input", "", shapeOf({ steps: network.inputSteps, width: network.inputWidth }), "0"],
    ...rows,
  ];
  const widths = [0, 1, 2, 3].map((c) => Math.max(...table.map((row) => row[c].length)));
  const lines = table.map((row) => row.map((cell, c) => (c === 3 ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join("  "));
  const rule = "─".repeat(lines[0].length);
  return [
    lines[0],
    rule,
    ...lines.slice(1),
    rule,
    `${total.toLocaleString("en")} parameters${frozen ? `, ${frozen.toLocaleString("en")} not trained` : ""}`,
  ].join("\n");
}
