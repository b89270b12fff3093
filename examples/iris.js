// Which iris is it? 150 flowers, measured by E. Anderson and published by R. A. Fisher (1936): four lengths in cm, three species.
// node examples/iris.js

import { readFile } from "node:fs/promises";
import { adam, dense, sequential } from "deltaprop";
import { earlyStopping } from "deltaprop/callbacks";

const SPECIES = ["setosa", "versicolor", "virginica"],
  TEST = 30;
const lines = (await readFile(new URL("./data/iris.csv", import.meta.url), "utf8")).trim().split("\n").slice(1);
// Every 53rd flower, so that all species are everywhere: 53 and 150 have no divisor in common.
const flowers = lines.map((_, i) => lines[(53 * i) % lines.length].split(","));
const rows = flowers.map((cells) => cells.slice(0, 4).map(Number)),
  labels = flowers.map((cells) => SPECIES.indexOf(cells[4]));

// Standardized by what is trained on: mean 0, deviation 1.
const known = rows.slice(TEST);
const mean = [0, 1, 2, 3].map((j) => known.reduce((sum, row) => sum + row[j], 0) / known.length);
const deviation = mean.map((m, j) => Math.sqrt(known.reduce((sum, row) => sum + (row[j] - m) ** 2, 0) / known.length));
const standardized = rows.map((row) => row.map((value, j) => (value - mean[j]) / deviation[j]));

const model = sequential({
  seed: 1,
  layers: [dense({ units: 10, activation: "tanh", inputShape: [4] }), dense({ units: 3, activation: "softmax" })],
});
await model.compile({ optimizer: adam(0.02), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"], backend: "cpu" });
const stopping = earlyStopping({ patience: 10, restoreBestWeights: true });
const { epochs } = await model.fit(standardized.slice(TEST), labels.slice(TEST), {
  epochs: 100,
  validationSplit: 0.2,
  callbacks: [stopping],
});
console.log(`trained for ${epochs} epochs; the best was ${stopping.bestEpoch + 1}`);

const { accuracy } = await model.evaluate(standardized.slice(0, TEST), labels.slice(0, TEST));
console.log(`${Math.round(accuracy * TEST)} of ${TEST} flowers that it has not seen are named right`);
const answers = await model.predict(standardized.slice(0, 3));
for (let i = 0; i < 3; i++) {
  const shares = SPECIES.map((name, k) => `${name} ${(100 * answers[3 * i + k]).toFixed(0)} %`).join(", ");
  console.log(`${rows[i].join(", ")} cm: ${shares} (it is ${SPECIES[labels[i]]})`);
}
model.dispose();
