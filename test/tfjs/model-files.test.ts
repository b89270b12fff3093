// model.save() and tf.loadLayersModel() as programs use them: TensorFlow.js reads what is saved here, and here is read what it saves.

import "@tensorflow/tfjs-backend-cpu";
import * as core from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import * as tfjsLayers from "@tensorflow/tfjs-layers";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { UnsupportedError } from "../../src/index.ts";
import * as ours from "../../src/tfjs/index.ts";

let folder: string;
beforeAll(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  await core.setBackend("cpu");
  await ours.setBackend("wasm");
  folder = await mkdtemp(join(tmpdir(), "deltaprop-tfjs-"));
});
afterAll(() => rm(folder, { recursive: true }));

const numbers = (count: number, at = 0): number[] => Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + at + 1)) * 0.9);
const ROUNDING = 2e-6;

const declare = (): ours.Sequential => {
  const model = ours.sequential({
    layers: [
      ours.layers.simpleRNN({ units: 4, inputShape: [5, 2], returnSequences: true }),
      ours.layers.batchNormalization({ momentum: 0.8 }),
      ours.layers.lstm({ units: 5, recurrentActivation: "sigmoid", returnSequences: true, unitForgetBias: true }),
      ours.layers.simpleRNN({ units: 3 }),
      ours.layers.layerNormalization({ center: false }),
      ours.layers.dropout({ rate: 0.2 }),
      ours.layers.dense({ units: 4, activation: "swish", kernelRegularizer: ours.regularizers.l2({ l2: 0.1 }) }),
      ours.layers.leakyReLU({ alpha: 0.2 }),
      ours.layers.dense({ units: 2, activation: "softmax" }),
    ],
  });
  const names = model.weights.map(({ name }) => name);
  model.setWeights(
    model.getWeights().map((w, i) =>
      ours.tensor(
        numbers(w.size, 100 * i).map((value) => (names[i].endsWith("variance") ? Math.abs(value) + 0.2 : value)),
        w.shape,
      ),
    ),
  );
  return model;
};
const X = numbers(3 * 10),
  SHAPE: [number, number, number] = [3, 5, 2];
const answers = (model: ours.Sequential): number[] => [...model.predict(ours.tensor3d(X, SHAPE)).dataSync()];
const near = (found: ArrayLike<number>, wanted: readonly number[]) => {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((value, i) => expect(Math.abs(found[i] - value) <= ROUNDING, `${found[i]} for ${value}`).toBe(true));
};

it("TensorFlow.js reads what is saved to a handler", async () => {
  let saved: object = {};
  const model = declare(),
    { modelArtifactsInfo } = await model.save({
      save: async (artifacts) => {
        saved = artifacts;
      },
    });
  expect(modelArtifactsInfo).toMatchObject({ modelTopologyType: "JSON", weightDataBytes: 4 * model.countParams() });
  const theirs = await tfjsLayers.loadLayersModel(core.io.fromMemory(saved));
  near((theirs.predict(core.tensor3d(X, SHAPE)) as core.Tensor).dataSync(), answers(model));
});

it("a GRU is saved and read, here; TensorFlow.js says that it has no such GRU", async () => {
  const model = ours.sequential({
    layers: [
      ours.layers.gru({ units: 4, recurrentActivation: "sigmoid", resetAfter: true, inputShape: [5, 2], returnSequences: true }),
      ours.layers.gru({ units: 3, recurrentActivation: "sigmoid", resetAfter: true, useBias: false }),
    ],
  });
  model.setWeights(model.getWeights().map((w, i) => ours.tensor(numbers(w.size, 100 * i), w.shape)));
  let saved: object = {};
  const save = async (artifacts: object) => {
    saved = artifacts;
  };
  await model.save({ save });
  const back = await ours.loadLayersModel({ load: async () => saved });
  expect(answers(back)).toEqual(answers(model));
  expect(back.getWeights().map(({ shape }) => shape)).toEqual([[2, 12], [4, 12], [12], [12], [4, 9], [3, 9]]);
  await expect(tfjsLayers.loadLayersModel(core.io.fromMemory(saved))).rejects.toThrow("does not support reset_after");
});

it("what TensorFlow.js saves is read here, and trains", async () => {
  const { sequential, layers } = tfjsLayers,
    theirs = sequential({
      layers: [
        layers.dense({ units: 5, activation: "elu", inputShape: [3] }),
        layers.batchNormalization({ scale: false, epsilon: 0.1 }),
        layers.layerNormalization({ gammaInitializer: "heNormal" }),
        layers.dense({ units: 1 }),
      ],
    });
  let saved: core.io.ModelArtifacts = {};
  await theirs.save(
    core.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
    }),
  );
  const model = await ours.loadLayersModel({ load: async () => saved }),
    x = numbers(12);
  near([...model.predict(ours.tensor2d(x, [4, 3])).dataSync()], [...(theirs.predict(core.tensor2d(x, [4, 3])) as core.Tensor).dataSync()]);
  expect(model.layers.map(({ name }) => name)).toEqual(theirs.layers.map(({ name }) => name));
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  const { history } = await model.fit(ours.tensor2d(x, [4, 3]), ours.tensor2d([1, 2, 3, 4], [4, 1]), { epochs: 20 });
  expect(history.loss[19]).toBeLessThan(history.loss[0]);
});

it("a folder of Node keeps a model, and files that the user picked are read", async () => {
  const model = declare();
  await mkdir(join(folder, "model"));
  await model.save(`file://${folder}/model`);
  expect((await readdir(join(folder, "model"))).sort()).toEqual(["model.json", "model.weights.bin"]);
  expect(answers(await ours.loadLayersModel(`file://${folder}/model/model.json`))).toEqual(answers(model));
  let saved: { weightSpecs?: unknown; weightData?: ArrayBuffer } = {};
  await model.save({
    save: async (artifacts) => {
      saved = artifacts as typeof saved;
    },
  });
  // As TensorFlow.js' "downloads://" names them.
  const { weightData, weightSpecs, ...rest } = saved,
    json = JSON.stringify({ ...rest, weightsManifest: [{ paths: ["./mine.weights.bin"], weights: weightSpecs }] });
  expect(answers(await ours.loadLayersModel([new File([json], "mine.json"), new File([weightData!], "mine.weights.bin")]))).toEqual(
    answers(model),
  );
  await writeFile(join(folder, "mine.json"), json);
  await writeFile(join(folder, "mine.weights.bin"), new Uint8Array(weightData!));
  expect(answers(await ours.loadLayersModel(join(folder, "mine.json")))).toEqual(answers(model));
});

it("other places, and the optimizer, are refused by name", async () => {
  const model = declare();
  for (const place of ["localstorage://m", "http://example.org/m", "indexeddb://m", "downloads://m"])
    await expect(model.save(place)).rejects.toThrow(UnsupportedError);
  await expect(ours.loadLayersModel("localstorage://m")).rejects.toThrow("indexeddb://");
  await expect(model.save("file://x", { includeOptimizer: true })).rejects.toThrow("saveModel() of deltaprop/files");
});
