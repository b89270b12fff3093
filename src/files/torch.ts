// Weights of PyTorch, as safetensors' save_file(model.state_dict(), path) keeps them: Linear's weight is (units, fanIn), our kernel
// transposed;
// weight_ih_l0 and weight_hh_l0 of RNN, LSTM and GRU too. The two biases of RNN and LSTM are added. LSTM has its gates in our order,
// i, f, g, o; GRU has r before z. A further type of layer is a row of READERS.

import { decodeSafetensors, FormatError, InputError, type Layer, type Sequential } from "../index.ts";
import type { NamedTensor } from "../formats/safetensors.ts";
import { checkOptions } from "./own/model-file.ts";
import { checkModel, fill, takeApart, type ModelWeight } from "./parts.ts";
import { checkMaxBytes, nameOf, readSource, type ReadOptions, type ModelSource } from "./places.ts";

/** A module of PyTorch by its path in the state dict, such as "net.0"; of an RNN with several layers with the number of one. */
export type TorchName = string | readonly [module: string, layer: number];

/** What loadTorchWeights() takes. */
export interface LoadTorchWeightsOptions extends ReadOptions {
  /** By the names of our layers: { dense: "net.0", dense_1: "net.2" }; a layer that is left out has its own name there. */
  names?: Readonly<Record<string, TorchName>>;
}

/** Finds the tensors of one module. */
class Module {
  constructor(
    readonly where: string,
    readonly path: string,
    readonly layer: number,
    readonly tensors: ReadonlyMap<string, NamedTensor>,
  ) {}

  has(name: string): boolean {
    return this.tensors.has(`${this.path}.${name}`);
  }

  /** @throws FormatError if there is none, or one of another rank */
  take(name: string, rank: number): ModelWeight {
    const found = this.tensors.get(`${this.path}.${name}`);
    if (found?.shape.length === rank) return found;
    throw new FormatError(
      `${this.where}: ${this.path}.${name} must be a tensor of ${rank} sizes; got ` +
        `${found ? `[${found.shape.join(", ")}]` : "none"}. The file has ` +
        `${[...this.tensors.keys()].slice(0, 12).join(", ").slice(0, 300) || "no tensors"}. Say by names which module each layer is.`,
    );
  }

  turned(name: string): ModelWeight {
    const {
      shape: [rows, columns],
      data,
    } = this.take(name, 2);
    return { shape: [columns, rows], data: Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]) };
  }

  /** The sum of the biases. @throws FormatError where the layer has none but the module does */
  bias(useBias: boolean, names: readonly string[]): ModelWeight[] {
    const [first, ...others] = this.biases(useBias, names);
    if (first === undefined) return [];
    return [{ shape: first.shape, data: first.data.map((value, i) => others.reduce((sum, { data }) => sum + data[i], value)) }];
  }

  /** The biases. @throws as bias() */
  biases(useBias: boolean, names: readonly string[]): ModelWeight[] {
    const there = names.find((name) => this.has(name));
    if (!useBias && there !== undefined)
      throw new FormatError(
        `${this.where}: ${this.path}.${there} is there, but the layer has ` + `useBias: false. Declare it with a bias.`,
      );
    return useBias ? names.map((name) => this.take(name, 1)) : [];
  }
}

/** Kernels and biases of a module whose gates are r, z, n, as those of z, r, n. */
function swapped({ shape, data }: ModelWeight): ModelWeight {
  const columns = shape[shape.length - 1],
    units = Math.floor(columns / 3);
  return {
    shape,
    data: Float32Array.from(data, (value, i) => {
      const gate = Math.floor((i % columns) / units);
      return gate > 1 ? value : data[gate === 0 ? i + units : i - units];
    }),
  };
}

const recurrentBiases = ({ layer }: Module): string[] => [`bias_ih_l${layer}`, `bias_hh_l${layer}`];
const recurrentKernels = (from: Module): ModelWeight[] => [
  from.turned(`weight_ih_l${from.layer}`),
  from.turned(`weight_hh_l${from.layer}`),
];
const readRecurrent = (from: Module, { useBias }: { readonly useBias: boolean }): ModelWeight[] => [
  ...recurrentKernels(from),
  ...from.bias(useBias, recurrentBiases(from)),
];

const READERS: { readonly [T in Layer["type"]]?: (from: Module, layer: Extract<Layer, { type: T }>) => ModelWeight[] } = {
  dense: (from, { useBias }) => [from.turned("weight"), ...from.bias(useBias, ["bias"])],
  simpleRNN: readRecurrent,
  lstm: readRecurrent,
  gru: (from, { useBias }) => [...recurrentKernels(from), ...from.biases(useBias, recurrentBiases(from))].map(swapped),
};

function moduleOf(where: string, name: TorchName, tensors: ReadonlyMap<string, NamedTensor>): Module {
  const [path, layer] = typeof name === "string" ? [name, 0] : Array.isArray(name) ? (name as [string, number]) : [];
  if (typeof path === "string" && layer !== undefined && Number.isSafeInteger(layer) && layer >= 0)
    return new Module(where, path, layer, tensors);
  throw new InputError(`${where}: a name must be "module", or ["module", layer] with a whole number; got ${JSON.stringify(name)}.`);
}

/**
 * Gives a model the weights of Linear, RNN, LSTM and GRU modules of PyTorch; other tensors of the file stay aside.
 * @param model with the same layers; RNN's nonlinearity is tanh or relu
 * @param source a `.safetensors` file, as loadModel() takes it
 * @throws FormatError, with the model unchanged, if a tensor is missing or of another shape; InputError if a name is of no layer
 */
export async function loadTorchWeights(model: Sequential, source: ModelSource, options: LoadTorchWeightsOptions = {}): Promise<void> {
  checkOptions("loadTorchWeights()", options, ["names", "maxBytes"]);
  const names = options.names ?? {},
    where = `loadTorchWeights(): ${nameOf(source)}`,
    parts = await takeApart("loadTorchWeights()", checkModel("loadTorchWeights()", model));
  const bytes = await readSource("loadTorchWeights()", source, checkMaxBytes("loadTorchWeights()", options.maxBytes));
  const known = parts.layers.flatMap(({ name }) => name ?? []),
    strange = Object.keys(names).find((name) => !known.includes(name));
  if (strange !== undefined)
    throw new InputError(`loadTorchWeights(): names: there is no layer ${JSON.stringify(strange)}. There are ` + `${known.join(", ")}.`);
  const tensors = new Map(decodeSafetensors(bytes, where).tensors.map((tensor) => [tensor.name, tensor]));
  const weights = parts.layers.flatMap(({ layer, name }) => {
    const read = READERS[layer.type] as ((from: Module, layer: Layer) => ModelWeight[]) | undefined;
    return read && name !== null ? read(moduleOf(where, Object.hasOwn(names, name) ? names[name] : name, tensors), layer) : [];
  });
  await fill(where, model, weights);
}
