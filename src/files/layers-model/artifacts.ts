// A model as TensorFlow.js holds it in memory: modelTopology, weightSpecs, weightData; from ours and to ours.

import { FormatError, UnsupportedError, type Sequential } from "../../index.ts";
import { toFloat32 } from "../../formats/dtypes.ts";
import { concat } from "../bytes.ts";
import { findWeights, readModel } from "../keras-json/read-model.ts";
import { isObject, own, show } from "../keras-json/options.ts";
import { fromKerasWeights, kerasNames, toKerasWeights } from "../keras-json/weights.ts";
import { toTensorFlowJs } from "../keras-json/write-model.ts";
import { assemble, fill, takeApart, type ModelWeight } from "../parts.ts";

/** One tensor of weightData. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  /** Of stored whole numbers: value · scale + min; or "float16". */
  readonly quantization?: { readonly dtype: string; readonly scale?: number; readonly min?: number };
}

/** TensorFlow.js' ModelArtifacts, as its IOHandlers load and save them. */
export interface ModelArtifacts {
  readonly modelTopology?: object | ArrayBuffer;
  readonly weightSpecs?: readonly WeightSpec[];
  readonly weightData?: ArrayBuffer | Uint8Array | readonly (ArrayBuffer | Uint8Array)[];
  readonly format?: string;
  readonly generatedBy?: string;
  readonly convertedBy?: string | null;
}

/** What is written. */
export interface OwnArtifacts extends Required<ModelArtifacts> {
  readonly weightData: Uint8Array<ArrayBuffer>;
}

interface NamedWeight extends ModelWeight {
  readonly name: string;
}

/** Bytes of an element as it is stored, and its value; by the dtype that is stored. */
const STORED: Readonly<
  Record<string, { readonly bytes: number; readonly values: (data: ArrayBuffer, scale: number, min: number) => Float32Array<ArrayBuffer> }>
> = {
  float32: { bytes: 4, values: (data) => new Float32Array(data) },
  float16: { bytes: 2, values: (data) => toFloat32("F16", data)! },
  uint8: { bytes: 1, values: (data, scale, min) => Float32Array.from(new Uint8Array(data), (value) => value * scale + min) },
  uint16: { bytes: 2, values: (data, scale, min) => Float32Array.from(new Uint16Array(data), (value) => value * scale + min) },
};

interface WeightLayout {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly values: (data: ArrayBuffer) => Float32Array<ArrayBuffer>;
}

function layoutOf(where: string, spec: unknown): WeightLayout {
  const name = own(spec, "name"),
    shape = own(spec, "shape"),
    dtype = own(spec, "dtype"),
    quantization = own(spec, "quantization");
  const place = `${where}: weight ${show(name)}`;
  const isShape = Array.isArray(shape) && shape.length <= 8 && shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
  const elements = isShape ? (shape as number[]).reduce((product, size) => product * size, 1) : NaN;
  if (typeof name !== "string" || !Number.isSafeInteger(elements))
    throw new FormatError(`${place}: shape must be whole numbers ≥ 0; got ` + `${show(shape)}.`);
  const stored = quantization === undefined ? dtype : own(quantization, "dtype"),
    how = Object.hasOwn(STORED, String(stored)) ? STORED[String(stored)] : null;
  if (dtype !== "float32" || !how || (quantization === undefined && stored !== "float32")) {
    throw new UnsupportedError(
      `${place}: dtype ${show(dtype)}${quantization === undefined ? "" : ` quantized as ${show(stored)}`} is ` +
        `not known. Known: float32, quantized as ${Object.keys(STORED).slice(1).join(", ")} or not.`,
    );
  }
  const scale = own(quantization, "scale") ?? 1,
    min = own(quantization, "min") ?? 0;
  if (typeof scale !== "number" || typeof min !== "number")
    throw new FormatError(`${place}: quantization must have numbers as scale and ` + `min.`);
  return { name, shape: shape as number[], bytes: elements * how.bytes, values: (data) => how.values(data, scale, min) };
}

