// What every reader here takes: the bytes of a file.

import { InputError } from "../errors.ts";
import { brandOf } from "../typed-arrays.ts";

/** @throws InputError if they are anything but a Uint8Array */
export function checkBytes(bytes: unknown, where: string): void {
  if (brandOf(bytes) === "Uint8Array") return;
  const got = brandOf(bytes) ?? Object.prototype.toString.call(bytes).slice("[object ".length, -1);
  throw new InputError(
    `${where}: a file must be given as a Uint8Array of its bytes; got ${got}. ` + "Pass new Uint8Array(await file.arrayBuffer()).",
  );
}
