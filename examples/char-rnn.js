// A recurrent network learns a text letter by letter, and then writes it from its first letters.
// node examples/char-rnn.js

import { adam, dense, sequential, simpleRNN, windows } from "deltaprop";
import { csvLogger, earlyStopping } from "deltaprop/callbacks";

const TEXT = "the small boat sails over the wide sea. a grey gull follows it and waits for bread. ".repeat(8);
const letters = [...new Set(TEXT)].sort(),
  LENGTH = 20,
  BATCH = 8;
const text = Uint8Array.from(TEXT, (letter) => letters.indexOf(letter));

/** States are carried on from letter to letter, and in training from window to window. */
const model = sequential({
  seed: 1,
  layers: [
    simpleRNN({ units: 48, inputShape: [LENGTH], inputVocabulary: letters.length, returnSequences: true, stateful: true }),
    dense({ units: letters.length, activation: "softmax" }),
  ],
});
await model.compile({
  optimizer: adam({ learningRate: 0.01, globalClipNorm: 1 }),
  loss: "sparseCategoricalCrossentropy",
  metrics: ["accuracy"],
  backend: "wasm",
});
const { x, y } = windows(text, { length: LENGTH, batchSize: BATCH });
const log = csvLogger(),
  callbacks = [{ onEpochBegin: () => model.resetStates() }, log, earlyStopping({ monitor: "loss", minDelta: 0.002, patience: 10 })];
const { history } = await model.fit(x, y, { batchSize: BATCH, shuffle: false, epochs: 150, callbacks });
console.log(
  `letters foreseen: ${(100 * history.accuracy[0]).toFixed(0)} % after 1 epoch, ${(100 * history.accuracy.at(-1)).toFixed(0)} % after ${history.accuracy.length}`,
);
console.log(
  log.text
    .split("\r\n")
    .filter((_, line) => line % 50 === 0)
    .join("\n"),
);

/** The likeliest letter behind this one; what came before is in the states. Only the first step is no padding. */
async function next(letter) {
  const shares = await model.predict([[letters.indexOf(letter), ...Array(LENGTH - 1).fill(0)]], { lengths: [1] });
  return letters[shares.indexOf(Math.max(...shares.subarray(0, letters.length)))];
}
model.resetStates();
let written = "";
for (let letter = "t"; written.length < 84; letter = await next(letter)) written += letter;
console.log(written);
model.dispose();
