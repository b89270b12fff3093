// Profiles of browsers, in the temporary folder: made for each, removed when it has ended, or by the next one if this process is killed.

import { rmSync, rmdirSync } from "node:fs";
import { lstat, mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LOCK_FILE, tryHold, type HeldLock } from "./lock.ts";

const PREFIX = "deltaprop-browser-",
  PROFILE = "profile";

/** The lock goes last: who is killed halfway leaves what the next one finds. A browser that ends may still be writing. */
function remove(folder: string, held: HeldLock): void {
  try {
    rmSync(join(folder, PROFILE), { recursive: true, force: true, maxRetries: 3, retryDelay: 50 });
    held.release();
    rmdirSync(folder);
  } catch {
    // Left to the next one.
  }
}

/** Only folders of this user's in which a process that has ended has the lock. */
async function isOurs(folder: string): Promise<boolean> {
  const [found, lock] = [await lstat(folder).catch(() => null), await lstat(join(folder, LOCK_FILE)).catch(() => null)];
  return found !== null && lock !== null && found.isDirectory() && lock.isFile() && found.uid === (process.getuid?.() ?? found.uid);
}

/** Removes profiles of processes that were killed. */
export async function cleanProfiles(): Promise<void> {
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    const folder = join(tmpdir(), name);
    if (!name.startsWith(PREFIX) || !(await isOurs(folder))) continue;
    const held = await tryHold(folder).catch(() => null);
    if (held && "release" in held) remove(folder, held);
  }
}

export interface Profile {
  /** For the browser to make. */
  readonly folder: string;
  readonly remove: () => void;
}

/** @throws the file system's error */
export async function openProfile(): Promise<Profile> {
  const folder = await mkdtemp(join(tmpdir(), PREFIX)),
    held = await tryHold(folder);
  if (!("release" in held)) throw new Error(`${folder} was taken by process ${held.pid}.`);
  return { folder: join(folder, PROFILE), remove: () => remove(folder, held) };
}
