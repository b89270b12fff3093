// What every reader here takes: the bytes of a file.

import { InputError } from "../errors.ts";

/** @throws InputError if they are anything but a Uint8Array */
export function checkBytes(bytes: unknown, where: string): void {
  // By its tag, not its constructor: it may come from another realm, such as a frame.
  const tag = Object.prototype.toString.call(bytes);
  if (tag === "[object Uint8Array]") return;
  const got = tag.slice("[object ".length, -1);
  throw new InputError(`${where}: a file must be given as a Uint8Array of its bytes; got ${got}. ` +
    "Pass new Uint8Array(await file.arrayBuffer()).");
}
