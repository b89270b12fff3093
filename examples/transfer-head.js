// Classes of one's own on the features of a network that somebody else has trained: only a small head is trained here, in moments.
// The features are made up in place of, say, MobileNet's: put your own into embed().
// node examples/transfer-head.js

import { adam, dense, dropout, sequential } from "deltaprop";
import { earlyStopping } from "deltaprop/callbacks";

const FEATURES = 64,
  CLASSES = ["rock", "paper", "scissors"],
  EXAMPLES = 20;
let state = 3;
/** Uniform in ±1, the same at every run (a linear congruence). */
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
const directions = CLASSES.map(() => Array.from({ length: FEATURES }, random));

/** What a network would say of a picture: features ≥ 0, as behind a relu, that have to do with the class, and much else. */
const embed = (label) => directions[label].map((value) => Math.max(0, 0.5 * value + 1.2 * random()));

/** Pictures of each class, in turn. */
const collect = (each) => {
  const labels = Array.from({ length: each * CLASSES.length }, (_, i) => i % CLASSES.length);
  return { x: labels.map(embed), labels };
};
const { x, labels } = collect(EXAMPLES),
  test = collect(100);

const model = sequential({
  seed: 1,
  layers: [
    dense({ units: 16, activation: "relu", inputShape: [FEATURES], kernelInitializer: "heNormal" }),
    dropout({ rate: 0.3 }),
    dense({ units: CLASSES.length, activation: "softmax" }),
  ],
});
await model.compile({ optimizer: adam(0.01), loss: "sparseCategoricalCrossentropy", metrics: ["accuracy"], backend: "wasm" });
await model.fit(x, labels, {
  epochs: 60,
  batchSize: 8,
  validationSplit: 0.25,
  callbacks: [earlyStopping({ patience: 10, restoreBestWeights: true })],
});
const { accuracy } = await model.evaluate(test.x, test.labels);
console.log(`${EXAMPLES} examples of each class: ${(100 * accuracy).toFixed(0)} % of ${test.labels.length} new ones are named right`);

// More examples that come later are learned by the same head.
for (let i = 0; i < 20; i++) {
  const more = collect(8);
  await model.trainOnBatch(more.x, more.labels);
}
console.log(`after 20 batches of new ones: ${(100 * (await model.evaluate(test.x, test.labels)).accuracy).toFixed(0)} %`);
const answers = await model.predict([embed(1)]);
console.log(CLASSES.map((name, k) => `${name} ${(100 * answers[k]).toFixed(0)} %`).join(", "));
model.dispose();
