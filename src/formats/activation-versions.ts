// What an activation is called in files and links. Up to version 1 "gelu" meant the tanh form, which is "geluTanh" since.

/** Written into saved models, run folders and links. */
export const NAMES_VERSION = 2;

/** Today's name of what version `version` called `name`. */
export const activationOf = (name: string, version: number): string => (version < 2 && name === "gelu" ? "geluTanh" : name);

/** The version that a file or link states: 1 if it states none, undefined if there is no such version. */
export function readNamesVersion(text: string | undefined): number | undefined {
  if (text === undefined) return 1;
  const version = /^[1-9]$/.test(text) ? Number(text) : NaN;
  return version <= NAMES_VERSION ? version : undefined;
}
