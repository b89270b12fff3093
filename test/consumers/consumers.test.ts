// The package as others install it: the oldest TypeScript that README.md names, with and without @webgpu/types, and bundlers that
// once built something broken from it. They come from npm when `npm run test:consumers` is first run, since one package of each is enough
// for the project itself.

import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { launchBrowser } from "../../src/cli/launch.ts";

const run = promisify(execFile);
const CACHE = resolve("node_modules/.cache/deltaprop-consumers"),
  PACKED = `${CACHE}/package`;
const npm = process.platform === "win32" ? "npm.cmd" : "npm",
  shell = process.platform === "win32";

/** A folder with these packages, and with deltaprop as it is published. */
async function consumer(name: string, packages: readonly string[]): Promise<string> {
  const folder = `${CACHE}/${name}`,
    wanted = JSON.stringify(packages);
  await mkdir(folder, { recursive: true });
  if ((await readFile(`${folder}/installed`, "utf8").catch(() => "")) !== wanted) {
    await writeFile(`${folder}/package.json`, '{ "private": true, "type": "module" }');
    await run(npm, ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages], { cwd: folder, shell });
    await writeFile(`${folder}/installed`, wanted);
  }
  await rm(`${folder}/node_modules/deltaprop`, { recursive: true, force: true });
  await cp(PACKED, `${folder}/node_modules/deltaprop`, { recursive: true });
  return folder;
}

beforeAll(async () => {
  await run(npm, ["run", "build"], { shell });
  const { stdout } = await run(npm, ["pack", "--dry-run", "--json", "--ignore-scripts"], { shell, maxBuffer: 2 ** 26 });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  await rm(PACKED, { recursive: true, force: true });
  for (const { path } of files) await cp(path, `${PACKED}/${path}`);
}, 300_000);

const USE = `
import * as tf from "deltaprop";
import { adam, dense, sequential, trainInWorker, type History, type Plan, type Weight } from "deltaprop";
import type {} from "deltaprop/worker";
export async function use(x: Float32Array, y: Float32Array): Promise<number> {
  const model = sequential({ seed: 3, layers: [dense({ units: 9, inputShape: [2] }), tf.layers.dropout({ rate: 0.1 }), dense({ units: 1 })] });
  await model.compile({ optimizer: adam({ learningRate: 0.01 }), loss: "meanSquaredError" });
  const history: History = await trainInWorker(model, x, y, { epochs: 2 });
  const weights: Weight[] = await model.getWeights(), plan: Plan = model.plan, answers: Float32Array = await model.predict(x);
  return history.epochs + weights[0].data[0] + plan.launchesPerStep + answers.length;
}
`;
const MISTAKES = `
import * as tf from "deltaprop";
tf.dense({ units: "many" });
tf.train.adam("fast");
`;

/** The lines of errors that tsc prints. */
async function errorsOf(folder: string, options: object, text: string): Promise<string[]> {
  await writeFile(`${folder}/use.ts`, text);
  const compilerOptions = { noEmit: true, strict: true, target: "es2022", lib: ["es2022", "dom"], module: "esnext", ...options };
  await writeFile(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files: ["use.ts"] }));
  return run(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "."], { cwd: folder }).then(
    () => [],
    ({ stdout }: { stdout: string }) => stdout.split("\n").filter((line) => line.includes("error TS")),
  );
}

describe.each([
  // Typed arrays have been generic since 5.7, so older ones read the types only where libraries are not checked.
  { version: "5.0.4", skipLibCheck: true, without: true },
  { version: "5.7.3", skipLibCheck: true, without: true },
  { version: "5.7.3", skipLibCheck: false, without: false },
  { version: "6.0.3", skipLibCheck: false, without: true },
])("TypeScript $version, skipLibCheck $skipLibCheck", ({ version, skipLibCheck, without }) => {
  const types = [...(without ? [[]] : []), ...(version === "6.0.3" ? [] : [["@webgpu/types"]])];
  it.each(types.flatMap((list) => ["bundler", "node16"].map((moduleResolution) => ({ types: list, moduleResolution }))))(
    "%o",
    async (options) => {
      const folder = await consumer(`typescript-${version}`, [`typescript@${version}`, "@webgpu/types@0.1.74"]);
      const module = options.moduleResolution === "node16" ? "node16" : "esnext";
      expect(await errorsOf(folder, { ...options, module, skipLibCheck }, USE)).toEqual([]);
      // Control: what cannot be read is `any` with skipLibCheck, and then nothing would be a mistake.
      expect((await errorsOf(folder, { ...options, module, skipLibCheck }, MISTAKES)).map((line) => line.replace(/:.*/, ""))).toEqual([
        "use.ts(3,12)",
        "use.ts(4,15)",
      ]);
    },
    300_000,
  );
});

const APPLICATION = `
import { adam, dense, sequential, trainInWorker } from "deltaprop";
const x = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i)), y = Float32Array.from({ length: 256 }, (_, i) => x[2 * i] * x[2 * i + 1]);
globalThis.trained = async (inWorker) => {
  const model = sequential({ seed: 3, layers: [dense({ units: 96, activation: "tanh", inputShape: [2] }), dense({ units: 96 }), dense({ units: 1 })] });
  await model.compile({ optimizer: adam({ learningRate: 0.01 }), loss: "meanSquaredError", backend: "webgpu", autotune: !inWorker });
  const { history } = inWorker ? await trainInWorker(model, x, y, { epochs: 2 }) : await model.fit(x, y, { epochs: 2 });
  return history.loss;
};`;

