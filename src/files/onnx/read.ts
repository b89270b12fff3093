// ONNX's operators as our layers: of a graph that is a chain, those that write.ts writes, and what PyTorch's exporter writes of the same
// layers.
// A further operator is a row of READERS.

import {
  activation,
  batchNormalization,
  dense,
  dropout,
  FormatError,
  gru,
  layerNormalization,
  lstm,
  simpleRNN,
  UnsupportedError,
  type ActivationName,
  type ElementwiseActivation,
  type GateActivation,
  type Layer,
  type RecurrentActivation,
  type Sequential,
} from "../../index.ts";
import { assemble, fill, ofFile, type ModelWeight } from "../parts.ts";
import { GRU, LSTM, outOfOrder, RNN, type RecurrentOperator } from "./recurrent.ts";
import { decodeModel, INT64, type ReadGraph, type ReadNode, type TensorProto } from "./proto.ts";

/** A layer to be: what is behind it may still belong to it. */
interface Draft {
  readonly type: Layer["type"];
  readonly options: Record<string, unknown>;
  readonly weights: ModelWeight[];
  /** What went in. */
  readonly from: string;
}

class Chain {
  readonly drafts: Draft[] = [];
  /** Time comes first, as RNN takes it and gives it. */
  timeFirst = false;
  /** Features come second and steps last, as BatchNormalization takes sequences. */
  featuresSecond = false;
  vocabulary: number | null = null;
  /** What an RNN gave is (steps, 1, batch, units) or (1, batch, units) until a Squeeze. */
  unsqueezed: 0 | 1 | null = null;

  constructor(
    readonly where: string,
    readonly graph: ReadGraph,
    public value: string,
  ) {}

  refuse(node: ReadNode, why: string): never {
    throw new UnsupportedError(`${this.where}: node ${JSON.stringify(node.name.slice(0, 80))} (${node.op.slice(0, 80)}): ${why}`);
  }

  /** A constant input. */
  tensor(node: ReadNode, input: number, rank?: number): TensorProto {
    const tensor = this.graph.tensors.get(node.inputs[input] ?? "");
    if (!tensor) this.refuse(node, `input ${input} must be a constant.`);
    if (rank !== undefined && tensor.shape.length !== rank)
      this.refuse(node, `input ${input} must have ${rank} sizes; got [${tensor.shape.join(", ")}].`);
    return tensor;
  }

  weight(node: ReadNode, input: number, rank: number): ModelWeight & { readonly name: string } {
    const { name, shape, data } = this.tensor(node, input, rank);
    return data instanceof Float32Array ? { name, shape, data } : this.refuse(node, `input ${input} must be of floats.`);
  }

  whole(node: ReadNode, name: string, fallback: number): number {
    return node.attributes.get(name)?.number(3) ?? fallback;
  }

  /** Whether a node takes it. */
  isUsed(name: string | undefined): boolean {
    return name !== undefined && name !== "" && this.graph.nodes.some(({ inputs }) => inputs.includes(name));
  }

  float(node: ReadNode, name: string, fallback: number): number {
    return node.attributes.get(name)?.float(2) ?? fallback;
  }

  /** An attribute that is known with this value alone. */
  only(node: ReadNode, name: string, value: number, found: number): void {
    if (found !== value) this.refuse(node, `attribute ${name} is ${found}, known only as ${value}.`);
  }

  activate(name: ActivationName, from = this.value): void {
    const last = this.drafts.at(-1);
    if (last?.type === "dense" && last.options.activation === undefined) last.options.activation = name;
    else this.drafts.push({ type: "activation", options: { activation: name }, weights: [], from });
  }
}

/** ε, 1e-5 where none is said, as it was written: 0.01, not the float32 next to it. */
function epsilonOf(to: Chain, node: ReadNode): number {
  const value = to.float(node, "epsilon", Math.fround(1e-5)),
    short = Number(value.toPrecision(7));
  return Math.fround(short) === value ? short : value;
}

