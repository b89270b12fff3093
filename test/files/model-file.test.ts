// deltaprop's own model file: what is written is read back as the same model, trains on as if nothing had happened, and what is no such
// file is refused.

import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { modelBytes, parseModel } from "../../src/cli/saved-model.ts";
import { textModelBytes } from "../../src/cli/saved-text-model.ts";
import { buildModel, type ModelSpec } from "../../src/cli/model-spec.ts";
import { buildTextModel } from "../../src/cli/text-model.ts";
import { loadModel, saveModel } from "../../src/files/index.ts";
import {
  adam,
  cosineDecay,
  decodeSafetensors,
  dense,
  DeltapropError,
  dropout,
  encodeSafetensors,
  FormatError,
  gru,
  InputError,
  l1,
  l1l2,
  l2,
  lstm,
  randomUniform,
  rmsprop,
  sequential,
  sgd,
  simpleRNN,
  UnsupportedError,
  warmup,
  type Optimizer,
} from "../../src/index.ts";
import { MODELS, modelOf, numbers } from "./support.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deltaprop-files-"));
});
afterAll(() => rm(folder, { recursive: true }));

const CLASSIFIER = MODELS["a classifier"].layers;

describe("saveModel() and loadModel()", () => {
  it.each(Object.entries(MODELS))("%s comes back with its layers, seed and weights", async (_, { layers }) => {
    const model = await modelOf(...layers()),
      loaded = await loadModel(await saveModel(model, null));
    expect(await loaded.getWeights()).toEqual(await model.getWeights());
    expect(loaded.inside.stack).toEqual(model.inside.stack);
  });

  it("keeps every option of every layer", async () => {
    const regularizer = l1l2({ l1: 0.1, l2: 0.2 });
    const model = await modelOf(
      simpleRNN({
        units: 2,
        inputShape: [3],
        inputVocabulary: 5,
        stateful: true,
        returnSequences: true,
        kernelInitializer: randomUniform({ minval: -1, maxval: 2 }),
        recurrentInitializer: "orthogonal",
        biasInitializer: "ones",
        kernelRegularizer: regularizer,
        recurrentRegularizer: l2(0.3),
        biasRegularizer: l1(0.2),
        name: "memory",
      }),
      lstm({
        units: 3,
        stateful: true,
        returnSequences: true,
        activation: "relu",
        recurrentActivation: "tanh",
        unitForgetBias: false,
        recurrentInitializer: "glorotUniform",
        biasRegularizer: l1(0.1),
        dropout: 0.25,
      }),
      gru({ units: 2, returnSequences: true, recurrentActivation: "tanh", resetAfter: true, biasInitializer: "ones", trainable: false }),
      dropout({ rate: 0.5 }),
      dense({ units: 2, useBias: false, kernelRegularizer: regularizer, biasInitializer: "heNormal", trainable: false }),
    );
    expect((await loadModel(await saveModel(model, null))).inside.stack).toEqual(model.inside.stack);
  });

  it("writes a safetensors file that anybody can read", async () => {
    const model = await modelOf(...CLASSIFIER()),
      { tensors, metadata } = decodeSafetensors(await saveModel(model, null));
    expect(tensors).toEqual(await model.getWeights());
    expect(metadata).toMatchObject({ format: "deltaprop-model", version: "1" });
  });
});

const DATA = { x: numbers(24 * 5), y: Float32Array.from({ length: 72 }, (_, i) => (i % 3 === ((i / 3) | 0) % 3 ? 1 : 0)) };
const FIT = { epochs: 3, batchSize: 7 };

