// Reads what ONNX's tests are stored as: protocol buffers, and of ONNX's messages tensors and the node of a model. Fields have the
// numbers of onnx.proto; what is not asked for is passed over.

/** A field: a number (varint), four or eight bytes, or any bytes. */
type Field = { readonly number: number; readonly value: bigint | Uint8Array<ArrayBuffer> };

/** @throws if the bytes end within a field or are no message */
export function fields(bytes: Uint8Array<ArrayBuffer>): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; shift < 70n; shift += 7n) {
      if (at >= bytes.length) throw new Error(`protobuf: the ${bytes.length} bytes end within a number`);
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error(`protobuf: the number before byte ${at} has more than 64 bits`);
  };
  const take = (length: number): Uint8Array<ArrayBuffer> => {
    if (length > bytes.length - at) throw new Error(`protobuf: byte ${at} begins ${length} bytes, but ${bytes.length - at} are left`);
    return bytes.slice(at, (at += length));
  };
  while (at < bytes.length) {
    const key = Number(varint()),
      number = key >> 3;
    switch (key & 7) {
      case 0:
        found.push({ number, value: varint() });
        break;
      case 1:
        found.push({ number, value: take(8) });
        break;
      case 2:
        found.push({ number, value: take(Number(varint())) });
        break;
      case 5:
        found.push({ number, value: take(4) });
        break;
      default:
        throw new Error(`protobuf: field ${number} has the unknown wire type ${key & 7}`);
    }
  }
  return found;
}

const bytesOf = (message: readonly Field[], number: number): Uint8Array<ArrayBuffer>[] =>
  message.filter((field) => field.number === number).map(({ value }) => value as Uint8Array<ArrayBuffer>);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

const FLOAT = 1n,
  INT64 = 7n;

/** TensorProto with raw_data of floats, or of whole numbers. @throws if it holds anything else, or not as many as its shape says */
export function readTensor(bytes: Uint8Array<ArrayBuffer>): Tensor {
  const message = fields(bytes),
    shape = message.filter(({ number }) => number === 1).map(({ value }) => Number(value));
  const type = message.find(({ number }) => number === 2)?.value,
    [raw] = bytesOf(message, 9);
  const elements = shape.reduce((product, n) => product * n, 1);
  const size = type === FLOAT ? 4 : type === INT64 ? 8 : 0;
  if (size === 0 || raw?.length !== elements * size)
    throw new Error(`TensorProto: ${shape.join("×")} of type ${String(type)} has ${raw?.length} bytes`);
  const view = new DataView(raw.buffer);
  return {
    shape,
    data: Float32Array.from({ length: elements }, (_, i) =>
      type === FLOAT ? view.getFloat32(4 * i, true) : Number(view.getBigInt64(8 * i, true)),
    ),
  };
}

export interface Node {
  readonly op: string;
  readonly attributes: Readonly<Record<string, number | string>>;
}

/** The one node of a ModelProto. */
export function readNode(bytes: Uint8Array<ArrayBuffer>): Node {
  const [graph] = bytesOf(fields(bytes), 7),
    nodes = bytesOf(fields(graph), 1);
  if (nodes.length !== 1) throw new Error(`ModelProto: one node is expected, got ${nodes.length}`);
  const node = fields(nodes[0]);
  const attributes = bytesOf(node, 5).map((attribute) => {
    const message = fields(attribute),
      [name] = bytesOf(message, 1);
    const [float, whole, text] = [2, 3, 4].map((number) => message.find((field) => field.number === number)?.value);
    const value =
      float instanceof Uint8Array
        ? new DataView(float.buffer).getFloat32(0, true)
        : typeof whole === "bigint"
          ? Number(BigInt.asIntN(64, whole))
          : textOf(text as Uint8Array);
    return [textOf(name), value] as const;
  });
  return { op: textOf(bytesOf(node, 4)[0]), attributes: Object.fromEntries(attributes) };
}