type NodeReader = (to: Chain, node: ReadNode) => void;

const elementwise =
  (name: ElementwiseActivation): NodeReader =>
  (to) =>
    to.activate(name);
const turned = ({ shape: [rows, columns], data }: ModelWeight): ModelWeight => ({
  shape: [columns, rows],
  data: Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]),
});
/** "first/kernel", "first/gamma" → "first". */
const nameOf = (name: string): string | undefined => /^([A-Za-z][\w.-]{0,63})\/(?:kernel|gamma)$/.exec(name)?.[1];

function pushDense(to: Chain, kernel: ModelWeight & { readonly name?: string }, bias: ModelWeight | null): void {
  to.drafts.push({
    type: "dense",
    from: to.value,
    weights: bias ? [kernel, bias] : [kernel],
    options: { units: kernel.shape[1], useBias: bias !== null, name: nameOf(kernel.name ?? "") },
  });
}

function readGemm(to: Chain, node: ReadNode): void {
  to.only(node, "alpha", 1, to.float(node, "alpha", 1));
  to.only(node, "beta", 1, to.float(node, "beta", 1));
  to.only(node, "transA", 0, to.whole(node, "transA", 0));
  const kernel = to.weight(node, 1, 2),
    isTurned = to.whole(node, "transB", 0) === 1;
  pushDense(to, isTurned ? { ...turned(kernel), name: kernel.name } : kernel, node.inputs[2] ? to.weight(node, 2, 1) : null);
}

function readAdd(to: Chain, node: ReadNode): void {
  const last = to.drafts.at(-1),
    bias = to.weight(node, node.inputs[0] === to.value ? 1 : 0, 1);
  if (last?.type !== "dense" || last.options.useBias !== false || last.options.activation !== undefined)
    to.refuse(node, "a sum is known only as the bias behind a MatMul.");
  last.options.useBias = true;
  last.weights.push(bias);
}

/** σ(x)·x. */
function readMul(to: Chain, node: ReadNode): void {
  const last = to.drafts.at(-1),
    other = node.inputs.find((name) => name !== to.value);
  const before =
    last?.type === "dense" ? to.graph.nodes.find(({ op, outputs }) => op === "Sigmoid" && outputs[0] === to.value)?.inputs[0] : last?.from;
  if (last?.options.activation !== "sigmoid" || other !== before) to.refuse(node, "a product is known only as x · Sigmoid(x).");
  last.options.activation = "swish";
}

/** Each with the α and β that it has here, those of lines; the first is what the operator means without them. */
const RECURRENT: readonly (readonly [op: string, name: GateActivation, alpha?: number, beta?: number])[] = [
  ["Tanh", "tanh"],
  ["Relu", "relu"],
  ["Sigmoid", "sigmoid"],
  ["Affine", "linear", 1, 0],
  ["HardSigmoid", "hardSigmoidKeras2", 0.2, 0.5],
  ["HardSigmoid", "hardSigmoid", Math.fround(1 / 6), 0.5],
];
const KNOWN_RECURRENT = [...new Set(RECURRENT.map(([op]) => op))].join(", ");

