// A page in headless Chrome whose scripts come from memory: the built library, or what a test made of the sources.

import { fileURLToPath } from "node:url";
import type { Browser, Page } from "puppeteer";
import { build, createBuilder, type Rolldown } from "vite";
import { wgslAtBuild } from "../../build/wgsl.ts";
import { launchBrowser } from "../../src/cli/launch.ts";
import { startPageServer } from "../../src/cli/page-server.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** By file name. */
type Scripts = ReadonlyMap<string, string>;

const scriptsOf = (built: unknown): Scripts =>
  new Map(
    ([built].flat(2) as Rolldown.RolldownOutput[])
      .flatMap(({ output }) => output)
      .flatMap((file) => (file.type === "chunk" ? [[file.fileName, file.code] as const] : [])),
  );

/** dist/ as `npm run build` makes it, as far as a page needs it. */
export async function builtLibrary(environment: "client" | "minified" = "client"): Promise<Scripts> {
  const names = environment === "client" ? ["client", "worker"] : ["minified", "minifiedWorker"];
  const environments = Object.fromEntries(names.map((name) => [name, { build: { write: false } }]));
  const builder = await createBuilder({ root: ROOT, configFile: `${ROOT}/vite.config.ts`, logLevel: "silent", environments });
  return scriptsOf([await builder.build(builder.environments[names[0]]), await builder.build(builder.environments[names[1]])]);
}

/** One script of the sources and all that it imports. @param path from the root of the repository */
export async function builtScript(path: string): Promise<Scripts> {
  return scriptsOf(
    await build({
      root: ROOT,
      configFile: false,
      logLevel: "silent",
      publicDir: false,
      plugins: [wgslAtBuild()],
      build: {
        write: false,
        minify: false,
        target: "es2022",
        modulePreload: false,
        rolldownOptions: { input: ROOT + path, output: { entryFileNames: "[name].js", chunkFileNames: "[name].js" } },
      },
    }),
  );
}

export interface ServedPage {
  readonly browser: Browser;
  readonly page: Page;
  close(): Promise<void>;
}

/**
 * Opens a page that runs the script `main`.
 * @param functions what it may call outside
 * @param without flags of Puppeteer's that the browser is started without
 */
export async function servedPage(
  scripts: Scripts,
  main: string,
  functions: Readonly<Record<string, (page: Page, browser: Browser) => Promise<unknown>>>,
  without: readonly string[] = [],
): Promise<ServedPage> {
  const type = "text/javascript; charset=utf-8";
  const server = await startPageServer(
    new Map([
      ["", { type: "text/html; charset=utf-8", body: `<!doctype html><script type="module" src="${main}"></script>` }],
      ...[...scripts].map(([name, body]) => [name, { type, body }] as const),
    ]),
  );
  const browser = await launchBrowser((line) => console.log(line), { without }),
    page = await browser.newPage();
  for (const [name, call] of Object.entries(functions)) await page.exposeFunction(name, () => call(page, browser));
  page.on("pageerror", (error) => console.error(`in the page: ${String(error)}`));
  await page.goto(server.url);
  return {
    browser,
    page,
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}
