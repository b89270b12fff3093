// The next value of a noisy sine from the 12 values before it: a recurrent network as a regression, many to one.
// npm run sine

import { adam, dense, sequential, simpleRNN } from "deltaprop";

const STEPS = 12,
  ROWS = 400,
  NOISE = 0.1;
let state = 1;
/** Uniform in ±NOISE, the same at every run (a linear congruence). */
const noise = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return NOISE * (state / 2 ** 31 - 1);
};
const signal = Array.from({ length: ROWS + STEPS }, (_, i) => Math.sin(0.7 * i) + noise());
// Row i is the values i … i + 11; its answer is value i + 12.
const x = Float32Array.from({ length: ROWS * STEPS }, (_, at) => signal[Math.floor(at / STEPS) + (at % STEPS)]);
const y = Float32Array.from(signal.slice(STEPS));

const model = sequential({ seed: 1, layers: [simpleRNN({ units: 8, inputShape: [STEPS, 1] }), dense({ units: 1 })] });
await model.compile({ optimizer: adam(0.01), loss: "meanSquaredError", backend: "cpu" });
const { history } = await model.fit(x, y, { epochs: 30, validationSplit: 0.25 });

const rms = (squared) => Math.sqrt(squared).toFixed(3);
console.log(`error on values not trained on: ${rms(history.val_loss[0])} after 1 epoch, ${rms(history.val_loss.at(-1))} after 30`);
console.log(`the noise alone: ${rms(NOISE ** 2 / 3)}; always answering 0: ${rms(0.5)}`);
const last = await model.predict(signal.slice(-STEPS));
console.log(`next value: ${last[0].toFixed(3)}, without noise it is ${Math.sin(0.7 * (ROWS + STEPS)).toFixed(3)}`);
model.dispose();
