// Protocol buffers as ONNX needs them: messages as lists of numbered fields. Bytes are read and written by pbf; that each length is there
// is checked here, since pbf trusts them.

import { PbfReader, PbfWriter } from "pbf";
import { FormatError } from "../../index.ts";

/** A whole number, a float, a text, bytes, or another message. */
export type Value = number | string | Uint8Array | { readonly float: number };
export type Field = readonly [number: number, value: Value];

/** The bytes of a message. */
export function encode(fields: readonly Field[]): Uint8Array<ArrayBuffer> {
  const writer = new PbfWriter();
  for (const [number, value] of fields) {
    if (typeof value === "number") writer.writeVarintField(number, value);
    else if (typeof value === "string") writer.writeStringField(number, value);
    else if (value instanceof Uint8Array) writer.writeBytesField(number, value);
    else writer.writeFloatField(number, value.float);
  }
  return new Uint8Array(writer.finish());
}

/** A message as it was read. */
export class Message {
  readonly #fields: (readonly [number: number, value: number | Uint8Array<ArrayBuffer>])[] = [];

  /** @throws FormatError if the bytes end within a field, or are no message */
  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    readonly where: string,
  ) {
    const reader = new PbfReader(bytes),
      { length } = bytes;
    while (reader.pos < length) {
      const key = this.#varint(reader, length),
        number = Math.floor(key / 8),
        wire = key % 8;
      const size = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? this.#varint(reader, length) : 0;
      if (![0, 1, 2, 5].includes(wire) || number < 1 || !(size >= 0 && size <= length - reader.pos)) {
        throw new FormatError(
          `${where}: not a protocol buffer at byte ${reader.pos} of ${length}. This is not an ONNX file, or it is ` + `damaged.`,
        );
      }
      if (wire === 0) this.#fields.push([number, this.#varint(reader, length)]);
      else this.#fields.push([number, bytes.subarray(reader.pos, (reader.pos += size))]);
    }
  }

  #varint(reader: PbfReader, length: number): number {
    let value = NaN;
    try {
      value = reader.readVarint(true);
    } catch {
      // Said below.
    }
    if (Number.isSafeInteger(value) && reader.pos <= length) return value;
    throw new FormatError(
      `${this.where}: not a protocol buffer at byte ${reader.pos} of ${length}. This is not an ONNX file, or it is ` + `damaged.`,
    );
  }

  all(number: number): (number | Uint8Array<ArrayBuffer>)[] {
    return this.#fields.filter(([key]) => key === number).map(([, value]) => value);
  }

  bytes(number: number): Uint8Array<ArrayBuffer>[] {
    return this.all(number).filter((value) => typeof value !== "number");
  }

  messages(number: number): Message[] {
    return this.bytes(number).map((bytes) => new Message(bytes, this.where));
  }

  /** The last one counts. */
  number(number: number): number | undefined {
    return this.all(number)
      .filter((value) => typeof value === "number")
      .at(-1);
  }

  text(number: number): string | undefined {
    const bytes = this.bytes(number).at(-1);
    return bytes && new TextDecoder().decode(new Uint8Array(bytes));
  }

  texts(number: number): string[] {
    return this.bytes(number).map((bytes) => new TextDecoder().decode(new Uint8Array(bytes)));
  }

  float(number: number): number | undefined {
    const bytes = this.bytes(number).at(-1);
    return bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true) : undefined;
  }

  /** Whole numbers one by one, or packed. */
  numbers(number: number): number[] {
    return this.all(number).flatMap((value) => {
      if (typeof value === "number") return [value];
      const reader = new PbfReader(value),
        found: number[] = [];
      while (reader.pos < value.length) found.push(this.#varint(reader, value.length));
      return found;
    });
  }
}