describe("training goes on", () => {
  const OPTIMIZERS: Record<string, Optimizer> = {
    "adam on a schedule, clipped": adam({
      learningRate: warmup({ steps: 4, then: cosineDecay({ initialLearningRate: 0.05, decaySteps: 30 }) }),
      globalClipNorm: 1,
    }),
    "centered rmsprop with momentum": rmsprop({ learningRate: 0.01, centered: true, momentum: 0.5 }),
    "plain descent": sgd(0.1),
  };
  it.each(
    Object.entries(OPTIMIZERS).flatMap(([name, optimizer]) => (["cpu", "wasm"] as const).map((backend) => ({ name, optimizer, backend }))),
  )("with $name on $backend, bit for bit", async ({ optimizer, backend }) => {
    const recipe = { optimizer, loss: "categoricalCrossentropy", metrics: ["accuracy"], backend } as const;
    const whole = await modelOf(...CLASSIFIER()),
      half = await modelOf(...CLASSIFIER());
    await whole.compile(recipe);
    await whole.fit(DATA.x, DATA.y, FIT);
    const second = await whole.fit(DATA.x, DATA.y, FIT);
    await half.compile(recipe);
    await half.fit(DATA.x, DATA.y, FIT);
    const loaded = await loadModel(await saveModel(half, null, { optimizer: true }), { backend });
    expect(loaded.backend).toBe(backend);
    expect(await loaded.fit(DATA.x, DATA.y, FIT)).toEqual(second);
    expect(await loaded.getWeights()).toEqual(await whole.getWeights());
    // Control: without the optimizer's states and its steps it goes elsewhere (plain descent has none, but another order of rows).
    const fresh = await loadModel(await saveModel(half, null));
    await fresh.compile(recipe);
    expect(await fresh.fit(DATA.x, DATA.y, FIT)).not.toEqual(second);
  });

  it("at the learning rate that was set last, on another backend too, or not at all", async () => {
    const model = await modelOf(...CLASSIFIER());
    await model.compile({ optimizer: "adam", loss: "categoricalCrossentropy", backend: "cpu" });
    model.learningRate = 0.125;
    const file = await saveModel(model, null, { optimizer: true });
    expect((await loadModel(file, { backend: "wasm" })).learningRate).toBe(0.125);
    const bare = await loadModel(file, { compile: false });
    expect(() => bare.learningRate).toThrow("not compiled");
    expect(await bare.getWeights()).toEqual(await model.getWeights());
  });

  it("is refused while there is none, or while it is under way", async () => {
    const model = await modelOf(...CLASSIFIER());
    await expect(saveModel(model, null, { optimizer: true })).rejects.toThrow("needs a compiled model");
    await model.predict(numbers(5));
    await expect(saveModel(model, null, { optimizer: true })).rejects.toThrow("not compiled");
    await model.compile({ optimizer: "sgd", loss: "categoricalCrossentropy", backend: "cpu" });
    let inside: unknown;
    await model.fit(DATA.x, DATA.y, {
      epochs: 1,
      callbacks: {
        onEpochEnd: async () => {
          inside = await saveModel(model, null, { optimizer: true }).catch((error: unknown) => error);
        },
      },
    });
    expect(inside).toBeInstanceOf(InputError);
    expect((inside as Error).message).toContain("saveModel(): the model is training");
  });
});

