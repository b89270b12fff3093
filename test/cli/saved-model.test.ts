// Saved weights: what is written is read back as the same model, and files of something else are refused.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolveOptions } from "../../src/cli/options.ts";
import { checkWritable, modelBytes, parseModel, readLoaded, writeModel } from "../../src/cli/saved-model.ts";
import { FormatError, InputError } from "../../src/errors.ts";
import { encodeSafetensors } from "../../src/formats/safetensors.ts";

const tensor = (name: string, ...shape: number[]) => {
  const elements = shape.reduce((a, b) => a * b, 1);
  return { name, shape, data: Float32Array.from({ length: elements }, (_, i) => i + shape[0]) };
};
const WEIGHTS = [tensor("dense/kernel", 4, 3), tensor("dense/bias", 3), tensor("dense_1/kernel", 3, 2), tensor("dense_1/bias", 2)];
const { model } = resolveOptions({ layers: [4, 3, 2], activation: "tanh", l2: 0.25, dropout: 0.5 }, null);

describe("parseModel", () => {
  it("gives back weights and what the shapes do not say", () => {
    const { spec, weights } = parseModel(modelBytes(WEIGHTS, model), "file");
    expect(weights).toEqual(WEIGHTS);
    expect(spec).toEqual({ layers: [4, 3, 2], activation: "tanh", loss: model.loss, l2: 0.25, dropout: 0.5 });
  });

  it("orders by layer, however the file does: Python sorts by name, dense_10 before dense_2", () => {
    const layers = Array.from({ length: 12 }, (_, i) => (i === 0 ? "dense" : `dense_${i}`));
    const sorted = layers
      .flatMap((name) => [tensor(`${name}/kernel`, 2, 2), tensor(`${name}/bias`, 2)])
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const names = parseModel(encodeSafetensors(sorted), "file").weights.map(({ name }) => name);
    expect(names).toEqual(layers.flatMap((name) => [`${name}/kernel`, `${name}/bias`]));
  });

  it.each([
    ["nothing", [], "no tensors"],
    ["other names", [tensor("fc.weight", 4, 3)], "must hold dense/kernel"],
    ["a tensor too many", [...WEIGHTS, tensor("extra", 1)], "must hold dense/kernel"],
    ["a bias missing", WEIGHTS.slice(0, 3), "must hold dense/kernel"],
    ["a flat kernel", [tensor("dense/kernel", 12), tensor("dense/bias", 3)], "must be a kernel (features, units)"],
    ["an empty kernel", [tensor("dense/kernel", 0, 3), tensor("dense/bias", 3)], "must be a kernel"],
    ["a long bias", [tensor("dense/kernel", 4, 3), tensor("dense/bias", 4)], "must be a bias (3)"],
    ["layers that do not meet", [...WEIGHTS.slice(0, 2), tensor("dense_1/kernel", 4, 2), WEIGHTS[3]], "must be a kernel (3, units)"],
  ])("refuses %s", (_, tensors, message) => {
    expect(() => parseModel(encodeSafetensors(tensors), "file")).toThrow(FormatError);
    expect(() => parseModel(encodeSafetensors(tensors), "file")).toThrow(message);
  });

  it("refuses an unknown loss, a name from a prototype too", () => {
    for (const loss of ["mine", "constructor"]) {
      expect(() => parseModel(encodeSafetensors(WEIGHTS, { loss }), "file")).toThrow('metadata "loss"');
    }
  });
});

describe("files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are replaced as a whole, with nothing left beside them", async () => {
    const path = join(folder, "model.safetensors");
    await writeFile(path, "old");
    await writeModel(path, modelBytes(WEIGHTS, model));
    expect(parseModel(await readLoaded(path), path).weights).toEqual(WEIGHTS);
    expect(await readdir(folder)).toEqual(["model.safetensors"]);
  });

  it("that can be written pass, there or not yet", async () => {
    await writeFile(join(folder, "old"), "old");
    await checkWritable(join(folder, "old"));
    await checkWritable(join(folder, "new"));
    expect(await readdir(folder)).toEqual(["old"]);
  });

  type Refused = [what: string, path: () => string, message: string];
  const isRoot = process.getuid?.() === 0;
  it.each<Refused>([
    ["in a folder that is not there", () => join(folder, "no", "model"), "its folder cannot be written to"],
    ["that are folders", () => folder, "names a folder"],
    ["that end like folders", () => join(folder, "new") + "/", "names a folder"],
    ["below a file", () => join(folder, "read-only", "model"), "ENOTDIR"],
    ["with too long a name", () => join(folder, "x".repeat(5000)), "ENAMETOOLONG"],
    // Root may write to any file.
    ...(isRoot ? [] : [["that are read-only", () => join(folder, "read-only"), "it is read-only"] as Refused]),
    ...(process.platform === "win32" ? [] : [["that are devices", () => "/dev/null", "names a device"] as Refused]),
  ])("%s are refused before training", async (_, path, message) => {
    await writeFile(join(folder, "read-only"), "old", { mode: 0o444 });
    await expect(checkWritable(path())).rejects.toThrow(InputError);
    await expect(checkWritable(path())).rejects.toThrow(message);
  });

  it("that cannot be written after all leave nothing behind but a temporary file that is named", async () => {
    const bytes = modelBytes(WEIGHTS, model);
    const error = (await writeModel(folder, bytes).catch((e: unknown) => e)) as Error;
    expect(error).toBeInstanceOf(InputError);
    const rescue = /They are in (.*): move/.exec(error.message)![1];
    expect(Uint8Array.from(await readFile(rescue))).toEqual(Uint8Array.from(bytes));
    await rm(dirname(rescue), { recursive: true });
    expect(await readdir(folder)).toEqual([]);
    expect((await readdir(dirname(folder))).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  it("that cannot be read are named", async () => {
    await expect(readLoaded(join(folder, "none"))).rejects.toThrow(/--load: .*none/);
  });
});
