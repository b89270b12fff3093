// The command `npm run kernels`: what it refuses, what it prints, and that docs/kernels.md shows what it prints.

import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { DeltapropError, InputError } from "../../src/errors.ts";
import { ELEMENTWISE_ACTIVATIONS } from "../../src/model/activations.ts";
import { LOSSES } from "../../src/model/losses.ts";
import { OPTIMIZERS } from "../../src/model/optimizers.ts";
import { addKernelOptions, DEFAULT_WIDTHS, type Flags } from "../../tools/kernels/arguments.ts";
import { listing, tidy } from "../../tools/kernels/listing.ts";
import { planOf } from "../../tools/kernels/network.ts";
import { SOURCES } from "../../tools/kernels/sources.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function parse(...args: string[]): { widths: number[]; flags: Flags } {
  const command = addKernelOptions(new Command("kernels"))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  command.parse(args, { from: "user" });
  return { widths: command.processedArgs[0] as number[], flags: command.opts() };
}

async function printed(...args: string[]): Promise<string> {
  const { widths, flags } = parse(...args);
  return listing(await planOf(widths, flags), flags);
}

describe("the command line", () => {
  it("is 784-128-10, batch 64, on a GPU where nothing is typed", () => {
    const { widths, flags } = parse();
    expect(widths).toEqual(DEFAULT_WIDTHS);
    expect(flags).toMatchObject({
      batch: 64,
      adapter: "gpu",
      purpose: "train",
      loss: "sparseCategoricalCrossentropy",
      optimizer: "adam",
      fuse: true,
      wgsl: true,
      recurrent: false,
    });
    expect(parse("3,4,5").widths).toEqual([3, 4, 5]);
  });

  it.each([
    ["784"],
    ["784-"],
    ["784-0-10"],
    ["784-1e2-10"],
    ["a-b"],
    ["--batch", "0"],
    ["--launch", "0"],
    ["--adapter", "cpu"],
    ["--loss", "mse"],
    ["--optimizer", "Adam"],
    ["--activation", "softmax"],
    ["--precision", "f64"],
    ["--dropout", "1"],
    ["--recurrent", "--cell", "LSTM"],
    ["--unknown"],
    ["2-3-2", "4-5-6"],
  ])("refuses %s %s", (...args: string[]) => {
    expect(() => parse(...args)).toThrow(/invalid|unknown option|too many arguments/);
  });

  it.each<[string[], RegExp]>([
    [["2-3-2", "--loss", "huber", "--launch", "2"], /--launch 2: this plan has one launch/],
    [["--launch", "4"], /--launch 4: this plan has launches 1 to 3.*Leave --launch out/],
    [["2-3-2", "--timesteps", "4"], /--timesteps.*Add --recurrent/],
    [["2-3-2", "--cell", "lstm"], /--cell lstm.*Add --recurrent/],
    [["2-2", "--recurrent"], /--recurrent.*hidden width/],
    [["2-3-2", "--recurrent", "--activation", "gelu"], /--activation gelu.*tanh, relu, sigmoid, linear/],
    [["4-3-1"], /at least 2 classes/],
  ])("says what is wrong with %s", async (args, message) => {
    const error: unknown = await printed(...args).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).message).toMatch(message);
  });

  it("refuses networks over a limit of WebGPU with an error of the library", async () => {
    await expect(printed("784-128-10", "--batch", "99999999999")).rejects.toBeInstanceOf(DeltapropError);
  });

  it("offers all that the library has", () => {
    const help = addKernelOptions(new Command("kernels")).helpInformation().replace(/\s+/g, " ");
    for (const names of [ELEMENTWISE_ACTIVATIONS, LOSSES, OPTIMIZERS]) {
      expect(help).toContain(`choices: ${names.map((name) => `"${name}"`).join(", ")}`);
    }
  });
});