describe("places", () => {
  it("are files, by path or address of Node", async () => {
    const model = await modelOf(...CLASSIFIER()),
      path = join(folder, "model.safetensors"),
      bytes = await saveModel(model, path);
    expect(new Uint8Array(await readFile(path))).toEqual(bytes);
    for (const source of [
      path,
      pathToFileURL(path),
      pathToFileURL(path).href,
      new Blob([bytes]),
      bytes,
      bytes.buffer,
      Buffer.from(bytes),
    ]) {
      expect(await (await loadModel(source)).getWeights()).toEqual(await model.getWeights());
    }
    await expect(loadModel(join(folder, "none"))).rejects.toThrow(InputError);
    await expect(loadModel(folder)).rejects.toThrow("must be a regular file");
    await expect(saveModel(model, join(folder, "none", "x"))).rejects.toThrow("cannot be written");
  });

  it("are addresses, opened as they are given, up to a size", async () => {
    const bytes = await saveModel(await modelOf(...CLASSIFIER()), null);
    const server = createServer((request, response) => {
      response.writeHead(request.url === "/model" ? 200 : 404, { "transfer-encoding": "chunked" });
      response.end(Buffer.from(bytes));
    });
    await new Promise<void>((done) => {
      server.listen(0, "127.0.0.1", done);
    });
    onTestFinished(() => {
      server.close();
    });
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await loadModel(`${address}/model`)).inside.stack.layers).toHaveLength(4);
    await expect(loadModel(`${address}/other`)).rejects.toThrow("404");
    await expect(loadModel(`${address}/model`, { maxBytes: bytes.length - 1 })).rejects.toThrow("more than maxBytes");
    await expect(saveModel(await modelOf(...CLASSIFIER()), `${address}/model`)).rejects.toThrow(UnsupportedError);
  });

  it("are no others, and the options no others", async () => {
    const model = await modelOf(...CLASSIFIER());
    for (const place of ["", "ftp://a/b", 7, {}, "opfs://a/b"]) await expect(saveModel(model, place as string)).rejects.toThrow(InputError);
    await expect(saveModel(model, "indexeddb://a")).rejects.toThrow(UnsupportedError);
    await expect(saveModel({} as never, null)).rejects.toThrow("what sequential() gave");
    await expect(saveModel(model, null, { optimiser: true } as never)).rejects.toThrow("unknown option optimiser");
    await expect(loadModel(new Uint8Array(1), { maxBytes: 0 })).rejects.toThrow("maxBytes");
    const link = join(folder, "link");
    await writeFile(join(folder, "aim"), "x");
    await symlink(join(folder, "aim"), link);
    await saveModel(model, link);
    expect(await readFile(join(folder, "aim"), "utf8")).toBe("x");
  });
});

describe("files of the commands", () => {
  it("of deltaprop train are read", async () => {
    const spec: ModelSpec = {
      layers: [4, 3, 2],
      activation: "tanh",
      loss: "sparseCategoricalCrossentropy",
      optimizer: "sgd",
      learningRate: null,
      dropout: 0.5,
      l2: 0.25,
      seed: 0,
      initialization: null,
    };
    const model = buildModel(spec),
      weights = await model.getWeights(),
      bytes = modelBytes(weights, spec),
      loaded = await loadModel(bytes);
    expect(loaded.inside.stack).toEqual(model.inside.stack);
    expect(await loaded.getWeights()).toEqual(parseModel(bytes, "file").weights);
  });

  it("of before version 2 mean the tanh form by gelu", async () => {
    const weights = await (await modelOf(dense({ units: 2, inputShape: [3] }), dense({ units: 2, activation: "softmax" }))).getWeights();
    const loaded = await loadModel(encodeSafetensors(weights, { activation: "gelu", loss: "categoricalCrossentropy" }));
    expect(loaded.inside.stack.layers[0]).toMatchObject({ activation: "geluTanh" });
  });

  it.each(["rnn", "lstm", "gru"] as const)("of deltaprop char-rnn --cell %s are read", async (cell) => {
    const spec = { cell, vocabulary: ["a", "b", "c"], hidden: 4, layers: 2, learningRate: 0.1, seed: 0 },
      model = buildTextModel(spec, 5);
    const weights = await model.getWeights(),
      bytes = textModelBytes({ spec, length: 5, batchSize: 2, temperature: 1, primer: "a", weights });
    const loaded = await loadModel(bytes);
    expect(loaded.inside.stack).toEqual(model.inside.stack);
    expect(await loaded.getWeights()).toEqual(weights);
  });
});

/** A file with some of its metadata replaced. */
async function altered(change: Record<string, string>, drop = 0): Promise<Uint8Array> {
  const { tensors, metadata } = decodeSafetensors(await saveModel(await modelOf(...CLASSIFIER()), null));
  return encodeSafetensors(tensors.slice(drop), { ...metadata, ...change });
}
const layersOf = (...layers: object[]) => ({ model: JSON.stringify({ layers, seed: 0 }) });

