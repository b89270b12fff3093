// Our layers as ONNX's operators. A further type of layer is a row of WRITERS. All at inference: Dropout does nothing there.
//   dense      Gemm(x, W, b); for sequences MatMul and Add
//   simpleRNN  RNN, which takes time first: Transpose before it and, where sequences leave, behind it; W (1, units, features) and R
//              (1, units, units) are our kernels transposed, B (1, 2·units) is our bias and zeros
//   lstm, gru  LSTM, GRU with linear_before_reset 1: the same with 4 and 3 times as many rows, one gate below the other: i, o, f, g of an
//              LSTM, z, r, g of a GRU, whose second bias stands in place of the zeros
//   batchNormalization  BatchNormalization with the moving statistics, which takes features second: sequences are transposed before and behind it
//   layerNormalization  LayerNormalization

import {
  UnsupportedError,
  type ActivationName,
  type Layer,
  type GateActivation,
  type RecurrentLayer,
  type Sequential,
} from "../../index.ts";
import { takeApart, type Parts, type ModelWeight } from "../parts.ts";
import { GRU, inOrder, LSTM, RNN, type RecurrentOperator } from "./recurrent.ts";
import { encodeModel, FLOAT, INT64, type NodeProto, type TensorProto } from "./proto.ts";

const float = (value: number) => ({ float: value });

/** Operator and attributes; swish is a product of two. */
const ACTIVATIONS: Readonly<
  Record<Exclude<ActivationName, "linear" | "swish">, readonly [op: string, attributes?: NodeProto["attributes"]]>
> = {
  sigmoid: ["Sigmoid"],
  tanh: ["Tanh"],
  relu: ["Relu"],
  leakyRelu: ["LeakyRelu", { alpha: float(0.2) }],
  elu: ["Elu", { alpha: float(1) }],
  softplus: ["Softplus"],
  gelu: ["Gelu", { approximate: "none" }],
  geluTanh: ["Gelu", { approximate: "tanh" }],
  softmax: ["Softmax", { axis: -1 }],
};

/** Names of recurrent operators' own; Affine is αx + β. */
/** The operator, and α and β of those that are lines. */
const RECURRENT: Readonly<Record<GateActivation, readonly [op: string, alpha?: number, beta?: number]>> = {
  tanh: ["Tanh"],
  relu: ["Relu"],
  sigmoid: ["Sigmoid"],
  linear: ["Affine", 1, 0],
  hardSigmoid: ["HardSigmoid", 1 / 6, 0.5],
  hardSigmoidKeras2: ["HardSigmoid", 0.2, 0.5],
};

function recurrentActivations(names: readonly GateActivation[]): NodeProto["attributes"] {
  const of = names.map((name) => RECURRENT[name]),
    lines = of.filter(([, alpha]) => alpha !== undefined);
  return {
    activations: of.map(([op]) => op),
    ...(lines.length > 0 && {
      activation_alpha: { floats: lines.map(([, alpha]) => alpha!) },
      activation_beta: { floats: lines.map(([, , beta]) => beta!) },
    }),
  };
}

/** Writes node after node, each from what the one before gave. */
class Graph {
  readonly nodes: NodeProto[] = [];
  readonly tensors: TensorProto[] = [];
  value = "input";

  /** @param shape what reaches the next layer, without the batch */
  constructor(
    readonly where: string,
    public shape: readonly number[],
  ) {}

  /** @param more names of further inputs. @returns the name of what comes out */
  push(op: string, more: readonly string[] = [], attributes?: NodeProto["attributes"]): string {
    const output = `${op.toLowerCase()}_${this.nodes.length}`;
    this.nodes.push({ op, inputs: [this.value, ...more], outputs: [output], attributes });
    return (this.value = output);
  }

  constant(name: string, shape: readonly number[], data: TensorProto["data"]): string {
    this.tensors.push({ name, shape, data });
    return name;
  }

  activate(name: ActivationName): void {
    if (name === "linear") return;
    if (name === "swish") {
      const before = this.value;
      this.push("Sigmoid");
      this.push("Mul", [before]);
    } else this.push(...([ACTIVATIONS[name][0], [], ACTIVATIONS[name][1]] as const));
  }
}

const transposed = ({ shape: [rows, columns], data }: ModelWeight): Float32Array<ArrayBuffer> =>
  Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);

/** γ or ones: both operators want it. */
function gammaOf(to: Graph, { scale }: { readonly scale: boolean }, name: string, weights: readonly ModelWeight[]): string {
  const width = to.shape[to.shape.length - 1];
  return to.constant(`${name}/gamma`, [width], scale ? weights[0].data : new Float32Array(width).fill(1));
}

