// The built `deltaprop char-rnn` as a process: bad input before any browser, training, writing, going on, Ctrl-C.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLoaded } from "../../src/cli/saved-model.ts";
import { parseTextModel } from "../../src/cli/saved-text-model.ts";
import { buildCli, type BuiltCli } from "../support/run-cli.ts";

let cli: BuiltCli, folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
  await writeFile(at("cycle"), "abcd".repeat(120));
  await writeFile(at("accents"), "abcdé".repeat(120));
  await writeFile(at("empty"), "");
  await writeFile(at("short"), "abcd".repeat(10));
  await writeFile(at("same"), "a".repeat(3000));
  await writeFile(at("latin1"), Uint8Array.of(0x61, 0xe4));
  const { code, stderr } = await cli.run(tiny("--backend", "cpu", "--epochs", "20", "--save", at("model"), "--json"), { env: NO_BROWSER });
  expect([code, stderr]).toEqual([0, expect.stringContaining("saved: ")]);
}, 120_000);
afterAll(async () => {
  await cli.remove();
  await rm(folder, { recursive: true });
});

const tiny = (...more: string[]) => [
  "char-rnn",
  "--text",
  at("cycle"),
  "--hidden",
  "8",
  "--length",
  "8",
  "--batch",
  "4",
  "--lr",
  "0.02",
  "--sample",
  "12",
  ...more,
];
const lastLine = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1)!) as Record<string, unknown>;
/** A browser that is not there: reaching for one would be seen. */
const NO_BROWSER = { PUPPETEER_EXECUTABLE_PATH: "/nowhere/browser" };

it.each<[string, () => string[], string]>([
  ["a file that is not there", () => ["--text", at("none")], "cannot be read: ENOENT"],
  ["an empty file", () => ["--text", at("empty")], "the file is empty"],
  ["a text of one character", () => ["--text", at("same")], 'the text is 3,000 times the character "a"'],
  ["a file that is no text", () => ["--text", at("latin1")], "must be text in UTF-8"],
  [
    "a text shorter than the windows",
    () => ["--text", at("short")],
    "--batch 32 windows of --length 64 take at least 2,049 characters; the text has 40",
  ],
  [
    "a character that the model does not know",
    () => ["--text", at("accents"), "--load", at("model")],
    'line 1 has the character "é" (U+00E9)',
  ],
  [
    "a prompt that it does not know",
    () => ["--load", at("model"), "--sample", "5", "--prompt", "x"],
    '--prompt: the model does not know the character "x"',
  ],
  [
    "another width than the model's",
    () => ["--load", at("model"), "--hidden", "9"],
    "--hidden 9 does not fit the loaded model, which has 8",
  ],
  ["a file that is no model", () => ["--load", at("cycle")], "cycle: "],
  ["nothing to write with", () => ["--epochs", "0"], "Give --load FILE"],
  ["a text for no training", () => ["--load", at("model"), "--text", at("cycle"), "--epochs", "0"], "Leave one of them out"],
  ["a length of 0", () => ["--length", "0"], "--length"],
  ["a temperature of 0", () => ["--temperature", "0"], "It must be a number > 0"],
  ["a folder to save to", () => ["--text", at("cycle"), "--save", folder], "it must name a file"],
  ["an unknown flag", () => ["--speed", "9"], "unknown option"],
])("refuses %s with exit code 1 before any browser starts", async (_, args, message) => {
  const { code, stdout, stderr } = await cli.run(["char-rnn", ...args()], { env: NO_BROWSER });
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("    at ");
  expect([code, stdout]).toEqual([1, ""]);
});

describe("--backend cpu", () => {
  it("writes what it has learnt from the saved file alone, the same twice", async () => {
    const write = () =>
      cli.run(["char-rnn", "--load", at("model"), "--sample", "8", "--prompt", "ab", "--temperature", "0.1", "--json"], {
        env: NO_BROWSER,
      });
    const [{ code, stdout }, second] = [await write(), await write()];
    expect(code).toBe(0);
    expect(lastLine(stdout)).toMatchObject({ backend: "cpu", epochs: 0, steps: 0, loss: [], sample: "cdabcdab" });
    expect(second.stdout).toBe(stdout);
  });

  it("goes on from the saved file", async () => {
    const { code, stdout, stderr } = await cli.run(
      ["char-rnn", "--text", at("cycle"), "--load", at("model"), "--epochs", "2", "--backend", "cpu", "--no-save", "--json"],
      { env: NO_BROWSER },
    );
    const result = lastLine(stdout);
    expect(code).toBe(0);
    expect(stderr).toMatch(/1 × 8 units, 4 characters; length 8, batch 4, adam, lr 0\.02.*epoch 2\/2 .*perplexity 1\.\d+ .*characters\/s/s);
    expect(result).toMatchObject({ epochs: 2, vocabulary: 4, characters: 480 });
    // Untrained it would be near 4.
    expect((result.perplexity as number[])[0]).toBeLessThan(1.5);
  });
});

// Windows has no signals to send to another process: there kill() ends it.
it.skipIf(process.platform === "win32")(
  "stops at a step, saves, and exits with 130",
  async () => {
    let sent = false;
    const { code, stdout } = await cli.run(tiny("--backend", "cpu", "--epochs", "1000000", "--save", at("stopped")), {
      during(output, kill) {
        if (sent || !output.includes("epoch       1/")) return;
        sent = true;
        kill("SIGINT");
      },
    });
    expect(stdout).toMatch(/Stopping at the next step.*Stopped after [\d,]+ steps\.\nsaved: /s);
    expect(code).toBe(130);
    expect((await parseTextModel(await readLoaded(at("stopped")), "stopped")).spec.vocabulary).toEqual(["a", "b", "c", "d"]);
  },
  120_000,
);

it("trains in the browser as on the CPU, and goes on from weights sent there", async () => {
  const run = (...more: string[]) => cli.run(tiny("--epochs", "3", "--json", ...more));
  const file = at("chrome"),
    first = await run("--backend", "webgpu", "--save", file),
    onCpu = await run("--backend", "cpu", "--no-save");
  expect([first.code, onCpu.code]).toEqual([0, 0]);
  const [result, wanted] = [first, onCpu].map(({ stdout }) => lastLine(stdout));
  expect(result).toMatchObject({ backend: "webgpu", epochs: 3, steps: 42 });
  (result.loss as number[]).forEach((loss, i) => expect(loss).toBeCloseTo((wanted.loss as number[])[i], 3));
  const { stdout } = await run("--backend", "webgpu", "--no-save", "--load", file);
  expect((lastLine(stdout).loss as number[])[0]).toBeLessThan((result.loss as number[])[2]);
}, 120_000);
