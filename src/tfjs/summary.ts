// The network as a table, in the columns of TensorFlow.js.

import type { Layer } from "./layers.ts";

export function summaryLines(layers: readonly Layer[], width = 90): string[] {
  const columns = [0.32, 0.61, 0.89, 1].map((share) => Math.floor(share * width)),
    shape = (sizes: readonly (number | null)[]) => `[[${sizes.map(String).join()}]]`;
  const row = (cells: readonly string[]) =>
    cells.reduce((line, cell, i) => `${i > 0 ? `${line.slice(0, -1)} ` : ""}${cell}`.slice(0, columns[i]).padEnd(columns[i]), "");
  const total = layers.reduce((sum, layer) => sum + layer.countParams(), 0),
    frozen = layers.flatMap((layer) => layer.nonTrainableWeights).reduce((sum, { data }) => sum + data.length, 0),
    rule = "=".repeat(width),
    thin = "_".repeat(width);
  const rows = layers.flatMap((layer, i) => [
    row([
      `${layer.name} (${layer.className})`,
      shape(layer.inputShape),
      shape(layer.outputShape).slice(1, -1),
      String(layer.countParams()),
    ]),
    i < layers.length - 1 ? thin : rule,
  ]);
  return [
    thin,
    row(["Layer (type)", "Input Shape", "Output shape", "Param #"]),
    rule,
    ...rows,
    `Total params: ${total}`,
    `Trainable params: ${total - frozen}`,
    `Non-trainable params: ${frozen}`,
    thin,
  ];
}
