// Files of Keras against programs from outside npm: Python's h5py reads what we write, and we what it writes in Keras' layouts; Keras itself
// answers as our model does, where it is installed. What cannot be run here is said. `npm run test:interop`

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadKeras, saveKeras, saveKerasWeights } from "../../src/files/keras/index.ts";
import { answers, difference, MODELS, modelOf, numbers, sizeOf } from "../files/support.ts";

const run = promisify(execFile),
  SCRIPT = fileURLToPath(new URL("keras_files.py", import.meta.url));
/** Debian's python3-h5py is Debian's Python's. */
const PYTHONS = [process.env.PYTHON, "python3", "/usr/bin/python3"].filter((path) => path !== undefined);

interface Tensor {
  shape: number[];
  dtype: string;
  values: number[];
}
interface File {
  names?: string[];
  tensors: Record<string, Tensor>;
  groups: string[];
  attributes?: Record<string, string>;
  model_weights?: Record<string, string | string[]>;
  weight_names?: Record<string, string[]>;
}
interface Report {
  h5py: string;
  keras: { missing?: string; version?: string } & Record<string, number[] | string>;
  files: Record<string, File>;
  kernel: number[];
  bias: number[];
}

let folder: string, report: Report;

async function pythonWithH5py(): Promise<string> {
  for (const python of PYTHONS) {
    if (
      await run(python, ["-c", "import h5py"]).then(
        () => true,
        () => false,
      )
    )
      return python;
  }
  throw new Error(
    "not run: no Python with h5py was found. On Debian: apt-get install python3-h5py; elsewhere: pip install h5py, and PYTHON=… npm run test:interop.",
  );
}

const slug = (name: string): string => name.replaceAll(" ", "-");

beforeAll(async () => {
  const python = await pythonWithH5py();
  folder = await mkdtemp(join(tmpdir(), "deltaprop-interop-"));
  const inputs: Record<string, unknown> = {};
  for (const [name, { layers, features }] of Object.entries(MODELS)) {
    const model = await modelOf(...layers()),
      flat = [...numbers(4 * sizeOf(features), 500)];
    const nested = features.reduceRight<unknown[]>(
      (values, size) => Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size)),
      flat,
    );
    inputs[`ours-${slug(name)}`] = nested;
    await saveKeras(model, join(folder, `ours-${slug(name)}.keras`));
    await saveKeras(model, join(folder, `ours-${slug(name)}.h5`));
    inputs[`ours-${slug(name)}.weights`] = nested;
  }
  await saveKerasWeights(await modelOf(...MODELS["a classifier"].layers()), join(folder, "weights-alone.weights.h5"));
  await writeFile(join(folder, "inputs.json"), JSON.stringify(inputs));
  report = JSON.parse((await run(python, [SCRIPT, folder], { maxBuffer: 2 ** 26 })).stdout) as Report;
  console.log(
    `h5py ${report.h5py}: run. ` +
      (report.keras.missing ? `Keras: not run (${report.keras.missing}).` : `Keras ${report.keras.version}: run.`),
  );
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Values and shapes of h5py's are the model's, in its order. */
async function expectWeights(tensors: Record<string, Tensor>, names: readonly string[], model: (typeof MODELS)[string]): Promise<void> {
  const weights = await (await modelOf(...model.layers())).getWeights();
  expect(Object.keys(tensors).sort()).toEqual([...names].sort());
  expect(names.map((name) => tensors[name])).toEqual(weights.map(({ shape, data }) => ({ shape, dtype: "float32", values: [...data] })));
}