/** Activations of a recurrent operator: of its gates, where there are any, and of what goes into the state. */
function recurrentActivations(
  to: Chain,
  node: ReadNode,
  { op }: RecurrentOperator,
): { recurrentActivation?: GateActivation; activation: RecurrentActivation } {
  const defaults = { RNN: ["Tanh"], LSTM: ["Sigmoid", "Tanh", "Tanh"], GRU: ["Sigmoid", "Tanh"] }[op],
    given = node.attributes.get("activations")?.texts(9) ?? [],
    texts = given.length === 0 ? defaults : given.slice(0, defaults.length);
  // Those that take α and β take the next ones.
  const [alphas, betas] = ["activation_alpha", "activation_beta"].map((name) => floatsOf(node, name).values()),
    next = (numbers: IterableIterator<number>): number | undefined => numbers.next().value as number | undefined;
  const names = texts.map((text) => {
    const forms = RECURRENT.filter(([name]) => name === text),
      [first] = forms;
    if (!first || first.length === 2) return first?.[1];
    const [alpha = first[2], beta = first[3]] = [next(alphas), next(betas)];
    return forms.find(([, , a, b]) => (a === alpha || Math.fround(a!) === alpha ? b === beta : false))?.[1];
  });
  const strange = texts[names.indexOf(undefined)];
  if (strange !== undefined || names.length !== defaults.length)
    to.refuse(node, `activation ${strange ?? texts.join(", ")} is not known. Known: ${KNOWN_RECURRENT}, of usual alpha and beta.`);
  const [activation, ...others] = names.slice(op === "RNN" ? 0 : 1);
  if (others.some((other) => other !== activation)) to.refuse(node, `activations ${texts.join(", ")}: the last two must be the same.`);
  if (activation!.startsWith("hard")) to.refuse(node, `activation ${texts[texts.length - 1]} is known of gates only.`);
  const state = { activation: activation as RecurrentActivation };
  return op === "RNN" ? state : { ...state, recurrentActivation: names[0] };
}

/** What an operator may say that no layer here has. */
function checkRecurrent(to: Chain, node: ReadNode, { op }: RecurrentOperator): void {
  const direction = node.attributes.get("direction")?.text(4) ?? "forward";
  if (direction !== "forward") to.refuse(node, `direction ${direction.slice(0, 40)} is not known. Known: forward.`);
  to.only(node, "layout", 0, to.whole(node, "layout", 0));
  if (op === "LSTM") to.only(node, "input_forget", 0, to.whole(node, "input_forget", 0));
  if (op === "GRU") to.only(node, "linear_before_reset", 1, to.whole(node, "linear_before_reset", 0));
  if (node.attributes.has("clip")) to.refuse(node, "clip is not known here.");
  if (node.inputs.slice(4).some((input) => input !== ""))
    to.refuse(node, `sequence_lens, initial_h${op === "LSTM" ? ", initial_c and P" : ""} are not known here.`);
  if (!to.timeFirst) to.refuse(node, "time must come first: a Transpose with perm [1, 0, 2] must be before it.");
  if (to.isUsed(node.outputs[2])) to.refuse(node, "its last cell state is used, which no layer here gives.");
  if (to.isUsed(node.outputs[0]) && to.isUsed(node.outputs[1]))
    to.refuse(node, "its sequences and its last state are both used; models here are chains.");
}

function readRecurrent(to: Chain, node: ReadNode, operator: RecurrentOperator): void {
  const { type, order } = operator,
    activations = recurrentActivations(to, node, operator);
  checkRecurrent(to, node, operator);
  const w = to.weight(node, 1, 3),
    r = to.weight(node, 2, 3),
    b = node.inputs[3] ? to.weight(node, 3, 2) : null,
    rows = w.shape[1],
    units = rows / order.length;
  if (w.shape[0] !== 1 || r.shape.join() !== `1,${rows},${units}` || (b && b.shape.join() !== `1,${2 * rows}`))
    to.refuse(node, "the shapes of W, R and B do not fit one another.");
  const kernels = [w, r].map(({ shape, data }) => turned({ shape: shape.slice(1), data: outOfOrder(order, data) }));
  const biases = (b ? [b.data.slice(0, rows), b.data.slice(rows)] : []).map((data) => ({ shape: [rows], data: outOfOrder(order, data) }));
  // A GRU has both; otherwise only their sum counts.
  const [first, second] = biases,
    own = type === "gru" || !b ? biases : [{ shape: [rows], data: first.data.map((value, i) => value + second.data[i]) }],
    returnSequences = to.isUsed(node.outputs[0]);
  to.drafts.push({
    type,
    from: to.value,
    weights: [...kernels, ...own],
    options: { units, ...activations, returnSequences, useBias: b !== null, name: nameOf(w.name) },
  });
  to.unsqueezed = returnSequences ? 1 : 0;
  to.timeFirst = returnSequences;
}

