// Problems that only a memory solves, learnt through fit() on the CPU and on the GPU from fixed seeds.

import { describe, expect, it } from "vitest";
import { runTextJob } from "../../src/cli/text-job.ts";
import { adam, dense, simpleRNN, windows } from "../../src/index.ts";
import { BACKENDS, compiledModel, noise } from "../support/models.ts";

const CORPUS =
  "the sea was calm and the boat was small. a man in the boat looked at the sea, and the sea looked at the man.\n" +
  "in the evening the wind came from the north, and the man and the boat went home with the wind.\n";

describe.each(BACKENDS)("on %s", (backend) => {
  it("recalls the first of 10 words at the last step", async () => {
    const T = 10,
      rows = 256,
      n = 4;
    const words = (seed: number) => Uint8Array.from(noise(rows * T, seed), (value) => Math.floor(((value + 1) / 2) * n));
    const firsts = (x: Uint8Array) => Array.from({ length: rows }, (_, b) => x[b * T]);
    const model = await compiledModel(
      { layers: [simpleRNN({ units: 24, inputShape: [T], inputVocabulary: n }), dense({ units: n, activation: "softmax" })], seed: 2 },
      {
        backend,
        loss: "sparseCategoricalCrossentropy",
        optimizer: adam({ learningRate: 0.005, globalClipNorm: 1 }),
        metrics: ["accuracy"],
      },
    );
    const x = words(1),
      unseen = words(2);
    await model.fit(x, firsts(x), { epochs: 40, batchSize: 32 });
    expect((await model.evaluate(unseen, firsts(unseen))).accuracy).toBeGreaterThan(0.99);
  });

  it("predicts a cyclic text of four characters", async () => {
    const text = Uint8Array.from({ length: 403 }, (_, i) => i % 4);
    const { x, y } = windows(text, { length: 8, batchSize: 5 });
    const model = await compiledModel(
      {
        layers: [
          simpleRNN({ units: 8, inputShape: [8], inputVocabulary: 4, returnSequences: true, stateful: true }),
          dense({ units: 4, activation: "softmax" }),
        ],
        seed: 1,
      },
      { backend, loss: "sparseCategoricalCrossentropy", optimizer: adam(0.02), metrics: ["accuracy"] },
    );
    await model.fit(x, y, { batchSize: 5, shuffle: false, epochs: 15, callbacks: { onEpochBegin: () => model.resetStates() } });
    expect((await model.evaluate(x, y, { batchSize: 5 })).accuracy).toBeGreaterThan(0.99);
  });

  // The noise alone, uniform in ±0.1, has a variance of 0.0033; always answering the mean would leave 0.5.
  it("foretells the next value of a noisy sine", async () => {
    const T = 12,
      rows = 200,
      errors = noise(rows + T, 4, 0.1);
    const signal = errors.map((value, i) => Math.sin(i * 0.7) + value);
    const x = Float32Array.from({ length: rows * T }, (_, i) => signal[Math.floor(i / T) + (i % T)]),
      y = signal.slice(T);
    const model = await compiledModel(
      { layers: [simpleRNN({ units: 8, inputShape: [T, 1] }), dense({ units: 1 })], seed: 1 },
      { backend, loss: "meanSquaredError", optimizer: adam(0.01) },
    );
    const { history } = await model.fit(x, y, { epochs: 30, validationSplit: 0.25 });
    expect(history.val_loss.at(-1)).toBeLessThan(0.015);
  });

  it("more than halves its perplexity on a tiny corpus within a minute, the same twice", async () => {
    const text = CORPUS.repeat(4),
      vocabulary = [...new Set(text)].sort();
    const request = {
      model: { cell: "rnn" as const, vocabulary, hidden: 32, layers: 1, learningRate: 0.01, seed: 1 },
      backend,
      epochs: 6,
      length: 16,
      batchSize: 8,
      drawing: { count: 30, temperature: 0.5, prompt: "the ", seed: 1 },
      checkpoints: null,
    };
    const data = { places: Uint8Array.from(text, (character) => vocabulary.indexOf(character)), weights: null };
    const run = async () => runTextJob(request, data, { emit: () => {}, signal: new AbortController().signal });
    const start = performance.now(),
      { perplexity, sample, loss } = await run(),
      seconds = (performance.now() - start) / 1000;
    // Nothing learnt is as many characters as there are.
    expect(perplexity[0]).toBeLessThan(vocabulary.length);
    expect(perplexity.at(-1)! / perplexity[0]).toBeLessThan(0.5);
    expect(seconds).toBeLessThan(60);
    expect([...sample!]).toHaveLength(30);
    expect(await run()).toMatchObject({ loss, sample });
  });
});
