// deltaprop/onnx: models as ONNX files. See docs/files.md.

import type { Sequential } from "../../index.ts";
import { checkOptions } from "../own/model-file.ts";
import { checkMaxBytes, nameOf, readSource, writePlace, type ModelPlace, type ReadOptions, type ModelSource } from "../places.ts";
import { fromOnnx } from "./read.ts";
import { toOnnx } from "./write.ts";

export type { ModelPlace as Place, ReadOptions, ModelSource as Source } from "../places.ts";

/** What loadOnnx() takes. */
export interface LoadOnnxOptions extends ReadOptions {
  /** [features], [steps, features], or [steps] of whole numbers, where the file leaves a size open. */
  inputShape?: readonly number[];
}

/**
 * Writes a model as an ONNX file (opset 20): input "input" (batch, …), output "output" (batch, …), as predict() answers.
 * @param target the path of a file (Node), "indexeddb://name", "opfs://name", a FileSystemFileHandle; or null for the bytes alone
 * @returns the bytes of the file
 * @throws UnsupportedError naming a layer that ONNX does not have: stateful ones; InputError if it cannot be written
 */
export async function saveOnnx(model: Sequential, target: ModelPlace | null): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await toOnnx("saveOnnx()", model);
  if (target !== null) await writePlace("saveOnnx()", target, bytes);
  return bytes;
}

/**
 * Reads an ONNX file that is a chain of the operators that saveOnnx() writes: Gemm, MatMul, Add, RNN, activations, Dropout.
 * @param source a path (Node), an address, which it opens, "indexeddb://name", "opfs://name", a file handle, a Blob or the bytes
 * @throws UnsupportedError naming the node that is not known here; FormatError if the file is damaged; InputError if it cannot be read
 */
export async function loadOnnx(source: ModelSource, options: LoadOnnxOptions = {}): Promise<Sequential> {
  const where = "loadOnnx()";
  checkOptions(where, options, ["inputShape", "maxBytes"]);
  return fromOnnx(
    `${where}: ${nameOf(source)}`,
    await readSource(where, source, checkMaxBytes(where, options.maxBytes)),
    options.inputShape,
  );
}