describe("h5py", () => {
  it("finds model.weights.h5 in .keras laid out as Keras 3 does", async () => {
    const file = report.files["ours-a-recurrent-network.keras"];
    expect(file.names).toEqual(["config.json", "metadata.json", "model.weights.h5"]);
    await expectWeights(
      file.tensors,
      [
        "layers/simple_rnn/cell/vars/0",
        "layers/simple_rnn/cell/vars/1",
        "layers/simple_rnn/cell/vars/2",
        "layers/simple_rnn_1/cell/vars/0",
        "layers/simple_rnn_1/cell/vars/1",
        "layers/dense/vars/0",
        "layers/dense/vars/1",
      ],
      MODELS["a recurrent network"],
    );
    expect(file.groups).toEqual(expect.arrayContaining(["vars", "layers/simple_rnn/vars", "layers/simple_rnn/cell/vars"]));
  });

  it("finds an LSTM and a GRU laid out as Keras 3 does, the two biases of a GRU in one", async () => {
    const { tensors } = report.files["ours-gated-recurrent-units.keras"],
      shapeOf = (path: string) => tensors[`layers/${path}`].shape;
    expect(
      ["gru", "lstm", "gru_1"].map((layer) =>
        [0, 1, 2].flatMap((i) => (`layers/${layer}/cell/vars/${i}` in tensors ? [shapeOf(`${layer}/cell/vars/${i}`)] : [])),
      ),
    ).toEqual([
      [
        [3, 15],
        [5, 15],
        [2, 15],
      ],
      [[5, 8], [2, 8], [8]],
      [
        [2, 12],
        [4, 12],
      ],
    ]);
    expect(report.files["ours-gated-recurrent-units.h5"].weight_names).toMatchObject({
      gru: ["kernel", "recurrent_kernel", "bias"].map((name) => `gru/gru_cell/${name}`),
      lstm: ["kernel", "recurrent_kernel", "bias"].map((name) => `lstm/lstm_cell/${name}`),
      top: ["kernel", "recurrent_kernel"].map((name) => `top/gru_cell/${name}`),
    });
  });

  it("finds γ, β, moving mean and variance in .keras and .h5 in Keras' order", async () => {
    const of = (layer: string) => [0, 1, 2, 3].map((i) => `layers/${layer}/vars/${i}`),
      model = MODELS["batch normalization"];
    await expectWeights(
      report.files["ours-batch-normalization.keras"].tensors,
      [
        ...of("batch_normalization"),
        "layers/dense/vars/0",
        ...of("batch_normalization_1"),
        "layers/dense_1/vars/0",
        "layers/dense_1/vars/1",
      ],
      model,
    );
    expect(report.files["ours-batch-normalization.h5"].weight_names).toMatchObject({
      middle: ["gamma", "beta", "moving_mean", "moving_variance"].map((name) => `middle/${name}`),
    });
  });

  it("finds .h5 laid out as the older format is", async () => {
    const file = report.files["ours-a-classifier.h5"];
    expect(JSON.parse(file.attributes!.model_config)).toMatchObject({ class_name: "Sequential" });
    expect(file.model_weights).toMatchObject({ layer_names: ["dense", "dropout", "dense_1", "dense_2"], backend: "tensorflow" });
    expect(file.weight_names).toEqual({
      dense: ["dense/kernel", "dense/bias"],
      dropout: [],
      dense_1: ["dense_1/kernel"],
      dense_2: ["dense_2/kernel", "dense_2/bias"],
    });
    await expectWeights(
      file.tensors,
      [
        "model_weights/dense/dense/kernel",
        "model_weights/dense/dense/bias",
        "model_weights/dense_1/dense_1/kernel",
        "model_weights/dense_2/dense_2/kernel",
        "model_weights/dense_2/dense_2/bias",
      ],
      MODELS["a classifier"],
    );
  });

  it.each(["python-3.keras", "python-2.h5"])("writes %s, which is read", async (name) => {
    const model = await loadKeras(join(folder, name));
    expect((await model.getWeights()).map(({ data }) => [...data])).toEqual([report.kernel, report.bias]);
    expect(model.inside.stack.layers).toMatchObject([{ type: "dense", name: "probe", activation: "tanh", inputShape: [3] }]);
  });
});

it("Keras, where it is installed, answers as our models do", async () => {
  if (report.keras.missing) return;
  for (const [name, { layers, features }] of Object.entries(MODELS)) {
    const expected = await answers(await modelOf(...layers()), features);
    for (const form of ["keras", "h5"])
      expect(difference(report.keras[`ours-${slug(name)}.${form}`] as number[], expected), name).toBeLessThan(1e-5);
  }
});