/** A recurrent operator between what puts time first and what takes that back. */
function recur(
  to: Graph,
  layer: RecurrentLayer,
  name: string | null,
  weights: readonly ModelWeight[],
  { op, order }: RecurrentOperator,
): void {
  const { type, units, activation, returnSequences, stateful, inputVocabulary } = layer,
    [kernel, recurrent, bias, recurrentBias] = weights as readonly [ModelWeight, ModelWeight, ModelWeight?, ModelWeight?];
  if (stateful) {
    throw new UnsupportedError(
      `${to.where}: layer ${name} (${type}): stateful: a file for ONNX answers each batch by itself. ` +
        `Declare the same layers with ` +
        "stateful: false, and give them these weights.",
    );
  }
  if (inputVocabulary !== null)
    to.push("OneHot", [to.constant(`${name}/depth`, [], [inputVocabulary]), to.constant(`${name}/values`, [2], Float32Array.of(0, 1))], {
      axis: -1,
    });
  to.push("Transpose", [], { perm: [1, 0, 2] });
  const rows = order.length * units,
    inputs = [
      to.value,
      to.constant(`${name}/kernel`, [1, rows, kernel.shape[0]], inOrder(order, transposed(kernel))),
      to.constant(`${name}/recurrent_kernel`, [1, rows, units], inOrder(order, transposed(recurrent))),
    ];
  if (bias) {
    const both = new Float32Array(2 * rows);
    both.set(inOrder(order, bias.data));
    if (recurrentBias) both.set(inOrder(order, recurrentBias.data), rows);
    inputs.push(to.constant(`${name}/bias`, [1, 2 * rows], both));
  }
  const output = `${op.toLowerCase()}_${to.nodes.length}`,
    ofCell = op === "LSTM" ? [activation, activation] : [activation];
  to.nodes.push({
    op,
    inputs,
    outputs: returnSequences ? [output] : ["", output],
    attributes: {
      hidden_size: units,
      ...recurrentActivations(layer.type === "simpleRNN" ? ofCell : [layer.recurrentActivation, ...ofCell]),
      ...(op === "GRU" && { linear_before_reset: 1 }),
    },
  });
  to.value = output;
  to.push("Squeeze", [to.constant(`${name}/axis`, [1], [returnSequences ? 1 : 0])]);
  if (returnSequences) to.push("Transpose", [], { perm: [1, 0, 2] });
  to.shape = returnSequences ? [to.shape[0], units] : [units];
}

type NodeWriter<L extends Layer> = (to: Graph, layer: L, name: string | null, weights: readonly ModelWeight[]) => void;

const WRITERS: { readonly [T in Layer["type"]]: NodeWriter<Extract<Layer, { type: T }>> } = {
  dense(to, { units, activation }, name, [kernel, bias]) {
    const factor = to.constant(`${name}/kernel`, kernel.shape, kernel.data),
      sum = bias && to.constant(`${name}/bias`, bias.shape, bias.data);
    if (to.shape.length === 1 && sum) to.push("Gemm", [factor, sum]);
    else {
      to.push("MatMul", [factor]);
      if (sum) to.push("Add", [sum]);
    }
    to.shape = [...to.shape.slice(0, -1), units];
    to.activate(activation);
  },
  simpleRNN: (to, layer, name, weights) => recur(to, layer, name, weights, RNN),
  lstm: (to, layer, name, weights) => recur(to, layer, name, weights, LSTM),
  gru: (to, layer, name, weights) => recur(to, layer, name, weights, GRU),
  batchNormalization(to, layer, name, weights) {
    const isSequence = to.shape.length > 1,
      [mean, variance] = weights.slice(-2),
      gamma = gammaOf(to, layer, `${name}`, weights);
    const beta = to.constant(
      `${name}/beta`,
      mean.shape,
      layer.center ? weights[Number(layer.scale)].data : new Float32Array(mean.data.length),
    );
    if (isSequence) to.push("Transpose", [], { perm: [0, 2, 1] });
    to.push(
      "BatchNormalization",
      [
        gamma,
        beta,
        to.constant(`${name}/moving_mean`, mean.shape, mean.data),
        to.constant(`${name}/moving_variance`, variance.shape, variance.data),
      ],
      { epsilon: float(layer.epsilon) },
    );
    if (isSequence) to.push("Transpose", [], { perm: [0, 2, 1] });
  },
  layerNormalization(to, layer, name, weights) {
    const prefix = name ?? `normalization_${to.nodes.length}`,
      beta = layer.center ? weights[Number(layer.scale)] : null;
    to.push(
      "LayerNormalization",
      [gammaOf(to, layer, prefix, weights), ...(beta ? [to.constant(`${prefix}/beta`, beta.shape, beta.data)] : [])],
      { axis: -1, epsilon: float(layer.epsilon) },
    );
  },
  dropout: (to, { rate }) => {
    to.push("Dropout", [to.constant(`dropout_${to.nodes.length}/ratio`, [], Float32Array.of(rate))]);
  },
  activation: (to, { activation }) => to.activate(activation),
};

function graphOf(where: string, { layers, inputShape }: Parts): Graph {
  const graph = new Graph(where, inputShape);
  for (const { layer, name, weights } of layers) (WRITERS[layer.type] as NodeWriter<Layer>)(graph, layer, name, weights);
  return graph;
}

/** The bytes of an ONNX file. @throws UnsupportedError naming a layer that ONNX does not have; InputError if the weights are not finite */
export async function toOnnx(where: string, model: Sequential): Promise<Uint8Array<ArrayBuffer>> {
  const parts = await takeApart(where, model),
    { nodes, tensors, shape, value } = graphOf(where, parts),
    [{ layer }] = parts.layers;
  const whole = "inputVocabulary" in layer && layer.inputVocabulary !== null;
  const named = nodes.map((node) => ({ ...node, outputs: node.outputs.map((name) => (name === value ? "output" : name)) }));
  return encodeModel(
    named,
    tensors,
    { name: "input", shape: [null, ...parts.inputShape], type: whole ? INT64 : FLOAT },
    { name: "output", shape: [null, ...shape], type: FLOAT },
  );
}
