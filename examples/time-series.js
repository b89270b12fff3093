// The next year of a monthly series with a trend and seasons, from the two years before it: each forecast is the input of the next.
// node examples/time-series.js

import { adam, dense, sequential } from "deltaprop";
import { learningRateScheduler } from "deltaprop/callbacks";

const MONTHS = 180,
  AHEAD = 12,
  LAGS = 24,
  NOISE = 2;
let state = 7;
/** Uniform in ±NOISE, the same at every run (a linear congruence). */
const noise = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return NOISE * (state / 2 ** 31 - 1);
};
const seasons = [0, -8, 4, 2, 5, 20, 35, 33, 12, -4, -15, 1];
const series = Array.from({ length: MONTHS }, (_, month) => 100 + 0.8 * month + seasons[month % 12] * (1 + month / 200) + noise());

// The network sees and says by how much a month differs from the same month a year before, in units of 10.
const changes = series.slice(12).map((value, i) => (value - series[i]) / 10);
const known = changes.length - AHEAD,
  rows = known - LAGS;
const x = Array.from({ length: rows }, (_, i) => changes.slice(i, i + LAGS)),
  y = Array.from({ length: rows }, (_, i) => [changes[i + LAGS]]);

const model = sequential({
  seed: 1,
  layers: [dense({ units: 8, activation: "tanh", inputShape: [LAGS], kernelRegularizer: "l2" }), dense({ units: 1 })],
});
await model.compile({ optimizer: adam(0.01), loss: "meanSquaredError", backend: "cpu" });
await model.fit(x, y, {
  epochs: 60,
  batchSize: 16,
  callbacks: [learningRateScheduler((epoch, rate) => (epoch > 0 && epoch % 20 === 0 ? rate / 3 : rate))],
});

const seen = changes.slice(0, known),
  forecast = series.slice(0, MONTHS - AHEAD);
for (let month = 0; month < AHEAD; month++) {
  const [change] = await model.predict([seen.slice(-LAGS)]);
  seen.push(change);
  forecast.push(forecast.at(-12) + 10 * change);
}
const truth = series.slice(-AHEAD);
const error = (guess) => truth.reduce((sum, value, i) => sum + Math.abs(value - guess(i)), 0) / AHEAD;
console.log(`a year ahead: ${error((i) => forecast[MONTHS - AHEAD + i]).toFixed(1)} off on average`);
console.log(
  `saying the year before again: ${error((i) => series[MONTHS - 2 * AHEAD + i]).toFixed(1)} off; the noise alone: ${(NOISE / 2).toFixed(1)}`,
);
console.log(
  forecast
    .slice(-AHEAD)
    .map((value, i) => `${value.toFixed(0)} (${truth[i].toFixed(0)})`)
    .join(" "),
);
model.dispose();