function floatsOf({ attributes }: ReadNode, name: string): number[] {
  return (attributes.get(name)?.bytes(7) ?? []).flatMap((bytes) =>
    bytes.length % 4 === 0 ? [...new Float32Array(new Uint8Array(bytes).buffer)] : [],
  );
}

/** Whether sequences are what goes in: those of the input, up to an RNN that gives its last state. */
const takesSequences = ({ graph, drafts, vocabulary }: Chain): boolean =>
  (graph.inputs[0].shape.length > 2 || vocabulary !== null) && !drafts.some(({ options }) => options.returnSequences === false);

/** Normalized by the statistics of the file; features are second. */
function readBatchNormalization(to: Chain, node: ReadNode): void {
  to.only(node, "training_mode", 0, to.whole(node, "training_mode", 0));
  if (takesSequences(to) !== to.featuresSecond)
    to.refuse(node, "it must normalize features: a Transpose with perm [0, 2, 1] must be before it where " + "sequences are.");
  const [gamma, ...others] = [1, 2, 3, 4].map((input) => to.weight(node, input, 1));
  to.drafts.push({
    type: "batchNormalization",
    from: to.value,
    weights: [gamma, ...others],
    options: { epsilon: epsilonOf(to, node), name: nameOf(gamma.name) },
  });
}

function readLayerNormalization(to: Chain, node: ReadNode): void {
  to.only(node, "axis", -1, to.whole(node, "axis", -1));
  const gamma = to.weight(node, 1, 1),
    beta = node.inputs[2] ? to.weight(node, 2, 1) : null;
  to.drafts.push({
    type: "layerNormalization",
    from: to.value,
    weights: beta ? [gamma, beta] : [gamma],
    options: { epsilon: epsilonOf(to, node), center: beta !== null, name: nameOf(gamma.name) },
  });
}

const READERS: Readonly<Record<string, NodeReader>> = {
  Gemm: readGemm,
  BatchNormalization: readBatchNormalization,
  LayerNormalization: readLayerNormalization,
  MatMul: (to, node) => pushDense(to, to.weight(node, 1, 2), null),
  Add: readAdd,
  Mul: readMul,
  RNN: (to, node) => readRecurrent(to, node, RNN),
  LSTM: (to, node) => readRecurrent(to, node, LSTM),
  GRU: (to, node) => readRecurrent(to, node, GRU),
  Sigmoid: elementwise("sigmoid"),
  Tanh: elementwise("tanh"),
  Relu: elementwise("relu"),
  Softplus: elementwise("softplus"),
  LeakyRelu: (to, node) => {
    to.only(node, "alpha", Math.fround(0.2), to.float(node, "alpha", Math.fround(0.01)));
    to.activate("leakyRelu");
  },
  Elu: (to, node) => {
    to.only(node, "alpha", 1, to.float(node, "alpha", 1));
    to.activate("elu");
  },
  Gelu: (to, node) => to.activate(node.attributes.get("approximate")?.text(4) === "tanh" ? "geluTanh" : "gelu"),
  Softmax: (to, node) => {
    to.only(node, "axis", -1, to.whole(node, "axis", -1));
    to.activate("softmax");
  },
  Dropout: (to, node) => {
    const rate = node.inputs[1] ? to.tensor(node, 1).data[0] : 0.5;
    to.drafts.push({ type: "dropout", options: { rate }, weights: [], from: to.value });
  },
  Identity: () => {},
  Transpose: (to, node) => {
    const perm = node.attributes.get("perm")?.numbers(8).join();
    if (perm === "0,2,1" && !to.timeFirst) to.featuresSecond = !to.featuresSecond;
    else if (perm !== "1,0,2" || to.unsqueezed !== null || to.featuresSecond)
      to.refuse(
        node,
        "it is known only with perm [1, 0, 2], around an RNN, LSTM or GRU, and with perm [0, 2, 1], around a BatchNormalization.",
      );
    else to.timeFirst = !to.timeFirst;
  },
  Squeeze: (to, node) => {
    const axes = [...to.tensor(node, 1).data];
    if (to.unsqueezed === null || axes.length !== 1 || axes[0] !== to.unsqueezed)
      to.refuse(node, "it is known only behind an RNN, LSTM or GRU.");
    to.unsqueezed = null;
  },
  OneHot: (to, node) => {
    const [depth] = to.tensor(node, 1).data,
      values = [...to.tensor(node, 2).data];
    to.only(node, "axis", -1, to.whole(node, "axis", -1));
    if (to.drafts.length > 0 || values.join() !== "0,1") to.refuse(node, "it is known only of the input, with values 0 and 1.");
    to.vocabulary = depth;
  },
};

