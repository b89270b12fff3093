// A pole on a cart is kept upright by policy gradient (REINFORCE): pushes that were followed by many good steps count more, as sample weights.
// The cart is that of Barto, Sutton and Anderson (1983); an episode ends when the pole falls, the cart leaves, or after 200 steps.
// node examples/cart-pole.js

import { adam, dense, sequential } from "deltaprop";

const STEPS = 200,
  DISCOUNT = 0.97;
let seed = 7;
/** Uniform in [0, 1), the same at every run (a linear congruence). */
const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;

/** The cart after 0.02 s, pushed by 10 N to the right or to the left. Masses 1 and 0.1 kg, half a pole 0.5 m. */
function push([x, v, angle, turn], right) {
  const sin = Math.sin(angle),
    cos = Math.cos(angle),
    force = ((right ? 10 : -10) + 0.05 * turn * turn * sin) / 1.1;
  const turning = (9.8 * sin - cos * force) / (0.5 * (4 / 3 - (0.1 * cos * cos) / 1.1));
  return [x + 0.02 * v, v + 0.02 * (force - (0.05 * turning * cos) / 1.1), angle + 0.02 * turn, turn + 0.02 * turning];
}
const stands = ([x, , angle]) => Math.abs(x) < 2.4 && Math.abs(angle) < 0.21;

const model = sequential({
  seed: 1,
  layers: [dense({ units: 16, activation: "tanh", inputShape: [4] }), dense({ units: 2, activation: "softmax" })],
});
await model.compile({ optimizer: adam(0.02), loss: "sparseCategoricalCrossentropy", backend: "cpu" });

/** Episodes side by side, so that one predict() answers for all. @param choose which push, by the chance of the right one */
async function play(episodes, choose) {
  const start = () => Array.from({ length: 4 }, () => 0.1 * random() - 0.05);
  const games = Array.from({ length: episodes }, () => ({ cart: start(), seen: [], pushes: [] }));
  for (let t = 0; t < STEPS; t++) {
    const going = games.filter(({ cart }) => stands(cart));
    const chances = going.length > 0 ? await model.predict(going.map(({ cart }) => cart)) : [];
    going.forEach((game, i) => {
      const right = choose(chances[2 * i + 1]);
      game.seen.push(game.cart);
      game.pushes.push(Number(right));
      game.cart = push(game.cart, right);
    });
  }
  return games;
}
const mean = (games) => games.reduce((sum, { pushes }) => sum + pushes.length, 0) / games.length;

for (let round = 0; round <= 25; round++) {
  const games = await play(16, (chance) => random() < chance);
  if (round % 5 === 0) console.log(`round ${round}: the pole stands for ${mean(games).toFixed(0)} of ${STEPS} steps`);
  // What each push earned: a point for each step that the pole still stood, those far off discounted.
  const sampleWeight = games.flatMap(({ pushes }) => pushes.map((_, t) => 1 - DISCOUNT ** (pushes.length - t)));
  const [seen, pushes] = [games.flatMap((game) => game.seen), games.flatMap((game) => game.pushes)];
  // ∇ log(chance of the push) times what it earned, averaged over all pushes: one step of Adam.
  await model.trainOnBatch(seen, pushes, { sampleWeight });
}
console.log(`always the likelier push: ${mean(await play(20, (chance) => chance > 0.5)).toFixed(0)} steps`);
model.dispose();
