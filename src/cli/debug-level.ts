// DELTAPROP_DEBUG: what the commands log of what a model runs, as compile()'s `debug`.

import { InputError, type CompileOptions } from "../index.ts";

export type CommandDebugLevel = NonNullable<CompileOptions["debug"]>;

/** @throws InputError if it is none of 0 to 3 */
export function debugLevel({ DELTAPROP_DEBUG: given }: Readonly<Record<string, string | undefined>>): CommandDebugLevel {
  if (given === undefined || given === "") return 0;
  if (!/^[0-3]$/.test(given)) {
    throw new InputError(
      `DELTAPROP_DEBUG must be 0 (nothing), 1 (plans), 2 (launches, too) or 3 (timings, too); got ${JSON.stringify(given)}.`,
    );
  }
  return Number(given) as CommandDebugLevel;
}
