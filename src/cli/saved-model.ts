// Trained weights on disk: a safetensors file whose metadata says what the shapes do not (activation, loss, …).

import { access, constants, mkdtemp, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FormatError, InputError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from "../formats/safetensors.ts";
import { activationOf, NAMES_VERSION, readNamesVersion } from "../formats/activation-versions.ts";
import { LOSSES, type ModelSpec } from "./model-spec.ts";
import type { SavedSpec } from "./options.ts";
import { readFileAtMost, replaceFile } from "./regular-file.ts";

export interface SavedModel {
  readonly spec: SavedSpec;
  /** Kernel and bias of each layer in turn. */
  readonly weights: NamedTensor[];
}

/** The bytes of a file that `parseModel` understands. */
export function modelBytes(weights: readonly NamedTensor[], spec: ModelSpec): Uint8Array {
  const { activation, loss, dropout, l2 } = spec;
  return encodeSafetensors(weights, {
    producer: "deltaprop",
    version: String(NAMES_VERSION),
    activation,
    loss,
    dropout: String(dropout),
    l2: String(l2),
  });
}

/** Layer by layer by name: other programs write tensors in another order. */
function inLayerOrder(tensors: readonly NamedTensor[], where: string): NamedTensor[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor])),
    ordered: NamedTensor[] = [];
  for (let layer = 0; ; layer++) {
    const prefix = layer === 0 ? "dense" : `dense_${layer}`;
    const kernel = byName.get(`${prefix}/kernel`),
      bias = byName.get(`${prefix}/bias`);
    if (kernel === undefined || bias === undefined) break;
    ordered.push(kernel, bias);
  }
  if (ordered.length === 0 || ordered.length !== tensors.length) {
    throw new FormatError(
      `${where}: the file must hold dense/kernel, dense/bias, dense_1/kernel, dense_1/bias and so ` +
        `on; got ${tensors.map(({ name }) => name).join(", ") || "no tensors"}. Save it with deltaprop train.`,
    );
  }
  return ordered;
}

/** Features, hidden widths, classes, from kernels (fanIn, fanOut) and biases (fanOut) that must fit together. */
function widthsOf(weights: readonly NamedTensor[], where: string): number[] {
  const widths: number[] = [];
  weights.forEach(({ name, shape }, i) => {
    const last = widths.at(-1);
    const fits =
      i % 2 === 0
        ? shape.length === 2 && (last === undefined || shape[0] === last) && !shape.includes(0)
        : shape.length === 1 && shape[0] === last;
    if (!fits) {
      throw new FormatError(
        `${where}: ${name} must be ${
          i % 2 === 0 ? `a kernel (${last ?? "features"}, units)` : `a bias (${last})`
        }; got shape (${shape.join(", ")}). The file is not of one network.`,
      );
    }
    if (i % 2 === 0) widths.push(...(last === undefined ? shape : shape.slice(1)));
  });
  return widths;
}

function numberOf(text: string | undefined): number | undefined {
  const value = text === undefined || text === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Reads the bytes of a saved model. @throws FormatError if they are not one */
export function parseModel(bytes: Uint8Array, where: string): SavedModel {
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  const weights = inLayerOrder(tensors, where),
    { loss, activation } = metadata;
  if (loss !== undefined && !Object.hasOwn(LOSSES, loss)) {
    throw new FormatError(`${where}: metadata "loss" must be one of ${Object.keys(LOSSES).join(", ")}; got ${loss}.`);
  }
  const version = readNamesVersion(metadata.version);
  if (version === undefined) {
    throw new FormatError(
      `${where}: metadata "version" must be at most ${NAMES_VERSION}; got ${metadata.version.slice(0, 40)}. ` +
        "The file is of a newer deltaprop.",
    );
  }
  const spec: SavedSpec = {
    layers: widthsOf(weights, where),
    activation: activation === undefined ? undefined : activationOf(activation, version),
    loss: loss as ModelSpec["loss"] | undefined,
    dropout: numberOf(metadata.dropout),
    l2: numberOf(metadata.l2),
  };
  return { spec, weights };
}

/** What Node reads at once, and more than a page can post of weights. */
const MAX_BYTES = 2 ** 31 - 1;

/** The bytes of the file after --load. @throws InputError if it cannot be read */
export function readLoaded(path: string): Promise<Uint8Array> {
  return readFileAtMost(path, MAX_BYTES).catch((error: Error) => {
    throw new InputError(`--load: the file cannot be read: ${error.message}`);
  });
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Null where there is nothing yet. */
const statOrNull = (path: string) =>
  stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });

/** Before minutes of training, not after. @throws InputError if no file can be written there */
export async function checkWritable(path: string): Promise<void> {
  const refuse = (what: string) => new InputError(`--save ${path}: ${what}. Name another file, or give --no-save.`);
  const found = await statOrNull(path).catch((error: unknown) => {
    throw refuse(reasonOf(error));
  });
  if (found?.isDirectory() || /[/\\]$/.test(path)) throw refuse("it must name a file and names a folder");
  // The file is replaced by a new one, which would do away with a device or a pipe.
  if (found !== null && !found.isFile()) throw refuse("it must name a file and names a device or a pipe");
  if (found !== null) {
    await access(path, constants.W_OK).catch((error: unknown) => {
      throw refuse(`it is read-only (${reasonOf(error)})`);
    });
  }
  await access(dirname(path), constants.W_OK).catch((error: unknown) => {
    throw refuse(`its folder cannot be written to (${reasonOf(error)})`);
  });
}

/** @throws InputError if the file cannot be written, naming the temporary file that has the weights instead */
export async function writeModel(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await replaceFile(path, bytes);
  } catch (error) {
    const what = `--save ${path}: the weights could not be written there (${reasonOf(error)})`;
    let rescue: string;
    try {
      rescue = join(await mkdtemp(join(tmpdir(), "deltaprop-")), "weights.safetensors");
      await writeFile(rescue, bytes, { flag: "wx" });
    } catch (second) {
      throw new InputError(`${what}, nor to a temporary file (${reasonOf(second)}). Free some space and train again.`);
    }
    throw new InputError(`${what}. They are in ${rescue}: move that file to where you want it.`);
  }
}

/**
 * Writes them, unless they are no numbers: those of a run that diverged never replace others.
 * @returns whether they were written. @throws InputError if they cannot be
 */
export async function saveWeights(
  path: string,
  weights: readonly NamedTensor[],
  bytes: Uint8Array,
  say: (line: string) => void,
): Promise<boolean> {
  if (!weights.every(({ data }) => data.every(Number.isFinite))) {
    say(`not saved: the weights are not finite numbers; nothing was written to ${path}`);
    return false;
  }
  await writeModel(path, bytes);
  say(`saved: ${path}`);
  return true;
}