/** What the tensors of a list take. @throws FormatError, UnsupportedError if it is none */
export function layoutsOf(where: string, specs: unknown): WeightLayout[] {
  if (!Array.isArray(specs)) throw new FormatError(`${where}: weights must be a list; got ${show(specs)}.`);
  return specs.map((spec) => layoutOf(where, spec));
}

export const bytesOf = (layouts: readonly WeightLayout[]): number => layouts.reduce((sum, { bytes }) => sum + bytes, 0);

/** The tensors, one behind the other in `data`. @throws FormatError if it has fewer bytes or more */
export function weightsIn(where: string, layouts: readonly WeightLayout[], data: Uint8Array): NamedWeight[] {
  const wanted = bytesOf(layouts);
  if (wanted !== data.length)
    throw new FormatError(`${where}: its weights take ${wanted} bytes; there are ${data.length}. Fetch the ` + `files again.`);
  let at = 0;
  return layouts.map(({ name, shape, bytes, values }) => ({
    name,
    shape,
    data: values(new Uint8Array(data.subarray(at, (at += bytes))).buffer),
  }));
}

/** @throws FormatError, UnsupportedError if they are no model that is known here */
export async function modelFrom(
  where: string,
  topology: unknown,
  tensors: readonly NamedWeight[],
  inputShape?: readonly number[],
): Promise<Sequential> {
  const layers = readModel(where, "tensorflow.js", topology, inputShape),
    weights = findWeights(layers, tensors);
  const model = assemble(
      where,
      layers.map(({ layer }) => layer),
      0,
    ),
    used = new Set(weights);
  const spare = tensors.find((tensor) => !used.has(tensor));
  if (spare) throw new FormatError(`${where}: no layer has the weight ${show(spare.name)}. The file is not of one model.`);
  let at = 0;
  return fill(
    where,
    model,
    layers.flatMap(({ layer }) => fromKerasWeights(layer, weights.slice(at, (at += kerasNames(layer).length)))),
  );
}

/** One piece of the pieces that weightData may be. @throws FormatError if it is none */
function joined(where: string, data: ModelArtifacts["weightData"]): Uint8Array {
  const pieces = (Array.isArray(data) ? (data as readonly unknown[]) : [data]).map((piece) => {
    if (ArrayBuffer.isView(piece)) return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
    if (Object.prototype.toString.call(piece) === "[object ArrayBuffer]") return new Uint8Array(piece as ArrayBuffer);
    throw new FormatError(`${where}: weightData must be an ArrayBuffer, or a list of them; got ${typeof piece}.`);
  });
  return concat(pieces);
}

/** @throws FormatError, UnsupportedError if they are no layers model that is known here */
export async function fromArtifacts(where: string, artifacts: ModelArtifacts, inputShape?: readonly number[]): Promise<Sequential> {
  checkFormat(where, artifacts);
  return modelFrom(
    where,
    artifacts.modelTopology,
    weightsIn(where, layoutsOf(where, artifacts.weightSpecs), joined(where, artifacts.weightData)),
    inputShape,
  );
}

/** @throws UnsupportedError for a graph model, whose layers are gone */
export function checkFormat(where: string, found: unknown): void {
  const format = own(found, "format");
  if (format === "graph-model")
    throw new UnsupportedError(
      `${where}: this is a graph model, which has operations in place of layers. ` + `Convert the Keras model to a layers model.`,
    );
  if (!isObject(own(found, "modelTopology")))
    throw new FormatError(`${where}: a layers model must have "modelTopology"; got ` + `${show(own(found, "modelTopology"))}.`);
}

/** @throws InputError, UnsupportedError if the model cannot be written */
export async function toArtifacts(where: string, model: Sequential): Promise<OwnArtifacts> {
  const parts = await takeApart(where, model),
    modelTopology = toTensorFlowJs(where, parts);
  const weights = parts.layers.flatMap((part) =>
    toKerasWeights(part).map((weight, i) => ({ name: `${part.name}/${kerasNames(part.layer)[i]}`, ...weight })),
  );
  const weightData = concat(weights.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
  return {
    modelTopology,
    weightSpecs: weights.map(({ name, shape }) => ({ name, shape: [...shape], dtype: "float32" })),
    weightData,
    format: "layers-model",
    generatedBy: "deltaprop",
    convertedBy: null,
  };
}
