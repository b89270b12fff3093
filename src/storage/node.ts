// Node's own modules where there are any (Node, Deno); null in a page.

/** Not imports: a bundler for pages would follow them. */
export function nodeModules() {
  const take = typeof process === "undefined" ? undefined : process.getBuiltinModule?.bind(process);
  const fs = take?.("node:fs/promises"), os = take?.("node:os"), path = take?.("node:path");
  return fs && os && path ? { fs, os, path } : null;
}
