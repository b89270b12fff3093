// The examples of docs/files.md run as they stand, one after the other, in a folder of their own.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";

const MODULES: Readonly<Record<string, () => Promise<object>>> = {
  deltaprop: () => import("../../src/index.ts"),
  "deltaprop/files": () => import("../../src/files/index.ts"),
  "deltaprop/onnx": () => import("../../src/files/onnx/index.ts"),
  "deltaprop/keras-files": () => import("../../src/files/keras/index.ts"),
};

it("docs/files.md", async () => {
  const text = await readFile(new URL("../../docs/files.md", import.meta.url), "utf8"),
    before = process.cwd();
  const code = [...text.matchAll(/```js\n([^]*?)```/g)].map(([, block]) => block).join("\n");
  const folder = await mkdtemp(join(tmpdir(), "deltaprop-docs-"));
  process.chdir(folder);
  onTestFinished(async () => {
    process.chdir(before);
    await rm(folder, { recursive: true });
  });
  const body = code
    .replace(/import (\{[^}]*\}) from ("[^"]*");/g, "const $1 = await modules[$2]();")
    .replace("adam(0.05), loss", 'adam(0.05), backend: "cpu", loss');
  const AsyncFunction = (async () => {}).constructor as new (name: string, body: string) => (modules: typeof MODULES) => Promise<unknown[]>;
  const found = (await new AsyncFunction("modules", `${body}\nreturn [model, again, fromTensorFlow, fromOnnx, fromKeras];`)(MODULES)) as {
    getWeights(): Promise<{ data: Float32Array }[]>;
  }[];
  const [model, again, ...others] = await Promise.all(found.map(async (one) => (await one.getWeights()).map(({ data }) => data)));
  for (const weights of others) expect(weights).toEqual(model);
  // It went on training.
  expect(again).not.toEqual(model);
  expect((await readdir(folder)).sort()).toEqual([
    "model.json",
    "model.keras",
    "model.onnx",
    "model.weights.bin",
    "model.weights.h5",
    "xor.safetensors",
  ]);
});
