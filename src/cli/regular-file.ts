// Files for the command: storage/files.ts with Node's modules at hand.

import { readRegularFile, replaceFile as replaceOn } from "../storage/files.ts";
import { nodeModules } from "../storage/node.ts";

/** @throws InputError if it is no regular file or larger, the file system's error if it cannot be opened */
export const readFileAtMost = (path: string, maxBytes: number, followLinks = true): Promise<Uint8Array<ArrayBuffer>> =>
  readRegularFile(nodeModules()!, path, { maxBytes, followLinks });

/** For files of the user: with the rights that new files get. @throws the file system's error */
export const replaceFile = (path: string, bytes: Uint8Array): Promise<void> => replaceOn(nodeModules()!, path, bytes, 0o666);