async function application(folder: string): Promise<void> {
  await mkdir(`${folder}/app`, { recursive: true });
  await writeFile(
    `${folder}/app/index.html`,
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="./app.js"></script>',
  );
  await writeFile(`${folder}/app/app.js`, APPLICATION);
}

/** Opens the page; trains on its thread, with autotune, and in a worker. */
async function losses(url: string): Promise<readonly (readonly number[])[]> {
  const browser = await launchBrowser((line) => console.log(line));
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction("globalThis.trained !== undefined");
    return [await page.evaluate("trained(false)"), await page.evaluate("trained(true)")] as number[][];
  } finally {
    await browser.close();
  }
}

/** Serves a folder of files. */
async function serve(folder: string): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const name = request.url === "/" ? "/index.html" : request.url!.split("?")[0],
      type = name.endsWith(".js") ? "text/javascript" : "text/html";
    readFile(folder + name).then(
      (body) => response.writeHead(200, { "content-type": type }).end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

const sane = ([onPage, inWorker]: readonly (readonly number[])[]): void => {
  expect(onPage).toHaveLength(2);
  expect(onPage[1]).toBeLessThan(onPage[0]);
  expect(inWorker).toEqual(onPage);
};

it("Parcel builds a page that trains, with autotune and in a worker, and installs nothing for it", async () => {
  const folder = await consumer("parcel", ["parcel@2.16.0"]);
  await application(folder);
  await rm(`${folder}/site`, { recursive: true, force: true });
  await run(
    process.execPath,
    ["node_modules/parcel/lib/bin.js", "build", "app/index.html", "--dist-dir", "site", "--no-cache", "--no-autoinstall"],
    { cwd: folder },
  );
  expect((await stat(`${folder}/site/index.html`)).isFile()).toBe(true);
  const { server, url } = await serve(`${folder}/site`);
  onTestFinished(() => {
    server.close();
  });
  sane(await losses(url));
}, 300_000);

it("Vite 7's dev server, which bundles the library before it serves it, finds the worker", async () => {
  const folder = await consumer("vite-7", ["vite@7"]);
  await application(folder);
  await rm(`${folder}/node_modules/.vite`, { recursive: true, force: true });
  const vite = spawn(process.execPath, ["node_modules/vite/bin/vite.js", "app", "--port", "0", "--host", "127.0.0.1"], { cwd: folder });
  onTestFinished(() => {
    vite.kill();
  });
  const url = await new Promise<string>((found, fail) => {
    let said = "";
    vite.stdout.on("data", (text: Buffer) => {
      said += text.toString();
      const [match] = /http:\/\/127\.0\.0\.1:\d+\//.exec(said.replaceAll(/\u001b\[\d+m/g, "")) ?? [];
      if (match) found(match);
    });
    vite.once("exit", () => fail(new Error(`vite ended: ${said}`)));
  });
  sane(await losses(url));
}, 300_000);

const IN_NODE = `
import "deltaprop/node";
import { dense, sequential } from "deltaprop";
import { earlyStopping } from "deltaprop/callbacks";
const train = async (backend) => {
  const model = sequential({ seed: 1, layers: [dense({ units: 1, inputShape: [1] })] });
  await model.compile({ optimizer: "sgd", loss: "meanSquaredError", backend });
  const { epochs } = await model.fit([1, 2, 3], [2, 4, 6], { epochs: 9, callbacks: [earlyStopping({ monitor: "loss", startFromEpoch: 2, minDelta: 1e9 })] });
  return [model.backend, epochs];
};
console.log(JSON.stringify(await train(process.argv[2]).catch(({ name, message }) => [name, message])));
`;

describe("deltaprop/node in Node itself", () => {
  const inNode = async (withWebgpu: boolean, backend: string) => {
    // Outside of this project, whose own packages would be found.
    const folder = await mkdtemp(join(tmpdir(), "deltaprop-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFile(`${folder}/package.json`, '{ "private": true, "type": "module" }');
    await cp(PACKED, `${folder}/node_modules/deltaprop`, { recursive: true });
    // As its install script has unpacked it.
    if (withWebgpu) await cp("node_modules/webgpu", `${folder}/node_modules/webgpu`, { recursive: true });
    await writeFile(`${folder}/use.js`, IN_NODE);
    const env = { VK_DRIVER_FILES: "/usr/lib/chromium/vk_swiftshader_icd.json", ...process.env };
    const { stdout, stderr } = await run(process.execPath, ["use.js", backend], { cwd: folder, env, timeout: 60_000 });
    return { result: JSON.parse(stdout) as unknown[], warned: stderr };
  };

  it("finds the package webgpu by itself, and the process ends", async () => {
    const { result, warned } = await inNode(true, "webgpu");
    expect(result).toEqual(["webgpu", 4]);
    expect(warned).not.toContain("deltaprop");
  }, 120_000);

  it("without the package says what to install, and trains on WebAssembly", async () => {
    const { result, warned } = await inNode(false, "auto");
    expect(result).toEqual(["wasm", 4]);
    expect(warned).toMatch(/deltaprop\/node: there is no WebGPU: the npm package "webgpu" is not installed\. Run: npm install webgpu/);
    const [name, message] = (await inNode(false, "webgpu")).result;
    expect(name).toBe("UnsupportedError");
    expect(message).toMatch(/Run: npm install webgpu/);
    expect(message).not.toMatch(/Chrome/);
  }, 120_000);
});
