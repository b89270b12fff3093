// Typed arrays by brand: what the engine made them, not what their constructor, prototype or tag says. So one of another realm, such
// as a frame's, counts as one of this realm, and nothing else counts as one.

import { InputError } from "./errors.ts";

export type NumbersKind =
  | "Float16Array"
  | "Float32Array"
  | "Float64Array"
  | "Int8Array"
  | "Int16Array"
  | "Int32Array"
  | "Uint8Array"
  | "Uint8ClampedArray"
  | "Uint16Array"
  | "Uint32Array";

export type TypedNumbers =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Uint8ClampedArray<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

/** float32 numbers in memory that is not shared. */
export type Floats = Float32Array<ArrayBuffer>;

/** Arrays as they lie on a device: numbers, whole numbers, bytes. */
export type DeviceNumbers = Floats | Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

type Constructor = new (from: number | ArrayLike<number>) => TypedNumbers;

/** What holds numbers of a kind in this realm. Not every engine has a Float16Array, and float32 holds its numbers exactly. */
const CONSTRUCTORS: Readonly<Record<NumbersKind, Constructor>> = {
  Float16Array: Float32Array,
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
};

/** %TypedArray%.prototype[@@toStringTag] reads an internal slot: undefined for all else. */
const BRAND = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag) as PropertyDescriptor;

/** The name of its constructor, as "Uint8Array" of a Node Buffer; undefined where it is no typed array. */
export const brandOf = (value: unknown): string | undefined => BRAND.get?.call(value) as string | undefined;

/** The same for typed arrays of numbers: undefined for those of bigints, too. */
export function kindOf(value: unknown): NumbersKind | undefined {
  const brand = brandOf(value);
  return brand !== undefined && Object.hasOwn(CONSTRUCTORS, brand) ? (brand as NumbersKind) : undefined;
}

/** An array of this realm that holds numbers of the kind. */
export const allocate = (kind: NumbersKind, length: number): TypedNumbers => new CONSTRUCTORS[kind](length);

/**
 * A copy in this realm, of memory that is its own, not shared and of a fixed size.
 * @param where the call, and @param name the argument, for errors
 * @throws InputError if its memory was given away (detached) or has shrunk (resizable buffer), or there is none for a copy
 */
export function copyTyped(where: string, name: string, kind: NumbersKind, array: ArrayLike<number>): TypedNumbers {
  try {
    // The constructor copies; slice() would not do, because that of Node's Buffer copies nothing.
    return new CONSTRUCTORS[kind](array);
  } catch (error) {
    if (error instanceof RangeError) {
      throw new InputError(
        `${where}: ${name} is copied, and there is no memory for a copy of ${array.length} numbers (${error.message}). ` +
          "Pass fewer rows at a time.",
        { cause: error },
      );
    }
    throw new InputError(
      `${where}: ${name} is a ${kind} whose memory is gone: its buffer was transferred (detached), or made smaller than ` +
        "the array. Pass an array that still has its numbers.",
      { cause: error },
    );
  }
}
