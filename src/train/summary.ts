// The network as a table, for people.

import { elementsOf, type Network } from "../model/network.ts";

export function summarize(network: Network): string {
  const rows = network.stages.map((stage) => {
    switch (stage.type) {
      case "dense": {
        const count = elementsOf(stage.kernel.shape) + (stage.bias ? stage.width : 0);
        return [stage.kernel.name.split("/")[0], "dense", `(batch, ${stage.width})`, String(count)];
      }
      case "activation": return ["", stage.activation, `(batch, ${stage.width})`, "0"];
      case "dropout": return ["", `dropout ${stage.rate}`, `(batch, ${stage.width})`, "0"];
    }
  });
  const total = network.parameters.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const table = [["name", "layer", "output shape", "parameters"], ["input", "", `(batch, ${network.inputWidth})`, "0"], ...rows];
  const widths = [0, 1, 2, 3].map((c) => Math.max(...table.map((row) => row[c].length)));
  const lines = table.map((row) => row.map((cell, c) => (c === 3 ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join("  "));
  const rule = "─".repeat(lines[0].length);
  return [lines[0], rule, ...lines.slice(1), rule, `${total.toLocaleString("en")} parameters`].join("\n");
}
