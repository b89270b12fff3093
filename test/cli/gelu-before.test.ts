// Files and links from before "gelu" meant z·Φ(z): test/fixtures/gelu-before was made by the build of commit 8c7f184 with
// `train --layers 9,8,4 --lr 0.01 --batch 4 --activation gelu --backend cpu --runtime node` on the digits of support/tiny-digits.ts,
// 4 epochs in model.safetensors and 2 in run/ (whose path of the data is the only thing changed); page.safetensors and links.json are
// of the page. That build said of model.safetensors: test loss 0.04684344886527938.

import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readLink, writeLink } from "../../demo/lib/share.ts";
import * as digits from "../../demo/rooms/digits/config.ts";
import { loadModel, saveModel } from "../../demo/rooms/digits/saved.ts";
import * as playground from "../../demo/rooms/playground/config.ts";
import { resolveOptions } from "../../src/cli/options.ts";
import { formatRun, parseRun } from "../../src/cli/run-file.ts";
import { modelBytes, parseModel } from "../../src/cli/saved-model.ts";
import { FormatError } from "../../src/errors.ts";
import { encodeSafetensors } from "../../src/formats/safetensors.ts";
import { activationOf, readNamesVersion } from "../../src/formats/activation-versions.ts";
import { buildCli, type BuiltCli } from "../support/run-cli.ts";
import { writeTinyDigits } from "../support/tiny-digits.ts";

const BEFORE = fileURLToPath(new URL("../fixtures/gelu-before/", import.meta.url));
const before = async (name: string) => new Uint8Array(await readFile(join(BEFORE, name)));

let cli: BuiltCli, folder: string;
beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
  await mkdir(join(folder, "digits"));
  await writeTinyDigits(join(folder, "digits"));
  await cp(join(BEFORE, "run"), join(folder, "run"), { recursive: true });
}, 120_000);
afterAll(async () => {
  await cli.remove();
  await rm(folder, { recursive: true });
});
const run = (...args: string[]) => cli.run(["train", "--data", "digits", ...args], { cwd: folder });
const testLoss = (stdout: string): number => (JSON.parse(stdout.trim().split("\n").at(-1)!) as { testLoss: number }).testLoss;

it("a saved model means the tanh form, and what is saved today means what it says", async () => {
  const { spec, weights } = parseModel(await before("model.safetensors"), "file");
  expect(spec.activation).toBe("geluTanh");
  for (const activation of ["gelu", "geluTanh"]) {
    const { model } = resolveOptions({ layers: [9, 8, 4], activation }, null);
    expect(parseModel(modelBytes(weights, model), "file").spec.activation).toBe(activation);
  }
  expect(() => parseModel(encodeSafetensors(weights, { version: "3", activation: "gelu" }), "file")).toThrow(FormatError);
});

it("it is as good as it was, by the command, and is not with today's gelu", async () => {
  await cp(join(BEFORE, "model.safetensors"), join(folder, "model.safetensors"));
  const args = ["--load", "model.safetensors", "--epochs", "0", "--json", "--backend", "cpu"];
  const [as, control] = [await run(...args), await run(...args, "--activation", "gelu")];
  expect([as.code, control.code]).toEqual([0, 0]);
  expect(Math.abs(testLoss(as.stdout) / 0.04684344886527938 - 1)).toBeLessThan(1e-6);
  expect(Math.abs(testLoss(control.stdout) / 0.04684344886527938 - 1)).toBeGreaterThan(1e-6);
}, 60_000);

it("a run folder goes on with the tanh form, to the weights that the build of before came to", async () => {
  const { code, stderr } = await run("--resume", "run", "--epochs", "4", "--save", "resumed.safetensors");
  expect([code, stderr]).toEqual([0, ""]);
  const [resumed, whole] = [
    parseModel(new Uint8Array(await readFile(join(folder, "resumed.safetensors"))), "resumed"),
    parseModel(await before("model.safetensors"), "before"),
  ];
  expect(resumed.spec.activation).toBe("geluTanh");
  const distance = Math.max(
    ...resumed.weights.flatMap(({ data }, i) => [...data].map((value, k) => Math.abs(value - whole.weights[i].data[k]))),
  );
  expect(distance).toBeLessThan(1e-6);
}, 60_000);

it("a run file of version 1 means the tanh form, one of today what it says", async () => {
  const kept = parseRun(new TextDecoder().decode(await before("run/deltaprop-run.json")), "run");
  expect(kept.flags.get("activation")).toBe("geluTanh");
  expect(parseRun(formatRun({ ...kept, flags: new Map([["activation", "gelu"]]) }), "run").flags.get("activation")).toBe("gelu");
  expect(() => parseRun(formatRun(kept).replace('"version": "2"', '"version": "3"'), "run")).toThrow(FormatError);
});

it("the page reads its own files and links of before so", async () => {
  const links = JSON.parse(new TextDecoder().decode(await before("links.json"))) as { digits: string; playground: string };
  expect(readLink(digits.FIELDS, links.digits).activation).toBe("geluTanh");
  expect(readLink(playground.FIELDS, links.playground).activation).toBe("geluTanh");
  const { config, weights } = loadModel(await before("page.safetensors"), "file", digits.DEFAULTS, 9, 4);
  expect(config.activation).toBe("geluTanh");
  for (const activation of ["gelu", "geluTanh", "tanh"] as const) {
    const today = { ...config, activation };
    expect(readLink(digits.FIELDS, writeLink(digits.FIELDS, today)).activation).toBe(activation);
    expect(readLink(playground.FIELDS, writeLink(playground.FIELDS, { ...playground.DEFAULTS, activation })).activation).toBe(activation);
    expect(loadModel(saveModel(weights, today), "file", digits.DEFAULTS, 9, 4).config.activation).toBe(activation);
  }
});

it("only gelu changed, and no version is made up", () => {
  for (const version of [1, 2]) expect(activationOf("tanh", version)).toBe("tanh");
  expect([undefined, "1", "2", "3", "", "02", "1.5", "NaN"].map(readNamesVersion)).toEqual([
    1,
    1,
    2,
    ...Array<undefined>(5).fill(undefined),
  ]);
});
