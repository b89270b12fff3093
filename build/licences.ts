// Writes the licences of bundled packages into a file beside the bundle, as these licences ask for. The build fails where a bundled
// package has no licence text, or one that nobody looked at yet.

import { readdirSync, readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** Licences that allow redistribution when their text comes along (NOTICE too, which Apache-2.0 asks for). */
const KNOWN = new Set(["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD"]);
const TEXTS = /^(licen[sc]e|copying|notice)([.-].*)?$/i;

/** The folder of the package that a module belongs to; null for modules of this project and of the bundler. */
export function packageFolder(moduleId: string): string | null {
  const [path] = moduleId.replace(/^\0/, "").replaceAll("\\", "/").split("?");
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? null;
}

/** Name, version and licence of a package, then its licence texts. @throws Error where one is missing or unknown */
function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Record<string, string | undefined>;
  if (license === undefined || !KNOWN.has(license)) {
    throw new Error(`${name} is bundled under the licence "${license}". If it may be shipped, add it to KNOWN in build/licences.ts.`);
  }
  const texts = readdirSync(folder)
    .filter((file) => TEXTS.test(file))
    .sort();
  if (texts.length === 0) throw new Error(`${name} is bundled, but its package has no licence text. Do without it, or add the text here.`);
  return [`${name} ${version} (${license})`, ...texts.map((file) => readFileSync(`${folder}/${file}`, "utf8").trim())].join("\n\n");
}

/** The text of the file. @param folders of the packages */
export function licenceText(what: string, folders: Iterable<string>): string {
  const licences = [...new Set(folders)].map(licenceOf).sort();
  return [`${what} contains these packages.\n`, ...licences].join(`\n${"-".repeat(80)}\n\n`) + "\n";
}

type Bundle = Readonly<Record<string, { readonly type: "asset" } | { readonly type: "chunk"; readonly moduleIds: readonly string[] }>>;

const foldersIn = (bundle: Bundle): string[] =>
  Object.values(bundle)
    .flatMap((file) => (file.type === "chunk" ? file.moduleIds : []))
    .flatMap((id) => packageFolder(id) ?? []);

/** Remembers the packages of a bundle that becomes part of another one, such as a worker's. */
export const rememberPackages = (folders: Set<string>): Plugin => ({
  name: "remember-packages",
  generateBundle(_, bundle) {
    for (const folder of foldersIn(bundle)) folders.add(folder);
  },
});

/**
 * Emits the file of licences, unless nothing was bundled.
 * @param fileName of the file, by the name of the bundle's first entry
 * @param remembered folders of packages that are in it as well
 */
export const licencesAtBuild = (fileName: (entry: string) => string, remembered: ReadonlySet<string> = new Set()): Plugin => ({
  name: "licences-at-build",
  generateBundle(_, bundle) {
    const entry = Object.values(bundle).find((file) => file.type === "chunk" && file.isEntry)?.fileName ?? "";
    const folders = [...foldersIn(bundle), ...remembered];
    if (folders.length > 0) this.emitFile({ type: "asset", fileName: fileName(entry), source: licenceText(entry || "This page", folders) });
  },
});
