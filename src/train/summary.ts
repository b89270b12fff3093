// The network as a table, for people.

import { elementsOf, type Network } from "../model/network.ts";

export function summarize(network: Network): string {
  const shapeOf = ({ steps, width }: { steps: number; width: number }): string =>
    `(batch, ${network.sequences && steps > 1 ? `${steps}, ` : ""}${width})`;
  const rows = network.stages.map((stage) => {
    switch (stage.type) {
      case "dense": {
        const count = elementsOf(stage.kernel.shape) + (stage.bias ? stage.width : 0);
        return [stage.kernel.name.split("/")[0], stage.layer, shapeOf(stage), String(count)];
      }
      case "recurrent": return ["", `recurrent ${stage.activation}`, shapeOf(stage), String(elementsOf(stage.kernel.shape))];
      case "lastStep": return ["", "last step", shapeOf(stage), "0"];
      case "activation": return ["", stage.activation, shapeOf(stage), "0"];
      case "dropout": return ["", `dropout ${stage.rate}`, shapeOf(stage), "0"];
    }
  });
  const total = network.parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const table = [["name", "layer", "output shape", "parameters"], ["input", "", shapeOf({ steps: network.inputSteps, width: network.inputWidth }), "0"], ...rows];
  const widths = [0, 1, 2, 3].map((c) => Math.max(...table.map((row) => row[c].length)));
  const lines = table.map((row) => row.map((cell, c) => (c === 3 ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join("  "));
  const rule = "─".repeat(lines[0].length);
  return [lines[0], rule, ...lines.slice(1), rule, `${total.toLocaleString("en")} parameters`].join("\n");
}