/** Layers and weights of a chain. @throws UnsupportedError naming the node that is not known here */
function readChain(where: string, graph: ReadGraph): Chain {
  if (graph.inputs.length !== 1 || graph.outputs.length !== 1) {
    throw new UnsupportedError(
      `${where}: a graph must have one input and one output; got ${graph.inputs.length} and ` + `${graph.outputs.length}.`,
    );
  }
  const chain = new Chain(where, graph, graph.inputs[0].name);
  for (const node of graph.nodes) {
    if (!Object.hasOwn(READERS, node.op)) chain.refuse(node, `the operator is not known. Known: ${Object.keys(READERS).join(", ")}.`);
    if (!node.inputs.includes(chain.value)) chain.refuse(node, "it does not take what the node before it gives; models here are chains.");
    READERS[node.op](chain, node);
    chain.value = node.outputs.find((name) => name !== "" && (!["RNN", "LSTM", "GRU"].includes(node.op) || chain.isUsed(name))) ?? "";
  }
  if (chain.value !== graph.outputs[0] || chain.timeFirst || chain.featuresSecond || chain.unsqueezed !== null)
    throw new UnsupportedError(`${where}: the graph's output must be what its last node gives, batch first.`);
  return chain;
}

const MAKERS = { dense, simpleRNN, lstm, gru, dropout, activation, batchNormalization, layerNormalization } as unknown as Readonly<
  Record<Draft["type"], (options: object) => Layer>
>;

/** @throws FormatError if they are no ONNX file; UnsupportedError naming what is not known here */
export async function fromOnnx(where: string, bytes: Uint8Array, inputShape?: readonly number[]): Promise<Sequential> {
  const graph = decodeModel(bytes, where),
    { drafts, vocabulary } = readChain(where, graph),
    [input] = graph.inputs,
    shape = inputShape ?? input.shape.slice(1);
  if (shape.length === 0 || !shape.every((size) => typeof size === "number")) {
    throw new UnsupportedError(
      `${where}: the input's shape [${input.shape.map((size) => size ?? "?").join(", ")}] leaves a size open, ` +
        `and deltaprop plans memory ahead. ` +
        "Give { inputShape: [features] } or [steps, features].",
    );
  }
  if ((input.type === INT64) !== (vocabulary !== null))
    throw new FormatError(`${where}: the input must be of floats, or of int64 before ` + `a OneHot.`);
  const layers = drafts.map(({ type, options }, i) =>
    ofFile(where, () =>
      MAKERS[type]({ ...options, ...(i === 0 && { inputShape: shape, ...(vocabulary !== null && { inputVocabulary: vocabulary }) }) }),
    ),
  );
  return fill(
    where,
    assemble(where, layers, 0),
    drafts.flatMap(({ weights }) => weights),
  );
}