describe("the listing", () => {
  it("has the kernels that the plan has, but for spaces", async () => {
    const { widths, flags } = parse(),
      plan = await planOf(widths, flags),
      text = await printed();
    expect(plan.launches).toHaveLength(3);
    const meaning = (source: string): string => source.replace(/\s+/g, "");
    for (const [i, { source }] of plan.launches.entries()) {
      expect(meaning(text)).toContain(meaning(source));
      const alone = await printed("--launch", String(i + 1));
      // What is no comment is the kernel: the listing of a launch is WGSL.
      const code = alone
        .split("\n")
        .slice(alone.split("\n").findIndex((line) => !line.startsWith("//")))
        .join("\n");
      expect(meaning(code)).toBe(meaning(source));
    }
  });

  it("indents by brackets, and leaves comments out of the count", () => {
    expect(tidy("fn f() {\nlet a = (1 + // (\n2);\n\n\n\n}\n  fn g() {}")).toBe("fn f() {\n  let a = (1 + // (\n    2);\n}\nfn g() {}");
  });

  it("names every equation in the headings of a plan that fuses, and one a launch in one that does not", async () => {
    const computes = (text: string) => [...text.matchAll(/computes (.*)/g)].map(([, names]) => names.split(", "));
    expect(computes(await printed())).toEqual([
      ["data", "z", "a"],
      ["data", "z", "a", "loss", "BP1", "BP2"],
      ["data", "loss", "BP3", "BP4", "update"],
    ]);
    const alone = computes(await printed("--no-fuse", "--no-wgsl")).filter((names) => names.some((name) => name.startsWith("BP")));
    expect(alone.every((names) => names.filter((name) => name !== "data").length === 1)).toBe(true);
    expect(new Set(alone.flat())).toEqual(new Set(["BP1", "BP2", "BP3", "BP4"]));
  });

  it.each([
    ["on SwiftShader", "--adapter", "software"],
    ["recurrent", "65-32-65", "--recurrent", "--timesteps", "5"],
    ["of LSTM layers", "5-4-3-2", "--recurrent", "--cell", "lstm", "--timesteps", "3"],
    ["of GRU layers, on SwiftShader", "5-4-3-2", "--recurrent", "--cell", "gru", "--timesteps", "3", "--adapter", "software"],
    ["f16", "--precision", "f16"],
    ["bytes", "--bytes"],
    [
      "all that few networks use",
      "9-8-7",
      "--activation",
      "gelu",
      "--optimizer",
      "rmsprop",
      "--loss",
      "huber",
      "--l2",
      "0.1",
      "--dropout",
      "0.1",
      "--batch",
      "7",
    ],
    ["evaluating", "--purpose", "evaluate"],
    ["answering", "--purpose", "predict"],
  ])("is there for networks of each kind: %s", async (_, ...args) => {
    const text = await printed(...args);
    expect(text).toMatch(/^\/\/ The graph of the step: \d+ operations/);
    expect(text).toContain("@compute @workgroup_size(");
    expect(text).not.toMatch(/undefined|NaN|\[object/);
  });

  it.each([
    [[], 1],
    [["--cell", "rnn"], 1],
    [["--cell", "gru"], 3],
    [["--cell", "lstm"], 4],
  ])("has the kernels of recurrent layers %s: %i matrices side by side", async (args, blocks) => {
    const text = await printed("5-8-3", "--recurrent", "--timesteps", "3", ...args),
      biases = blocks === 3 ? 2 * 3 * 8 : blocks * 8;
    expect(text).toContain("z1 = x·u1 + b1");
    expect(text).toContain(`·(5, ${blocks * 8})`);
    const { widths, flags } = parse("5-8-3", "--recurrent", "--timesteps", "3", ...args),
      { tensors } = (await planOf(widths, flags)).graph;
    // U, W and the biases of the layer, V and c of the dense one.
    const all = [...tensors.values()].filter(({ role }) => role === "parameter");
    expect(all.reduce((sum, { rows, cols }) => sum + Number(rows) * cols, 0)).toBe((5 + 8) * blocks * 8 + biases + 8 * 3 + 3);
  });

  it("says which tensors are stored as f16, and that bytes are scaled", async () => {
    expect(await printed("--precision", "f16", "--launch", "1")).toMatch(/stored as f16, relative rounding 2⁻¹¹: a1\n/);
    expect(await printed("--bytes", "--launch", "1")).toContain("data_x[order[i]] · 0.00392157, uint8");
  });
});

it("the map names what is in the files that it names", () => {
  for (const [equation, { graph, wgsl, reference }] of Object.entries(SOURCES)) {
    for (const { file, name } of [graph, ...wgsl, reference]) {
      expect(existsSync(ROOT + file), `${equation}: ${file}`).toBe(true);
      expect(readFileSync(ROOT + file, "utf8"), `${equation}: ${name} in ${file}`).toMatch(new RegExp(`\\b${name}\\b`));
    }
  }
});

it("runs as a command, and ends with 1 and one line where it refuses", async () => {
  const run = promisify(execFile),
    npm = (...args: string[]) => run("npm", ["run", "--silent", "kernels", "--", ...args], { cwd: ROOT });
  const { stdout } = await npm("784-128-10", "--launch", "2");
  expect(stdout).toBe(await printed("784-128-10", "--launch", "2"));
  await expect(npm("--launch", "9")).rejects.toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/^error: --launch 9: [^\n]*\n$/) as string,
  });
});

/** The blocks of a page that are marked with a command; each with the lines of `page` that the command does not print. */
async function strangers(page: string): Promise<{ command: string; missing: string[] }[]> {
  const blocks = [...page.matchAll(/<!-- npm run kernels -- (.*) -->\n```\w*\n([\s\S]*?)\n```/g)];
  return Promise.all(
    blocks.map(async ([, command, block]) => {
      let rest = await printed(...command.split(" "));
      const missing = block
        .split(/^\/\/ …$/m)
        .map((piece) => piece.replace(/^\n|\n$/g, ""))
        .filter((piece) => {
          const at = rest.indexOf(piece);
          if (at >= 0) rest = rest.slice(at + piece.length);
          return at < 0;
        });
      return { command, missing };
    }),
  );
}

describe("docs/kernels.md", () => {
  const page = readFileSync(`${ROOT}docs/kernels.md`, "utf8");

  it("shows what the command prints", async () => {
    const blocks = await strangers(page);
    expect(blocks.length).toBeGreaterThan(6);
    for (const { command, missing } of blocks) expect(missing, `npm run kernels -- ${command} prints no longer`).toEqual([]);
    // Every block of output is marked: only the commands themselves are not.
    expect([...page.matchAll(/^```\w*$/gm)].length / 2).toBe(blocks.length + 1);
  });

  it("control: one number of a kernel, or two pieces in the other order, are found", async () => {
    const changed = page.replace("return p * q;", "return p * q * 2.0;");
    expect(changed).not.toBe(page);
    expect((await strangers(changed)).filter(({ missing }) => missing.length > 0)).toHaveLength(1);
    const swapped = "<!-- npm run kernels -- --launch 2 -->\n```\nfn part0(\n// …\nfn p0_2_f1(\n```";
    expect((await strangers(swapped))[0].missing).toEqual(["fn p0_2_f1("]);
  });
});
