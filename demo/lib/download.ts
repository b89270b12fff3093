// Hands bytes to the visitor as a file.

import { element } from "./dom.ts";

/** Long enough for any browser to have begun. */
const KEPT_MS = 60_000;

export function download(bytes: Uint8Array<ArrayBuffer>, name: string): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
