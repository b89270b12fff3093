// The built command line as a process: exit codes, streams, files, Ctrl-C; on the CPU and in a browser.

import { mkdirSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseModel } from "../../src/cli/saved-model.ts";
import { buildCliWithDigits, type BuiltCli } from "../support/run-cli.ts";

let cli: BuiltCli, folder: string, remove: () => Promise<void>;
beforeAll(async () => {
  ({ cli, folder, remove } = await buildCliWithDigits());
}, 120_000);
afterAll(() => remove());

const tiny = (...more: string[]) => ["train", "--data", folder, "--layers", "9,8,4", "--lr", "0.01", "--dropout", "0", ...more];
const evaluate = (file: string) => ["train", "--data", folder, "--backend", "cpu", "--load", file, "--epochs", "0", "--json"];
const lastLine = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1)!) as Record<string, unknown>;
/** A browser that is not there: reaching for one would be seen. */
const NO_BROWSER = { PUPPETEER_EXECUTABLE_PATH: "/nowhere/browser" };

describe("help and bad values", () => {
  it("explains every flag", async () => {
    const { code, stdout } = await cli.run(["train", "--help"]);
    expect(code).toBe(0);
    for (const flag of [
      "layers",
      "activation",
      "loss",
      "optimizer",
      "lr",
      "batch",
      "epochs",
      "seed",
      "dropout",
      "l2",
      "backend",
      "runtime",
      "data",
      "json",
      "verify",
      "load",
      "save",
      "validation-split",
      "checkpoint",
      "checkpoint-every",
      "resume",
    ])
      expect(stdout).toContain(`--${flag}`);
    expect(stdout).toContain("DELTAPROP_BROWSER_FLAGS");
  });

  it.each([
    [["--batch", "0"], "--batch"],
    [["--activation", "cube"], 'got "cube"'],
    [["--data", "/nowhere"], "--data /nowhere"],
    [["--layers", "100,10"], "have 784 pixels"],
    [["--load", "/nowhere/file"], "--load"],
    [["--save", "/nowhere/file"], "--save /nowhere/file"],
    [["--save", tmpdir()], `--save ${tmpdir()}: it must name a file`],
    [["--speed", "9"], "unknown option"],
  ])("refuses %j with exit code 1 before any browser starts", async (args, message) => {
    const { code, stdout, stderr } = await cli.run(["train", ...args], { env: NO_BROWSER });
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([1, ""]);
  });

  it("says in one sentence what to do without a browser, where WebGPU is asked for", async () => {
    const { code, stderr } = await cli.run(tiny("--backend", "webgpu"), { env: NO_BROWSER });
    expect(stderr).toMatch(/^error: PUPPETEER_EXECUTABLE_PATH must name a browser that starts[^\n]*\n$/);
    expect(code).toBe(1);
  });

  it("trains on WebAssembly without a browser, and says so", async () => {
    const { code, stdout } = await cli.run(tiny("--no-save"), { env: NO_BROWSER });
    expect(code).toBe(0);
    expect(stdout).toMatch(/There is no WebGPU here, so this trains on WebAssembly\. \(PUPPETEER_EXECUTABLE_PATH must name/);
    expect(stdout).toMatch(/adapter: CPU \(WebAssembly, .*test: loss /s);
  });
});

describe("--backend cpu", () => {
  it("trains, tests, saves, ends with JSON on standard output, and loads what it saved", async () => {
    const file = join(folder, "cpu.safetensors");
    const { code, stdout, stderr } = await cli.run(tiny("--backend", "cpu", "--epochs", "20", "--batch", "32", "--save", file, "--json"), {
      env: NO_BROWSER,
    });
    expect([code, stdout.split("\n").length]).toEqual([0, 2]);
    const result = lastLine(stdout);
    expect(Object.keys(result)).toEqual([
      "adapter",
      "backend",
      "epochs",
      "steps",
      "seconds",
      "samplesPerSecond",
      "trainLoss",
      "testLoss",
      "testAccuracy",
      "seed",
    ]);
    expect(result).toMatchObject({ backend: "cpu", epochs: 20, steps: 120, seed: 1, testAccuracy: 1 });
    expect(stderr).toMatch(/epoch 20\/20 .*val_loss.*confusion matrix.*saved: /s);
    const again = lastLine((await cli.run(evaluate(file), { env: NO_BROWSER })).stdout);
    expect(again).toMatchObject({ epochs: 0, trainLoss: null, testAccuracy: 1 });
    // The CPU computes in float64; the file keeps float32.
    expect(again.testLoss).toBeCloseTo(result.testLoss as number, 6);
  }, 120_000);

  it("repeats to the last bit of the file from the same seed, and differs from another", async () => {
    const bytes = await Promise.all(
      ["1", "1", "2"].map(async (seed, i) => {
        const file = join(folder, `seed${i}.safetensors`);
        await cli.run(tiny("--backend", "cpu", "--epochs", "2", "--seed", seed, "--save", file));
        return readFile(file);
      }),
    );
    expect(bytes[0].equals(bytes[1])).toBe(true);
    expect(bytes[0].equals(bytes[2])).toBe(false);
  }, 120_000);
});

it("puts the weights into a file that it names if they cannot be written after all", async () => {
  const file = join(folder, "late.safetensors"),
    rescued = join(folder, "rescued");
  await mkdir(rescued);
  const { code, stdout, stderr } = await cli.run(tiny("--backend", "cpu", "--epochs", "500", "--save", file, "--json"), {
    env: { TMPDIR: rescued, TEMP: rescued },
    // A folder appears where the file was to be.
    during: (output) => {
      if (output.includes("epoch   1/500")) mkdirSync(file, { recursive: true });
    },
  });
  const [, named] = /^error: --save .* They are in (.*): move/m.exec(stderr) ?? [];
  expect(named).toContain(rescued);
  expect(parseModel(await readFile(named), named).spec.layers).toEqual([9, 8, 4]);
  expect([code, lastLine(stdout).epochs]).toEqual([1, 500]);
}, 120_000);

// Windows has no signals to send to another process: there kill() ends it.
describe.skipIf(process.platform === "win32")("Ctrl-C and kill", () => {
  it.each([
    ["SIGINT", 130, "cpu"],
    ["SIGINT", 130, "webgpu"],
    ["SIGTERM", 143, "webgpu"],
  ] as const)(
    "%s stops at a step, saves, and exits with %i (%s)",
    async (signal, exitCode, backend) => {
      const file = join(folder, "stopped.safetensors");
      await rm(file, { force: true });
      let sent = false;
      const { code, stdout } = await cli.run(tiny("--backend", backend, "--epochs", "1000000", "--batch", "1", "--save", file), {
        during(output, kill) {
          if (sent || !output.includes("epoch       1/")) return;
          sent = true;
          kill(signal);
        },
      });
      expect(stdout).toMatch(/Stopping at the next step.*Stopped after [\d,]+ steps\.\nsaved: /s);
      expect(code).toBe(exitCode);
      expect(parseModel(await readFile(file), file).spec.layers).toEqual([9, 8, 4]);
    },
    120_000,
  );

  it("twice quits at once", async () => {
    let first = 0,
      second = false;
    const { code } = await cli.run(tiny("--backend", "cpu", "--epochs", "1000000", "--no-save"), {
      during(output, kill) {
        if (first === 0 && output.includes("data:")) {
          first = Date.now();
          kill("SIGINT");
        } else if (!second && first > 0) {
          second = true;
          setTimeout(() => kill("SIGINT"), 400);
        }
      },
    });
    expect(code).toBe(130);
  }, 120_000);
});

describe("in the browser", () => {
  it("reports a run that diverges, and leaves the weights that were saved before", async () => {
    const file = join(folder, "good.safetensors");
    await writeFile(file, "good");
    const { code, stdout, stderr } = await cli.run(
      tiny("--backend", "webgpu", "--epochs", "2", "--optimizer", "sgd", "--lr", "1e38", "--save", file, "--json"),
    );
    expect(stderr).toMatch(/nothing was saved to .*\nerror: fit\(\): step \d+ came upon [^\n]*, first in [^\n]*learningRate[^\n]*\n$/s);
    expect(stderr).not.toContain("    at ");
    expect(lastLine(stdout)).toEqual({
      error: "DivergenceError",
      message: expect.stringMatching(/^fit\(\): step \d+ came upon/) as string,
    });
    expect([code, await readFile(file, "utf8")]).toEqual([1, "good"]);
  }, 120_000);

  it("trains on WebGPU, verifies, saves, and loads what it saved on the CPU", async () => {
    const file = join(folder, "chrome.safetensors");
    const { code, stdout, stderr } = await cli.run(
      tiny("--backend", "webgpu", "--epochs", "20", "--batch", "32", "--verify", "2", "--save", file, "--json"),
    );
    expect(stderr).toMatch(/adapter: .*verify: .*launch.*memory: .*epoch 20\/20/s);
    expect(code).toBe(0);
    expect(lastLine(stdout)).toMatchObject({ backend: "webgpu", epochs: 20, steps: 120, testAccuracy: 1 });
    const again = lastLine((await cli.run(evaluate(file))).stdout);
    expect(again.testAccuracy).toBe(1);
    expect(again.testLoss).toBeCloseTo(lastLine(stdout).testLoss as number, 5);
  }, 120_000);
});
