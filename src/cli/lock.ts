// A lock file in a folder: it says which process uses the folder, and a process that has ended does not keep it.
//
// Taking over: who finds the lock of a holder that has ended (nonce N) creates the claim "LOCK.N", which only one process can, looks
// whether the lock still is N's, and renames the claim over it. While the lock is N's nobody else may change it; nonces never come
// back. A claim whose process has ended is taken over in the same way.

import { lstatSync, readFileSync, unlinkSync } from "node:fs";
import { link, readdir, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { InputError } from "../errors.ts";
import { createFile, nameOfDraft, readRegularFile } from "../storage/files.ts";
import { nodeModules } from "../storage/node.ts";
import { formatHolder, hasEnded, isNonce, parseHolder, thisProcess, type Holder } from "./holder.ts";

export const LOCK_FILE = "deltaprop-lock";
const MAX_LOCK_BYTES = 4096;
/** Locks that come and go while one looks: more than that is no accident. */
const MAX_TRIES = 100;

const codeOf = (error: unknown) => (error as { code?: string }).code;
const claimOf = (nonce: string) => `${LOCK_FILE}.${nonce}`;
const isClaim = (name: string) => name.startsWith(`${LOCK_FILE}.`) && isNonce(name.slice(LOCK_FILE.length + 1));

/** Null if there is none. @throws InputError if it is none of ours */
async function holderIn(folder: string, name: string): Promise<Holder | null> {
  const path = join(folder, name);
  const bytes = await readRegularFile(nodeModules()!, path, { maxBytes: MAX_LOCK_BYTES, followLinks: false }).catch((error: unknown) => {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) return null;
    throw error;
  });
  if (bytes === null) return null;
  const holder = parseHolder(new TextDecoder().decode(bytes));
  if (holder === null) throw new InputError(`${path} must say which process uses the folder and does not. Remove it if none does.`);
  return holder;
}

/** Creates it with all that it says, so that no reader finds half of it. @returns whether it did; false if the name is taken */
async function create(path: string, holder: Holder): Promise<boolean> {
  const node = nodeModules()!,
    draft = `${path}.${crypto.randomUUID()}.part`,
    bytes = new TextEncoder().encode(formatHolder(holder));
  try {
    await createFile(node, draft, bytes, 0o600);
    try {
      await link(draft, path);
    } catch (error) {
      if (["EEXIST", "ENOENT"].includes(codeOf(error) ?? "")) throw error;
      // A file system without links.
      await createFile(node, path, bytes, 0o600);
    }
    return true;
  } catch (error) {
    // ENOENT: the draft has been cleaned away by a holder.
    if (codeOf(error) === "EEXIST" || (codeOf(error) === "ENOENT" && (error as { syscall?: string }).syscall === "link")) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** @returns null if `mine` has it now, else who has it */
async function take(folder: string, name: string, mine: Holder): Promise<Holder | null> {
  const path = join(folder, name);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if (await create(path, mine)) return null;
    const other = await holderIn(folder, name);
    if (other === null) continue;
    if (!hasEnded(other)) return other;
    const claim = claimOf(other.nonce),
      rival = await take(folder, claim, mine);
    if (rival !== null) return rival;
    if ((await holderIn(folder, name))?.nonce === other.nonce) {
      await rename(join(folder, claim), path);
      return null;
    }
    await rm(join(folder, claim), { force: true });
  }
  throw new InputError(`${path} changes all the time. Find out which processes use the folder, and stop them.`);
}

function release(folder: string, mine: Holder): void {
  const path = join(folder, LOCK_FILE);
  try {
    if (lstatSync(path).isFile() && parseHolder(readFileSync(path, "utf8"))?.nonce === mine.nonce) unlinkSync(path);
  } catch {
    // Gone already, or out of reach: a process that has ended does not keep it.
  }
}

export interface HeldLock {
  /** Gives the lock back. */
  readonly release: () => void;
}

/** @returns the holder instead if another process has the folder. @throws InputError, or the file system's error */
export async function tryHold(folder: string): Promise<HeldLock | Holder> {
  const mine = thisProcess();
  return (await take(folder, LOCK_FILE, mine)) ?? { release: () => release(folder, mine) };
}

function refusal(folder: string, { pid, host }: Holder, where: string): InputError {
  const [who, what] =
    host === hostname()
      ? [`process ${pid}`, "Wait for it to end, or stop it."]
      : [`process ${pid} on ${host}`, `Wait for it to end; if it has, remove ${join(folder, LOCK_FILE)}.`];
  return new InputError(`${where}: ${who} is using that folder. ${what}`);
}

/** @throws InputError if another process has the folder */
export async function checkNotHeld(folder: string, where: string): Promise<void> {
  const holder = await holderIn(folder, LOCK_FILE);
  if (holder !== null && !hasEnded(holder)) throw refusal(folder, holder, where);
}

/**
 * Takes the lock until it is given back or the process ends, then removes what a process that was killed has left: drafts of `names`,
 * and claims.
 * @param where begins what an error says
 * @throws InputError if another process has the folder; the file system's error
 */
export async function holdFolder(folder: string, names: readonly string[], where: string): Promise<HeldLock> {
  const held = await tryHold(folder);
  if (!("release" in held)) throw refusal(folder, held, where);
  process.once("exit", held.release);
  const isLeft = (name: string) => isClaim(name) || [LOCK_FILE, ...names].includes(nameOfDraft(name) ?? "");
  for (const name of (await readdir(folder)).filter(isLeft)) await rm(join(folder, name), { force: true }).catch(() => {});
  return {
    release: () => {
      process.off("exit", held.release);
      held.release();
    },
  };
}
