// Files of Keras: what is written is laid out as Keras lays it out, and read back; what is damaged or hostile is refused. What Python's h5py
// and Keras itself say of them is in test/interop.

import { strFromU8, strToU8, unzipSync, zipSync } from "fflate";
import fc from "fast-check";
import * as h5wasm from "h5wasm";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadKeras, loadKerasWeights, saveKeras, saveKerasWeights } from "../../src/files/keras/index.ts";
import { dense, DeltapropError, gru, InputError, lstm, sequential, simpleRNN, UnsupportedError, type Layer } from "../../src/index.ts";
import { answers, MODELS, modelOf } from "./support.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deltaprop-keras-"));
});
afterAll(() => rm(folder, { recursive: true }));

const LAYERS = MODELS["a classifier"].layers;

/** A file made by h5wasm itself, group by group. */
async function hdf5(make: (file: h5wasm.File) => void): Promise<Uint8Array<ArrayBuffer>> {
  const { FS } = await h5wasm.ready,
    file = new h5wasm.File("/made.h5", "w");
  make(file);
  file.flush();
  file.close();
  return new Uint8Array(FS.readFile("/made.h5"));
}

async function pathsOf(bytes: Uint8Array): Promise<string[]> {
  const { FS } = await h5wasm.ready;
  FS.writeFile("/look.h5", bytes);
  const file = new h5wasm.File("/look.h5", "r");
  try {
    return file
      .paths()
      .map((path) => path.replace(/^\//, ""))
      .filter((path) => file.get(path) instanceof h5wasm.Dataset)
      .sort();
  } finally {
    file.close();
  }
}

async function tensorAt(bytes: Uint8Array, path: string): Promise<{ shape: number[] | null; values: unknown }> {
  const { FS } = await h5wasm.ready;
  FS.writeFile("/look.h5", bytes);
  const file = new h5wasm.File("/look.h5", "r");
  try {
    const { shape, value } = file.get(path) as h5wasm.Dataset;
    return { shape, values: value };
  } finally {
    file.close();
  }
}

describe("saveKeras() and loadKeras()", () => {
  it.each(Object.entries(MODELS).flatMap(([name, model]) => (["keras", "h5"] as const).map((format) => ({ name, format, ...model }))))(
    "$name as .$format",
    async ({ layers, features, format }) => {
      const model = await modelOf(...layers()),
        bytes = await saveKeras(model, null, { format }),
        back = await loadKeras(bytes);
      expect((await back.getWeights()).map(({ data }) => data)).toEqual((await model.getWeights()).map(({ data }) => data));
      expect(back.inside.stack.layers.map(({ type }) => type)).toEqual(layers().map(({ type }) => type));
      expect(await answers(back, features)).toEqual(await answers(model, features));
    },
  );

  it("lay weights out as Keras 3 does", async () => {
    const model = await modelOf(...MODELS["a recurrent network"].layers()),
      files = unzipSync(await saveKeras(model, null));
    expect(Object.keys(files).sort()).toEqual(["config.json", "metadata.json", "model.weights.h5"]);
    expect(await pathsOf(files["model.weights.h5"])).toEqual([
      "layers/dense/vars/0",
      "layers/dense/vars/1",
      "layers/simple_rnn/cell/vars/0",
      "layers/simple_rnn/cell/vars/1",
      "layers/simple_rnn/cell/vars/2",
      "layers/simple_rnn_1/cell/vars/0",
      "layers/simple_rnn_1/cell/vars/1",
    ]);
    expect(await pathsOf(await saveKerasWeights(model, null))).toEqual(await pathsOf(files["model.weights.h5"]));
  });

  it("lay an LSTM and a GRU out as Keras does: in a cell, the two biases of a GRU in one", async () => {
    const model = await modelOf(
        lstm({ units: 2, inputShape: [3, 1], returnSequences: true }),
        gru({ units: 4, name: "top" }),
        dense({ units: 1 }),
      ),
      expected = await model.getWeights(),
      files = unzipSync(await saveKeras(model, null)),
      config = JSON.parse(strFromU8(files["config.json"])) as { config: { layers: { class_name: string; config: object }[] } };
    expect(config.config.layers.slice(1, 3)).toMatchObject([
      {
        class_name: "LSTM",
        config: { recurrent_activation: "sigmoid", unit_forget_bias: true, recurrent_dropout: 0, go_backwards: false },
      },
      { class_name: "GRU", config: { recurrent_activation: "sigmoid", reset_after: true } },
    ]);
    const cells = (...paths: string[]) => paths.flatMap((path) => [0, 1, 2].map((i) => `layers/${path}/cell/vars/${i}`));
    expect(await pathsOf(files["model.weights.h5"])).toEqual(["layers/dense/vars/0", "layers/dense/vars/1", ...cells("gru", "lstm")]);
    const older = await saveKeras(model, null, { format: "h5" }),
      named = (layer: string, cell: string) =>
        ["bias", "kernel", "recurrent_kernel"].map((weight) => `model_weights/${layer}/${layer}/${cell}/${weight}`);
    expect(await pathsOf(older)).toEqual([
      "model_weights/dense/dense/bias",
      "model_weights/dense/dense/kernel",
      ...named("lstm", "lstm_cell"),
      ...named("top", "gru_cell"),
    ]);
    const both = new Float32Array([...expected[5].data, ...expected[6].data]);
    expect(expected.slice(5, 7).map(({ name }) => name)).toEqual(["top/bias", "top/recurrent_bias"]);
    for (const [bytes, path] of [
      [files["model.weights.h5"], "layers/gru/cell/vars/2"],
      [older, "model_weights/top/top/gru_cell/bias"],
    ] as const)
      expect(await tensorAt(bytes, path)).toEqual({ shape: [2, 12], values: both });
  });

  it("weights alone of a GRU", async () => {
    const layers = (units = 4) => [gru({ units, inputShape: [3, 2] }), dense({ units: 1 })],
      model = await modelOf(...layers()),
      other = sequential({ layers: layers() }),
      bytes = await saveKerasWeights(model, null);
    expect(await other.getWeights()).not.toEqual(await model.getWeights());
    await loadKerasWeights(other, bytes);
    expect(await other.getWeights()).toEqual(await model.getWeights());
    await expect(loadKerasWeights(sequential({ layers: layers(5) }), bytes)).rejects.toThrow("must have shape (2, 15); got (2, 12)");
  });

  it("by path, in the form that its name says", async () => {
    const model = await modelOf(...LAYERS());
    for (const [name, first] of [
      ["a.keras", 0x50],
      ["a.h5", 0x89],
    ] as const) {
      expect((await saveKeras(model, join(folder, name)))[0]).toBe(first);
      expect(await (await loadKeras(join(folder, name))).getWeights()).toEqual(await model.getWeights());
    }
  });

  it("weights alone", async () => {
    const model = await modelOf(...LAYERS()),
      other = sequential({ layers: LAYERS() }),
      bytes = await saveKerasWeights(model, null);
    await loadKerasWeights(other, bytes);
    expect(await other.getWeights()).toEqual(await model.getWeights());
    const wider = sequential({ layers: [dense({ units: 7, inputShape: [5] }), ...LAYERS().slice(1)] }),
      before = await wider.getWeights();
    await expect(loadKerasWeights(wider, bytes)).rejects.toThrow("layers/dense/vars/0 must have shape (5, 7); got (5, 6)");
    expect(await wider.getWeights()).toEqual(before);
    await expect(loadKeras(bytes)).rejects.toThrow("weights alone go into loadKerasWeights()");
  });

  it("refuses what Keras does not have, and what the options do not say", async () => {
    await expect(saveKeras(sequential({ layers: [dense({ units: 2, inputShape: [3], activation: "geluTanh" })] }), null)).rejects.toThrow(
      'layer dense (dense): activation "geluTanh"',
    );
    await expect(saveKeras(sequential({ layers: [simpleRNN({ units: 2, inputShape: [3, 1], stateful: true })] }), null)).rejects.toThrow(
      UnsupportedError,
    );
    await expect(saveKeras(await modelOf(...LAYERS()), null, { format: "pb" as never })).rejects.toThrow(InputError);
  });
});

it("files of Keras 2 are read: names with a number behind them, layers by their order", async () => {
  const config = {
    class_name: "Sequential",
    config: {
      name: "s",
      layers: [
        { class_name: "Dense", config: { name: "d", batch_input_shape: [null, 2], units: 1, activation: "linear", use_bias: true } },
      ],
    },
  };
  const bytes = await hdf5((file) => {
    const weights = file.create_group("model_weights"),
      outer = weights.create_group("other"),
      inner = outer.create_group("other");
    file.create_attribute("model_config", JSON.stringify(config));
    weights.create_attribute("layer_names", ["other"], [1], "S5");
    outer.create_attribute("weight_names", ["other/kernel:0", "other/bias:0"], [2], "S20");
    inner.create_dataset({ name: "kernel:0", data: Float64Array.of(1, 2), shape: [2, 1], dtype: "<f8" });
    inner.create_dataset({ name: "bias:0", data: Float32Array.of(3), shape: [1], dtype: "<f4" });
  });
  expect((await (await loadKeras(bytes)).getWeights()).map(({ data }) => [...data])).toEqual([[1, 2], [3]]);
});

const SMALL = (): Layer[] => [dense({ units: 1, inputShape: [2] })];
/** A .keras file with other weights or another config. */
async function archive(change: Record<string, Uint8Array>): Promise<Uint8Array> {
  return zipSync({ ...unzipSync(await saveKeras(await modelOf(...SMALL()), null)), ...change });
}

describe("what is refused", () => {
  it("links into other files, and what is behind them", async () => {
    const linked = await hdf5((file) => {
      file.create_group("layers");
      file.create_external_link("/etc/passwd", "/x", "layers/dense");
    });
    await expect(loadKeras(await archive({ "model.weights.h5": linked }))).rejects.toThrow(
      "is a link into another file. Such a file is refused.",
    );
    const root = await hdf5((file) => {
      file.create_external_link("/etc/passwd", "/x", "layers");
    });
    await expect(loadKerasWeights(await modelOf(...SMALL()), root)).rejects.toThrow("is a link into another file");
  });

  it("shapes that would unpack to more than the layers have, before a number is read", async () => {
    const large = await hdf5((file) => {
      const vars = file.create_group("layers").create_group("dense").create_group("vars");
      vars.create_dataset({
        name: "0",
        data: new Float32Array(2 ** 22),
        shape: [2 ** 21, 2],
        dtype: "<f4",
        chunks: [2 ** 15, 2],
        compression: "gzip",
      });
    });
    expect(large.length).toBeLessThan(2 ** 17);
    await expect(loadKeras(await archive({ "model.weights.h5": large }))).rejects.toThrow(
      "layers/dense/vars/0 must have shape (2, 1); got (2097152, 2)",
    );
  });

  it("archives that become more than is allowed, or lie about it", async () => {
    const bomb = zipSync({ "config.json": new Uint8Array(2 ** 24), "model.weights.h5": new Uint8Array(1) }, { level: 9 });
    await expect(loadKeras(bomb, { maxBytes: 2 ** 20 })).rejects.toThrow("becomes more than maxBytes");
    const lying = await archive({}),
      at = lying.lastIndexOf(0x50, lying.length - 23),
      view = new DataView(lying.buffer, lying.byteOffset);
    for (let i = 0; i + 46 < lying.length; i++) if (view.getUint32(i, true) === 0x02014b50) view.setUint32(i + 24, 2 ** 30, true);
    expect(at).toBeGreaterThan(0);
    await expect(loadKeras(lying)).rejects.toThrow(/bytes become 1073741824/);
  });

  it.each<[string, () => Promise<Uint8Array> | Uint8Array, string]>([
    [
      "code",
      () =>
        archive({
          "config.json": strToU8(
            JSON.stringify({
              class_name: "Sequential",
              config: {
                layers: [
                  { module: "keras.layers", class_name: "Lambda", config: { name: "l", function: "x", batch_input_shape: [null, 2] } },
                ],
              },
            }),
          ),
        }),
      "Lambda holds code, which is never run",
    ],
    ["an archive without a config", () => zipSync({ "model.weights.h5": new Uint8Array(9) }), "there is no config.json in it"],
    [
      "an archive without weights",
      async () => zipSync({ "config.json": unzipSync(await archive({}))["config.json"] }),
      "there is no model.weights.h5 in it",
    ],
    ["weights that are none", () => archive({ "model.weights.h5": strToU8("hello") }), "not an HDF5 file"],
    [
      "weights that are missing",
      async () =>
        archive({
          "model.weights.h5": await hdf5((file) => {
            file.create_group("layers");
          }),
        }),
      "dense/kernel must hold finite numbers of shape (2, 1); got no such tensor",
    ],
    [
      "whole numbers",
      async () =>
        archive({
          "model.weights.h5": await hdf5((file) => {
            file
              .create_group("layers")
              .create_group("dense")
              .create_group("vars")
              .create_dataset({ name: "0", data: Int32Array.of(1, 2), shape: [2, 1], dtype: "<i4" });
          }),
        }),
      'is of type "<i"',
    ],
    ["a text", () => strToU8("a text of some length, which is no file of Keras"), "not an HDF5 file"],
    [
      "a network beyond all memory",
      async () =>
        archive({
          "config.json": strToU8(strFromU8(unzipSync(await archive({}))["config.json"]).replace('"units":1', '"units":500000000')),
        }),
      "more than maxBytes",
    ],
  ])("%s", async (_, make, message) => {
    const bytes = await make();
    await expect(loadKeras(bytes)).rejects.toThrow(DeltapropError);
    await expect(loadKeras(bytes)).rejects.toThrow(message);
  });

  it("any file with bytes changed: a typed error, or a model", async () => {
    const files = await Promise.all(
      (["keras", "h5"] as const).map(async (format) => saveKeras(await modelOf(...SMALL()), null, { format })),
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(6000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(6000)),
        async (whole, changes, length) => {
          const bytes = whole.slice(0, length ?? whole.length);
          for (const [at, value] of changes) bytes[at] = value;
          await loadKeras(bytes).catch((error: unknown) => {
            refused++;
            expect(error).toBeInstanceOf(DeltapropError);
          });
        },
      ),
      { numRuns: 100, seed: 1 },
    );
    expect(refused).toBeGreaterThan(30);
    // Control: nothing of it has broken what reads.
    expect(await (await loadKeras(files[0])).getWeights()).toHaveLength(2);
  });
});
