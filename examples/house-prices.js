// What does a house cost? Regression on a table of made-up houses whose prices follow a rule with noise, so that one can tell how good
// any answer can be.
// node examples/house-prices.js

import { adam, dense, sequential } from "deltaprop";
import { earlyStopping, reduceLROnPlateau } from "deltaprop/callbacks";

const ROWS = 500,
  TEST = 100,
  NOISE = 10;
let state = 1;
/** Uniform between two numbers, the same at every run (a linear congruence). */
const between = (low, high) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return low + ((high - low) * state) / 2 ** 32;
};
const houses = Array.from({ length: ROWS }, () => ({
  rooms: Math.floor(between(1, 9)),
  age: between(0, 100),
  kilometresToTown: between(0, 30),
  garden: Math.round(between(0, 1)),
}));
/** In thousands. */
const price = ({ rooms, age, kilometresToTown, garden }) =>
  40 * rooms + 150 * Math.exp(-kilometresToTown / 8) + (age > 80 ? 60 : -age / 2) + 15 * garden * Math.sqrt(kilometresToTown);
const prices = houses.map((house) => price(house) + between(-NOISE, NOISE));

// Inputs and prices to about mean 0 and deviation 1.
const x = houses.map(({ rooms, age, kilometresToTown, garden }) => [
  (rooms - 4.5) / 2.3,
  (age - 50) / 29,
  (kilometresToTown - 15) / 8.7,
  2 * garden - 1,
]);
const mean = prices.reduce((a, b) => a + b) / ROWS,
  deviation = Math.sqrt(prices.reduce((sum, p) => sum + (p - mean) ** 2, 0) / ROWS);
const y = prices.map((p) => [(p - mean) / deviation]);

const model = sequential({
  seed: 1,
  layers: [dense({ units: 24, activation: "tanh", inputShape: [4] }), dense({ units: 12, activation: "tanh" }), dense({ units: 1 })],
});
await model.compile({ optimizer: adam(0.01), loss: "meanSquaredError", metrics: ["mae"], backend: "wasm" });
await model.fit(x.slice(TEST), y.slice(TEST), {
  epochs: 200,
  validationSplit: 0.2,
  callbacks: [reduceLROnPlateau({ patience: 8, factor: 0.5 }), earlyStopping({ patience: 25, restoreBestWeights: true })],
});

const { meanAbsoluteError } = await model.evaluate(x.slice(0, TEST), y.slice(0, TEST));
console.log(`houses not seen before: ${(meanAbsoluteError * deviation).toFixed(1)} thousand off on average`);
console.log(
  `the noise alone: ${(NOISE / 2).toFixed(1)}; always saying the mean: ${(prices.slice(0, TEST).reduce((sum, p) => sum + Math.abs(p - mean), 0) / TEST).toFixed(1)}`,
);
const [answer] = await model.predict(x.slice(0, 1));
console.log(`${JSON.stringify(houses[0])}: ${(answer * deviation + mean).toFixed(0)} thousand (it was ${prices[0].toFixed(0)})`);
model.dispose();
