// Node's own modules where there are any (Node, Deno); null in a page.

/**
 * Not imports: a bundler for pages would follow them. `host` is Node's `process`; code that pages can load takes it from here, because
 * bundlers replace the bare name (Parcel by a package that it installs, and it drops a `const { NAME } = process.env` half).
 */
export function nodeModules() {
  const host = globalThis.process as NodeJS.Process | undefined,
    take = host?.getBuiltinModule?.bind(host);
  const fs = take?.("node:fs/promises"),
    os = take?.("node:os"),
    path = take?.("node:path");
  return host && fs && os && path ? { fs, os, path, host } : null;
}
