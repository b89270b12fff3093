// ONNX's messages by the numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): models, graphs, nodes, tensors.

import { FormatError, UnsupportedError } from "../../index.ts";
import { concat } from "../bytes.ts";
import { encode, Message, type Field, type Value } from "./messages.ts";

/** Opset 20 has Gelu; IR 9 belongs to it. Read: from 13 on, where Softmax and Squeeze mean what they do today. */
export const OPSET = 20,
  IR_VERSION = 9,
  LEAST_OPSET = 13;

export const FLOAT = 1,
  INT64 = 7;
type Attribute =
  number | string | readonly number[] | readonly string[] | { readonly float: number } | { readonly floats: readonly number[] };

/** A constant tensor; whole numbers as such. */
export interface TensorProto {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer> | readonly number[];
}

export interface NodeProto {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** What goes in or comes out; null where the batch is. */
export interface ValueInfoProto {
  readonly name: string;
  readonly shape: readonly (number | null)[];
  readonly type: typeof FLOAT | typeof INT64;
}

const floatBytes = (numbers: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(numbers).buffer);

/** Value and AttributeType. */
function attributeFields(value: Attribute): Field[] {
  if (typeof value === "number")
    return [
      [3, value],
      [20, 2],
    ];
  if (typeof value === "string")
    return [
      [4, value],
      [20, 3],
    ];
  if ("float" in value)
    return [
      [2, value],
      [20, 1],
    ];
  if ("floats" in value)
    return [
      [7, floatBytes(value.floats)],
      [20, 6],
    ];
  return typeof value[0] === "string"
    ? [...value.map((text): Field => [9, text as Value]), [20, 8]]
    : [...value.map((n): Field => [8, n as Value]), [20, 7]];
}

const nodeBytes = ({ op, inputs, outputs, attributes = {} }: NodeProto): Uint8Array =>
  encode([
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    [3, `${op}/${outputs[0]}`],
    [4, op],
    ...Object.entries(attributes).map(([name, value]): Field => [5, encode([[1, name], ...attributeFields(value)])]),
  ]);

function tensorBytes({ name, shape, data }: TensorProto): Uint8Array {
  const isFloat = data instanceof Float32Array,
    raw = isFloat ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(BigInt64Array.from(data, BigInt).buffer);
  return encode([...shape.map((size): Field => [1, size]), [2, isFloat ? FLOAT : INT64], [8, name], [9, raw]]);
}

const portBytes = ({ name, shape, type }: ValueInfoProto): Uint8Array =>
  encode([
    [1, name],
    [
      2,
      encode([
        [
          1,
          encode([
            [1, type],
            [2, encode(shape.map((size): Field => [1, encode([size === null ? [2, "batch"] : [1, size]])]))],
          ]),
        ],
      ]),
    ],
  ]);

/** The bytes of a ModelProto. */
export function encodeModel(
  nodes: readonly NodeProto[],
  tensors: readonly TensorProto[],
  input: ValueInfoProto,
  output: ValueInfoProto,
): Uint8Array<ArrayBuffer> {
  const graph = encode([
    ...nodes.map((node): Field => [1, nodeBytes(node)]),
    [2, "deltaprop"],
    ...tensors.map((tensor): Field => [5, tensorBytes(tensor)]),
    [11, portBytes(input)],
    [12, portBytes(output)],
  ]);
  return encode([
    [1, IR_VERSION],
    [2, "deltaprop"],
    [
      8,
      encode([
        [1, ""],
        [2, OPSET],
      ]),
    ],
    [7, graph],
  ]);
}

/** A node as it was read. */
export interface ReadNode {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Message>;
}

/** A graph as it was read. */
export interface ReadGraph {
  readonly nodes: readonly ReadNode[];
  readonly tensors: ReadonlyMap<string, TensorProto>;
  readonly inputs: readonly ValueInfoProto[];
  readonly outputs: readonly string[];
}

function readTensor(message: Message, where: string): TensorProto {
  const name = message.text(8) ?? "",
    shape = message.numbers(1),
    type = message.number(2),
    place = `${where}: tensor ${JSON.stringify(name.slice(0, 80))}`;
  if (message.number(14) === 1 || message.bytes(13).length > 0)
    throw new UnsupportedError(`${place}: its numbers are in another file, ` + `which is not opened. Save it in one.`);
  const elements = shape.reduce((product, size) => product * size, 1);
  if (!shape.every((size) => size >= 0) || !Number.isSafeInteger(elements))
    throw new FormatError(`${place}: shape [${shape.join(", ")}] ` + `must be whole numbers ≥ 0.`);
  if (type !== FLOAT && type !== INT64) throw new UnsupportedError(`${place}: data type ${type} is not known. Known: float32 and int64.`);
  const raw = message.bytes(9).at(-1),
    unpacked = message.bytes(4);
  if (type === FLOAT) {
    const total = raw ?? concat(unpacked);
    if (total.length !== 4 * elements)
      throw new FormatError(`${place}: [${shape.join(", ")}] takes ${4 * elements} bytes; there are ` + `${total.length}.`);
    return { name, shape, data: new Float32Array(new Uint8Array(total).buffer) };
  }
  if (raw ? raw.length !== 8 * elements : message.numbers(7).length !== elements)
    throw new FormatError(`${place}: there must be ` + `${elements} whole numbers.`);
  return { name, shape, data: raw ? Array.from(new BigInt64Array(new Uint8Array(raw).buffer), Number) : message.numbers(7) };
}

function readPort(message: Message): ValueInfoProto {
  const [type] = message.messages(2).flatMap((found) => found.messages(1)),
    [shape] = type?.messages(2) ?? [];
  return {
    name: message.text(1) ?? "",
    type: type?.number(1) === INT64 ? INT64 : FLOAT,
    shape: shape?.messages(1).map((size) => size.number(1) || null) ?? [],
  };
}

const MOST_NODES = 5_000;

/** @throws FormatError if they are no ModelProto; UnsupportedError where it is of another kind than is read here */
export function decodeModel(bytes: Uint8Array, where: string): ReadGraph {
  const model = new Message(new Uint8Array(bytes), where),
    [graph] = model.messages(7);
  const versions = model.messages(8).filter((opset) => (opset.text(1) ?? "") === "" || opset.text(1) === "ai.onnx"),
    version = versions[0]?.number(2) ?? 0;
  if (!graph) throw new FormatError(`${where}: the file has no graph. This is not an ONNX file, or it is damaged.`);
  if (version < LEAST_OPSET)
    throw new UnsupportedError(
      `${where}: opset ${version} is not known. Known: ${LEAST_OPSET} and later; ` + `export it again with one of these.`,
    );
  const nodes = graph.messages(1);
  if (nodes.length > MOST_NODES) throw new FormatError(`${where}: the graph must have at most ${MOST_NODES} nodes; got ${nodes.length}.`);
  if (graph.bytes(15).length > 0) throw new UnsupportedError(`${where}: sparse tensors are not known here.`);
  const tensors = graph.messages(5).map((tensor) => readTensor(tensor, where)),
    names = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const read = nodes.map((node): ReadNode => ({
    // Of another domain: no name of ONNX has a dot.
    op: (node.text(7) ?? "") === "" || node.text(7) === "ai.onnx" ? (node.text(4) ?? "") : `${node.text(7)}.${node.text(4)}`,
    name: node.text(3) ?? "",
    inputs: node.texts(1),
    outputs: node.texts(2),
    attributes: new Map(node.messages(5).map((attribute) => [attribute.text(1) ?? "", attribute])),
  }));
  for (const {
    op,
    outputs: [output],
    attributes,
  } of read) {
    const [value] = op === "Constant" ? (attributes.get("value")?.messages(5) ?? []) : [];
    if (value) names.set(output, { ...readTensor(value, where), name: output });
  }
  return {
    nodes: read.filter(({ op, outputs: [output] }) => op !== "Constant" || !names.has(output)),
    tensors: names,
    inputs: graph
      .messages(11)
      .map(readPort)
      .filter(({ name }) => !names.has(name)),
    outputs: graph
      .messages(12)
      .map(readPort)
      .map(({ name }) => name),
  };
}
