// .keras files: a zip archive of metadata.json, config.json and model.weights.h5. Nothing is unpacked to a disk. (fflate's entry for
// browsers
// runs in Node too; its other one imports Node's modules.)

import { unzipSync, zipSync } from "fflate/browser";
import { FormatError, InputError } from "../../index.ts";

export const CONFIG = "config.json",
  WEIGHTS = "model.weights.h5",
  METADATA = "metadata.json";
/** More than DEFLATE can squeeze a byte into. */
const MOST_PER_BYTE = 1032;

/**
 * What an archive holds of these names. @throws FormatError if it is none, or says of itself what cannot be; InputError if it would take
 * more than `maxBytes`
 */
export function unpack(where: string, bytes: Uint8Array, names: readonly string[], maxBytes: number): Readonly<Record<string, Uint8Array>> {
  const seen = new Set<string>();
  let total = 0;
  try {
    return unzipSync(new Uint8Array(bytes), {
      filter: ({ name, size, originalSize }) => {
        if (!names.includes(name)) return false;
        if (seen.has(name)) throw new FormatError(`${where}: ${name} is twice in the archive. It is refused.`);
        seen.add(name);
        total += originalSize;
        if (!(originalSize <= size * MOST_PER_BYTE + 64))
          throw new FormatError(`${where}: ${name} says that ${size} bytes become ${originalSize}. The archive is damaged.`);
        if (total > maxBytes)
          throw new InputError(
            `${where}: it becomes more than maxBytes, ${maxBytes.toLocaleString("en-US")}, ` +
              `unpacked. Give a larger maxBytes if the file is to be trusted.`,
          );
        return true;
      },
    });
  } catch (error) {
    if (error instanceof FormatError || error instanceof InputError) throw error;
    throw new FormatError(`${where}: this is not a .keras archive, or it is damaged (${String(error).slice(0, 200)}).`, { cause: error });
  }
}

/** Stored as they are, as Keras does; always the same bytes. */
export const pack = (files: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(zipSync(files, { level: 0, mtime: new Date(1980, 0, 1) }));