describe("what is refused", () => {
  it.each<[string, Record<string, string>, string]>([
    ["a newer version", { version: "2" }, 'metadata "version" must be "1"; got "2"'],
    ["another format", { format: "other" }, 'metadata "format"'],
    ["a layer that is not known", layersOf({ type: "attention", units: 3 }), 'layer 0 is of type "attention"'],
    ["a layer of a prototype", layersOf({ type: "constructor" }), 'layer 0 is of type "constructor"'],
    [
      "an option that is not known",
      layersOf({ type: "dense", units: 3, cell: 1, inputShape: [5] }),
      "layer 0: dense(): unknown option cell",
    ],
    [
      "an activation that is not known",
      layersOf({ type: "dense", units: 3, activation: "mish", inputShape: [5] }),
      "activation must be one of",
    ],
    ["no layers", { model: '{"seed":0}' }, "layers must be a list"],
    ["too many layers", layersOf(...Array.from({ length: 1001 }, () => ({ type: "activation", activation: "relu" }))), "got 1001"],
    ["layers that are no network", layersOf({ type: "dropout", rate: 0.5, inputShape: [5] }), "a dense or recurrent layer"],
    ["other shapes", layersOf({ type: "dense", units: 3, inputShape: [5] }), "is a tensor that no layer has"],
    ["a width beyond all memory", layersOf({ type: "dense", units: 2 ** 30, inputShape: [5], useBias: false }), "may have at most 2^30"],
    ["no seed", { model: JSON.stringify({ layers: [{ type: "dense", units: 3, inputShape: [5] }], seed: -1 }) }, "seed must be"],
    ["training that is none", { training: "[]" }, "training must hold"],
    [
      "a schedule that is none",
      {
        training:
          '{"optimizer":{"name":"sgd","learningRate":{"kind":"toString"}},"loss":{"name":"huber"},"metrics":[],"steps":0,"epochs":0}',
      },
      "a schedule must be of kind",
    ],
  ])("%s", async (_, change, message) => {
    await expect(loadModel(await altered(change))).rejects.toThrow(FormatError);
    await expect(loadModel(await altered(change))).rejects.toThrow(message);
  });

  it("a tensor that is missing, and weights that are not finite", async () => {
    await expect(loadModel(await altered({}, 1))).rejects.toThrow(
      "dense/kernel must hold finite numbers of shape (5, 6); got no such tensor",
    );
    const model = await modelOf(...CLASSIFIER()),
      { tensors, metadata } = decodeSafetensors(await saveModel(model, null));
    tensors[0].data[3] = NaN;
    await expect(loadModel(encodeSafetensors(tensors, metadata))).rejects.toThrow("dense/kernel must hold finite numbers");
  });

  it("training whose optimizer's states are of another model; nothing stays open", async () => {
    const model = await modelOf(...CLASSIFIER());
    await model.compile({ optimizer: "adam", loss: "categoricalCrossentropy", backend: "cpu" });
    const { tensors, metadata } = decodeSafetensors(await saveModel(model, null, { optimizer: true }));
    const states = tensors.filter(({ name }) => name !== "optimizer/dense/kernel/m");
    await expect(loadModel(encodeSafetensors(states, metadata), { backend: "cpu" })).rejects.toThrow(
      "optimizer/dense/kernel/m must hold 30 finite numbers; got no such tensor",
    );
  });

  it("any file with bytes changed: a typed error, or a model", async () => {
    const model = sequential({ layers: CLASSIFIER() });
    await model.compile({ optimizer: "adam", loss: "categoricalCrossentropy", backend: "cpu" });
    const whole = await saveModel(model, null, { optimizer: true }),
      header = 1800;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(header), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(whole.length)),
        async (changes, length) => {
          const bytes = whole.slice(0, length ?? whole.length);
          for (const [at, value] of changes) bytes[at] = value;
          await loadModel(bytes, { backend: "cpu" }).then(
            (loaded) => loaded.dispose(),
            (error: unknown) => {
              refused++;
              expect(error).toBeInstanceOf(DeltapropError);
            },
          );
        },
      ),
      { numRuns: 200, seed: 1 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
